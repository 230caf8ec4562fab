//! Why the module does not do what it is asked.

use kernel::Money;
use kernel::id::CreditAccountId;
use kernel::ports::{CreditError, CreditReason, Unavailable};
use platform::sql;

use crate::domain::account::State;

/// Why a use case did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such gift card or store credit.
    #[error("there is no gift card or store credit {0}")]
    NotFound(CreditAccountId),
    /// It does not pay; of several codes the one at this place, from 0.
    #[error("{}", .0.detail())]
    Refused(CreditReason, Option<usize>),
    /// No more can be taken away than is left.
    #[error("only {0} is left")]
    TooMuch(Money),
    /// Where the card stands this cannot be done.
    #[error("the gift card is {}", .0.word())]
    State(State),
    /// Another one did the same at the same time: it is to be looked at again.
    #[error("it was done at the same time")]
    Stale,
    /// The key of the command was used with another one.
    #[error("the key was used with another command")]
    KeyReused,
    /// Storage said so.
    #[error(transparent)]
    Storage(#[from] sql::Error),
}

/// The result of a use case.
pub type Result<T> = std::result::Result<T, Error>;

impl sql::AsConflict for Error {
    fn is_conflict(&self) -> bool {
        match self {
            Self::Storage(error) => error.is_conflict(),
            Self::Stale => true,
            _ => false,
        }
    }
}

impl From<Error> for CreditError {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(reason, at) => Self::Refused(reason, at),
            other => Self::Unavailable(Unavailable::new("credit", other)),
        }
    }
}
