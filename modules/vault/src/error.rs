//! Why the vault does not do what it is asked.

use kernel::ports::Unavailable;
use platform::http::Failure;
use platform::sql;
use uuid::Uuid;

/// Why a card was not kept or could not be opened. No variant holds anything of a card.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Storage said so.
    #[error(transparent)]
    Storage(#[from] sql::Error),
    /// A key could not be wrapped or unwrapped, or nobody took the card.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// A card names a key that is not there, or is not in use any more.
    #[error("there is no data key {0}")]
    NoKey(Uuid),
    /// A number could not be sealed.
    #[error("a card number could not be sealed")]
    NotSealed,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Storage(error) => error.into(),
            Error::Unavailable(error) => error.into(),
            error @ (Error::NoKey(_) | Error::NotSealed) => Self::internal(error),
        }
    }
}
