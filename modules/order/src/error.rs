//! Why the module does not do what it was asked.

use kernel::ports::Unavailable;
use kernel::{MoneyError, Problem};
use platform::sql;

use crate::domain::order::Order;
use crate::domain::status::Status;

/// What can go wrong with a cart or an order.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// A refusal that the caller can act on, with its code.
    #[error("{0}")]
    Refused(Problem),
    /// The order does not exist, or belongs to someone else.
    #[error("there is no such order")]
    NotFound,
    /// The order's state does not allow it; these moves it does.
    #[error("an order that is {} cannot do this", .0.word())]
    State(Status, Vec<&'static str>),
    /// The order moved while it was being decided on.
    #[error("the order has just changed")]
    Stale,
    /// The cart is being ordered.
    #[error("the cart is being ordered")]
    CartHeld,
    /// A sum cannot be made.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// Another module did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// Storage did not do what it was asked.
    #[error(transparent)]
    Storage(#[from] sql::Error),
}

impl OrderError {
    /// What was asked of an order is not possible as it stands.
    pub(crate) fn state(order: &Order) -> Self {
        Self::State(order.status, order.allowed())
    }
}

impl From<Problem> for OrderError {
    fn from(problem: Problem) -> Self {
        Self::Refused(problem)
    }
}

impl sql::AsConflict for OrderError {
    fn is_conflict(&self) -> bool {
        match self {
            Self::Storage(error) => error.is_conflict(),
            Self::Stale => true,
            _ => false,
        }
    }
}
