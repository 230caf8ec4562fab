use kernel::problem::{Problem, code};
use platform::http::Failure;

use crate::error::AccountError;

impl From<AccountError> for Failure {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::Invalid(invalid) => {
                Problem::invalid(invalid.field, invalid.message).into()
            }
            AccountError::EmailTaken => {
                let detail = "Log in with this e-mail address, or register another one.";
                Problem::new(code::EMAIL_TAKEN, detail).into()
            }
            AccountError::WrongCredentials => {
                let detail = "No account has this e-mail address and this password.";
                Problem::new(code::INVALID_CREDENTIALS, detail).into()
            }
            AccountError::TooManyAttempts { retry_after_s } => {
                let detail = format!("Try to log in again in {retry_after_s} seconds.");
                Problem::new(code::TOO_MANY_ATTEMPTS, detail)
                    .with("retry_after_s", retry_after_s)
                    .into()
            }
            AccountError::NoSession => {
                Problem::new(code::UNAUTHENTICATED, "The session has ended; log in again.").into()
            }
            AccountError::WrongCode => {
                let detail = "The code is wrong, too old, or was used; take the next one.";
                Problem::new(code::INVALID_CODE, detail).into()
            }
            AccountError::PasskeyRefused => {
                let detail =
                    "The passkey is not known here, or its answer is too old; begin again.";
                Problem::new(code::PASSKEY_REFUSED, detail).into()
            }
            AccountError::FactorThere => {
                let detail = "There is such a second factor already: remove it first.";
                Problem::new(code::CONFLICT, detail).into()
            }
            AccountError::StrongerFactor => {
                let detail = "Codes by e-mail are for accounts without a device and a passkey.";
                Problem::new(code::CONFLICT, detail).into()
            }
            error @ AccountError::Sealing => Self::internal(error),
            AccountError::LinkInvalid => {
                let detail = "The link was used, has expired, or never was; ask for another one.";
                Problem::new(code::LINK_INVALID, detail).into()
            }
            AccountError::NoAccount => {
                Problem::new(code::FORBIDDEN, "This is for people with an account here.").into()
            }
            AccountError::Absent(what) => Problem::not_found(format_args!("such {what}")).into(),
            AccountError::Stale { current } => {
                let detail =
                    format!("It is at version {current} now: read it again, then change that.");
                Problem::new(code::VERSION_CONFLICT, detail).with("current_version", current).into()
            }
            AccountError::NameTaken(name) => {
                let message = format!("{name:?} is in use");
                Problem::new(code::CODE_TAKEN, format!("name: {message}."))
                    .field("name", message)
                    .into()
            }
            AccountError::RoleInUse => {
                let detail = "Somebody has this role: give them another one first.";
                Problem::new(code::CONFLICT, detail).into()
            }
            AccountError::RoleChanged => {
                let detail = "Somebody else changed the role of this account: look again.";
                Problem::new(code::CONFLICT, detail).into()
            }
            AccountError::GroupChanged => {
                let detail = "Somebody else changed the group of this account: look again.";
                Problem::new(code::CONFLICT, detail).into()
            }
            AccountError::OwnRole => {
                let detail = "Somebody else has to change your role.";
                Problem::new(code::FORBIDDEN, detail).into()
            }
            AccountError::LastAdmin => {
                let detail = "A shop needs an admin: make somebody else one first.";
                Problem::new(code::CONFLICT, detail).into()
            }
            AccountError::Beyond(permissions) => {
                let detail = format!("You may not do this yourself: {permissions}.");
                Problem::new(code::FORBIDDEN, detail).with("permissions", permissions).into()
            }
            AccountError::TooMany { what, most } => {
                let detail = format!("A shop has at most {most} {what}.");
                Problem::new(code::CONFLICT, detail).into()
            }
            AccountError::HashersBusy => Self::unavailable(error),
            AccountError::Hashing(_) | AccountError::Signing(_) => Self::internal(error),
            AccountError::Storage(error) => error.into(),
        }
    }
}
