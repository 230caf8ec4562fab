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
            AccountError::HashersBusy => Self::unavailable(error),
            AccountError::Hashing(_) | AccountError::Signing(_) => Self::internal(error),
            AccountError::Storage(error) => error.into(),
        }
    }
}
