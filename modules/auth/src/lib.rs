//! Accounts, passwords, sessions and roles: who is calling, and what they may do.
//!
//! The module promises that a password is stored only as its Argon2id hash and never logged or
//! echoed; that guesses made at the same time cannot pass their limit together; that nobody learns
//! from login whether an address has an account; that a stolen refresh token ends its session when
//! either party uses it again; and that an access token is checked without the database and still
//! refused at once after a logout here, and within `revocation_poll_ms` after one elsewhere.
//!
//! No e-mail address, name or device stands plain in its tables: they are sealed under a key of whoever
//! they are about, and go with it. An account is found by a keyed name of its address.
//!
//! The commands take no `Idempotency-Key`: what is stored for one would hold a fast hash of a
//! password. A registration that is sent again is refused by its e-mail address.

mod access_token;
mod authority;
mod domain;
mod error;
mod hasher;
mod http;
mod issuers;
mod keys;
mod ports;
mod react;
mod records;
mod revocations;
mod secrets;
mod settings;
mod store;
mod usecase;
mod verify;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::ServiceConfig;
use kernel::id::{ApiKeyId, CustomerId};
use kernel::ports::{Mailer, PersonKey, Purpose, Role};
use kernel::{Permissions, Timestamp};
use platform::audit::Actor;
use platform::bus::Subscription;
use platform::module::Schema;
use platform::sql::{self, Db};
use platform::tasks::Tasks;
use platform::verify::Check;
use secrecy::SecretString;
use webauthn_rs::prelude::Webauthn;

pub use error::{AccountError, Invalid, OpenError};
pub use settings::{Issuer, Settings};
pub use store::attempts::LOGIN_ATTEMPTS;
pub use store::personal::SEALED;

use access_token::AccessTokens;
use authority::Authority;
use domain::Email;
use domain::api_key::{NewApiKey, RATE_MAX};
use hasher::Hasher;
use issuers::Issuers;
use keys::Keys;
use revocations::Revocations;
use secrets::Secrets;

/// How often an account that another one is making is looked for, ...
const ENSURE_TRIES_MAX: u32 = 20;
/// ... and the pause in between.
const ENSURE_PAUSE: Duration = Duration::from_millis(20);

/// How many letters are sent at the same time: mail servers bear few connections of one client.
const LETTERS_AT_ONCE: usize = 4;

/// The secret's file in the folder of keys.
const SECRET_FILE: &str = "root.key";

platform::migrations! { "auth": "0001_auth", "0002_roles_and_keys", "0003_letters", "0004_second_factors",
"0005_groups", "0006_personal" }

/// The module's schema.
pub const SCHEMA: Schema = Schema {
    module: "auth",
    migrations: MIGRATIONS,
    statements: &[
        store::accounts::STATEMENTS,
        store::api_keys::STATEMENTS,
        store::attempts::STATEMENTS,
        store::erase::STATEMENTS,
        store::factors::STATEMENTS,
        store::letters::STATEMENTS,
        store::passkeys::STATEMENTS,
        store::personal::STATEMENTS,
        store::plain::STATEMENTS,
        store::roles::STATEMENTS,
        store::sessions::STATEMENTS,
        verify::STATEMENTS,
    ],
    guards: &[LOGIN_ATTEMPTS],
};

/// Makes a new key that signs access tokens, in the folder of keys, and removes those whose tokens have
/// all expired; the audit log has it. Returns from when on it signs; servers that run find it by
/// themselves.
pub async fn rotate_keys(db: &Db, folder: &Path, actor: &Actor) -> Result<Timestamp, OpenError> {
    usecase::rotate_keys(db, folder, actor).await
}

/// The accounts of the shop. Cheap to clone.
#[derive(Clone)]
pub struct Accounts(Arc<Inner>);

struct Inner {
    db: Db,
    settings: Settings,
    keys: Keys,
    secrets: Secrets,
    tokens: AccessTokens,
    hasher: Hasher,
    revocations: Revocations,
    authority: Authority,
    passkeys: Webauthn,
    issuers: Issuers,
    mailer: Arc<dyn Mailer>,
}

