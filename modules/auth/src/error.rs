//! Refusals.

use std::path::PathBuf;

use kernel::Permissions;
use platform::sql;
use webauthn_rs::prelude::WebauthnError;

/// Why something asked of the accounts was not done.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// A value is not allowed.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The e-mail address already has an account.
    #[error("this e-mail address already has an account")]
    EmailTaken,
    /// There is no such account, or the password is not its own; nobody is told which.
    #[error("the e-mail address or the password is wrong")]
    WrongCredentials,
    /// Too many wrong passwords for this account or from this address.
    #[error("too many wrong passwords; try again in {retry_after_s} s")]
    TooManyAttempts {
        /// When the next try may succeed, in seconds.
        retry_after_s: u64,
    },
    /// The session ended, or never was.
    #[error("the session has ended; log in again")]
    NoSession,
    /// A code is wrong, or was used.
    #[error("the code is wrong, or was used")]
    WrongCode,
    /// A passkey is not known, or its answer is not good.
    #[error("the passkey was refused")]
    PasskeyRefused,
    /// There is such a second factor already.
    #[error("the second factor is there already")]
    FactorThere,
    /// A letter with a code is for who has nothing better.
    #[error("the account has a stronger second factor")]
    StrongerFactor,
    /// A second factor could not be sealed or opened.
    #[error("a second factor could not be sealed or opened")]
    Sealing,
    /// What a link opens was opened, has closed, or never was.
    #[error("the link was used, has expired, or never was")]
    LinkInvalid,
    /// A guest, or somebody of another issuer, has no account here.
    #[error("there is no account here")]
    NoAccount,
    /// There is no such thing.
    #[error("there is no such {0}")]
    Absent(&'static str),
    /// It was changed since the caller read it.
    #[error("it is at version {current} now")]
    Stale {
        /// Its version now.
        current: i64,
    },
    /// Another role has the name.
    #[error("the name {0:?} is in use")]
    NameTaken(String),
    /// Somebody has the role.
    #[error("somebody has the role")]
    RoleInUse,
    /// Nobody changes their own role.
    #[error("nobody changes their own role")]
    OwnRole,
    /// The role of the account was changed at the same time.
    #[error("the role of the account was changed meanwhile")]
    RoleChanged,
    /// The customer group of the account was changed at the same time.
    #[error("the customer group of the account was changed meanwhile")]
    GroupChanged,
    /// A shop without an admin could not make one.
    #[error("it is the last admin")]
    LastAdmin,
    /// Nobody gives away what they may not do.
    #[error("it needs more than the caller may: {0}")]
    Beyond(Permissions),
    /// The shop has as many as it can have.
    #[error("a shop has at most {most} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        most: i64,
    },
    /// Too many passwords are being worked on.
    #[error("too many passwords are being checked right now")]
    HashersBusy,
    /// A password could not be worked on.
    #[error("password hash: {0}")]
    Hashing(String),
    /// A token could not be signed.
    #[error("access token")]
    Signing(#[from] jsonwebtoken::errors::Error),
    /// Storage did not do what it was asked.
    #[error(transparent)]
    Storage(#[from] sql::Error),
}

impl sql::AsConflict for AccountError {
    fn is_conflict(&self) -> bool {
        matches!(self, Self::Storage(error) if error.is_conflict())
    }
}

/// What is wrong with an answer is for the log of whoever made the authenticator.
impl From<WebauthnError> for AccountError {
    fn from(error: WebauthnError) -> Self {
        tracing::debug!(%error, "a passkey was refused");
        Self::PasskeyRefused
    }
}

/// A value that is not allowed, and what is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct Invalid {
    /// The field of the request.
    pub field: &'static str,
    /// What is allowed there.
    pub message: &'static str,
}

/// Why the accounts could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A setting makes no sense.
    #[error("{0}")]
    Settings(&'static str),
    /// The costs of the password hash are not ones Argon2 knows.
    #[error("auth.argon2_*: {0}")]
    Argon2(argon2::Error),
    /// The key file could not be read or made.
    #[error("key file {file}")]
    KeyFile {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file of the module's secret holds something else.
    #[error("key file {file} must hold 32 bytes in hex")]
    Secret {
        /// The file.
        file: PathBuf,
    },
    /// The module's secret is not the one that the accounts of this database are found by.
    #[error("key file {file} is not the one of this database: no account would be found by it")]
    OtherSecret {
        /// The file.
        file: PathBuf,
    },
    /// The key file holds something else.
    #[error("key file {file} must hold an Ed25519 private key (PKCS #8, PEM)")]
    Key {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        source: jsonwebtoken::errors::Error,
    },
    /// Other issuers cannot be asked.
    #[error("the client for other issuers")]
    Client(#[source] reqwest::Error),
    /// The first password could not be hashed or the sessions not be read.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The log could not be written.
    #[error(transparent)]
    Storage(#[from] sql::Error),
}
