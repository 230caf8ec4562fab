//! Why payments do not do what they are asked.

use kernel::Money;
use kernel::id::{OrderId, PaymentId};
use kernel::ports::Unavailable;
use kernel::problem::Problem;
use platform::sql;

use crate::domain::status::{Kind, Status};

/// A definite no; nothing was changed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// There is no such payment.
    #[error("there is no payment {0}")]
    NotFound(PaymentId),
    /// Where the payment stands does not allow it.
    #[error("a payment that is {} cannot be asked to {}", status.word(), wanted.word())]
    State {
        /// Where it stands.
        status: Status,
        /// What was asked.
        wanted: Kind,
    },
    /// It pays for something that stands: who lets it go leaves an order that nobody pays.
    #[error("the payment is what order {0} is paid with")]
    OrderStands(OrderId),
    /// The dispute was answered before, which is done once.
    #[error("the dispute was answered before")]
    Answered,
    /// More than there is.
    #[error("not more than {left} is left to {}", wanted.word())]
    TooMuch {
        /// What was asked.
        wanted: Kind,
        /// What is left.
        left: Money,
    },
    /// An amount that is not positive or of another currency.
    #[error("the amount must be positive and in the payment's currency")]
    Amount,
    /// The same command is running, or its key was used for another.
    #[error("{0}")]
    Key(Box<Problem>),
}

/// Why a use case did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A definite no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Storage said so.
    #[error(transparent)]
    Storage(#[from] sql::Error),
    /// The processor did not answer: the outcome is unknown and will be asked for.
    #[error(transparent)]
    Processor(#[from] Unavailable),
}

/// The result of a use case.
pub type Result<T> = std::result::Result<T, Error>;

impl From<Error> for Unavailable {
    fn from(error: Error) -> Self {
        match error {
            Error::Processor(unavailable) => unavailable,
            error @ (Error::Refused(_) | Error::Storage(_)) => Self::new("payments", error),
        }
    }
}