impl Accounts {
    /// Opens the accounts of a migrated database, and seals what an older program left plain in it. The
    /// database knows the keys of people by then. The folder holds the keys that sign access tokens
    /// and the secret that everything else is derived from; nodes share it, and what is missing in it
    /// is made.
    pub async fn open(
        db: Db,
        settings: Settings,
        keys: &Path,
        mailer: Arc<dyn Mailer>,
    ) -> Result<Self, OpenError> {
        settings.check()?;
        let file = keys.join(SECRET_FILE);
        let (keys, secrets) = (Keys::open(keys)?, Secrets::open(&file)?);
        if !usecase::finds_accounts(&db, &secrets).await? {
            return Err(OpenError::OtherSecret { file });
        }
        usecase::seal_plain(&db, &secrets).await.map_err(AccountError::from)?;
        let tokens = AccessTokens::new(&settings);
        let issuers = Issuers::new(&settings.issuers)?;
        let passkeys = settings.passkeys().map_err(AccountError::from)?;
        let hasher = Hasher::new(&settings).await?;
        let revocations = Revocations::new(settings.access_token());
        revocations.refresh(&db).await.map_err(AccountError::from)?;
        let authority = Authority::default();
        authority.refresh(&db).await.map_err(AccountError::from)?;
        Ok(Self(Arc::new(Inner {
            db,
            settings,
            keys,
            secrets,
            tokens,
            hasher,
            revocations,
            authority,
            passkeys,
            issuers,
            mailer,
        })))
    }

    /// The endpoints under `/v1/auth`, and `/.well-known/jwks.json`.
    pub fn routes(&self, config: &mut ServiceConfig) {
        http::routes(self, config);
    }

    /// The description of the endpoints.
    pub fn openapi() -> utoipa::openapi::OpenApi {
        http::openapi()
    }

    /// What the module does with events: it sends the letters it wrote.
    pub fn subscriptions(&self) -> Vec<Subscription> {
        let send = react::send_letters::SendLetters { accounts: self.clone() };
        let topics = react::send_letters::TOPICS;
        let letters = Subscription::effect("auth.letters", self.db(), topics, send);
        vec![letters.at_once_max(LETTERS_AT_ONCE)]
    }

    /// Starts looking up the logouts of other nodes and deleting what has expired.
    pub fn start(&self, tasks: &Tasks) {
        let accounts = self.clone();
        let (poll, wake) = (self.settings().revocation_poll(), self.db().woken());
        tasks.every("auth.revocations", poll, Some(wake), move || {
            let accounts = accounts.clone();
            async move { accounts.poll_revocations().await.map(|()| false) }
        });
        let accounts = self.clone();
        tasks.every("auth.prune", self.settings().prune_every(), None, move || {
            let accounts = accounts.clone();
            async move { accounts.prune().await }
        });
    }

    /// Checks the module's invariants.
    pub async fn verify(&self) -> sql::Result<Vec<Check>> {
        verify::all(self.db()).await
    }

    /// Opens an account with any role but guest, on behalf of somebody who is named in the audit log. An
    /// e-mail address that has one is refused with [`AccountError::EmailTaken`].
    pub async fn create(
        &self,
        email: &str,
        password: SecretString,
        name: &str,
        role: Role,
        actor: &Actor,
    ) -> Result<CustomerId, AccountError> {
        let made = usecase::create(self, email, password, name, role, Some(actor)).await;
        made.map(|account| account.id)
    }

    /// Like [`Accounts::create`], but leaves an account that is there as it is.
    pub async fn ensure(
        &self,
        email: &str,
        password: SecretString,
        name: &str,
        role: Role,
        actor: &Actor,
    ) -> Result<CustomerId, AccountError> {
        let address = Email::new(email)?;
        for _ in 0..ENSURE_TRIES_MAX {
            if let Some(id) = self.of_email(&address).await? {
                return Ok(id);
            }
            match self.create(email, password.clone(), name, role, actor).await {
                // Another one is making it and has not reached the disk yet.
                Err(AccountError::EmailTaken) => tokio::time::sleep(ENSURE_PAUSE).await,
                created => return created,
            }
        }
        Err(AccountError::EmailTaken)
    }

    /// Somebody by their id or by the e-mail address of their account. An id is taken as it is: guests and
    /// people of another issuer have no address. None for an address that has no account.
    pub async fn find(&self, who: &str) -> Result<Option<CustomerId>, AccountError> {
        match who.parse() {
            Ok(id) => Ok(Some(id)),
            Err(_) => Ok(self.of_email(&Email::new(who)?).await?),
        }
    }

    /// Whether somebody has been here, also if they were erased since; not whoever another issuer introduced.
    pub async fn is_known(&self, person: CustomerId) -> sql::Result<bool> {
        store::accounts::is_known(self.db(), person).await
    }

    /// Erases somebody, whoever they are here: their sessions end, and what was kept to serve them goes.
    /// Others hear of it by [`kernel::events::CustomerErased`]. What the law wants kept goes when
    /// `with_records`, now or by a later call. False when there was nothing left to erase.
    ///
    /// The last admin is refused with [`AccountError::LastAdmin`].
    pub async fn erase(
        &self,
        person: CustomerId,
        with_records: bool,
        actor: &Actor,
    ) -> Result<bool, AccountError> {
        usecase::erase(self, person, with_records, actor).await
    }

    /// Whether somebody is the last admin, who cannot be erased.
    pub async fn is_last_admin(&self, person: CustomerId) -> Result<bool, AccountError> {
        let mut tx = self.db().begin("auth.erase.look").await?;
        Ok(store::erase::hold_admins(&mut tx).await? == [person])
    }

    /// Makes an API key for a program of the operator, in the name of an account; it ends at
    /// `expires_at` or with [`Accounts::revoke_key`]. No limit of a route counts for it.
    pub async fn issue_key(
        &self,
        made_by: CustomerId,
        name: &str,
        permissions: Permissions,
        expires_at: Timestamp,
    ) -> Result<(ApiKeyId, SecretString), AccountError> {
        let new = NewApiKey {
            name: name.to_owned(),
            permissions,
            rate_per_s: Some(RATE_MAX),
            expires_at: Some(expires_at),
        };
        let maker = (made_by, Permissions::ALL);
        let (key, fresh) = usecase::create_key(self, new, maker, &Actor::OPERATOR).await?;
        Ok((key.id, fresh.text.into()))
    }

    /// Ends an API key on behalf of the operator.
    pub async fn revoke_key(&self, id: ApiKeyId) -> Result<(), AccountError> {
        usecase::revoke_key(self, id, &Actor::OPERATOR).await
    }

    /// Looks up the sessions that were ended since the last time, and what roles and keys may do
    /// now; [`Accounts::start`] does so regularly.
    pub async fn poll_revocations(&self) -> sql::Result<()> {
        if let Err(error) = self.keys().refresh() {
            tracing::error!(%error, "the folder of keys cannot be read; the keys known are kept");
        }
        self.revocations().refresh(self.db()).await?;
        self.authority().write_uses(self.db()).await?;
        self.authority().refresh(self.db()).await
    }

    /// Deletes expired sessions and old windows of login attempts; [`Accounts::start`] does so
    /// regularly. True when there may be more.
    pub async fn prune(&self) -> sql::Result<bool> {
        let mut tx = self.db().begin("auth.prune").await?;
        let sessions = store::sessions::prune(&mut tx, store::PRUNE_MAX).await?;
        let attempts = store::attempts::prune(&mut tx, store::PRUNE_MAX).await?;
        let letters = store::letters::prune(&mut tx, store::PRUNE_MAX).await?;
        let asked = store::passkeys::prune(&mut tx, store::PRUNE_MAX).await?;
        tx.commit().await?;
        Ok(sessions.max(attempts).max(letters).max(asked) >= store::PRUNE_MAX.unsigned_abs())
    }

    async fn of_email(&self, address: &Email) -> sql::Result<Option<CustomerId>> {
        let index = self.secrets().email_index(address.as_str());
        store::accounts::id_of_email(self.db(), &index).await
    }

    /// The key that what is kept about somebody is sealed under.
    pub(crate) async fn key(&self, person: CustomerId) -> sql::Result<Arc<PersonKey>> {
        self.db().people()?.key(person, Purpose::Service).await
    }

    pub(crate) fn issuers(&self) -> &Issuers {
        &self.0.issuers
    }

    pub(crate) fn db(&self) -> &Db {
        &self.0.db
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.0.keys
    }

    pub(crate) fn secrets(&self) -> &Secrets {
        &self.0.secrets
    }

    pub(crate) fn passkeys(&self) -> &Webauthn {
        &self.0.passkeys
    }

    pub(crate) fn mailer(&self) -> &dyn Mailer {
        self.0.mailer.as_ref()
    }

    pub(crate) fn tokens(&self) -> &AccessTokens {
        &self.0.tokens
    }

    pub(crate) fn hasher(&self) -> &Hasher {
        &self.0.hasher
    }

    pub(crate) fn revocations(&self) -> &Revocations {
        &self.0.revocations
    }

    pub(crate) fn authority(&self) -> &Authority {
        &self.0.authority
    }
}
