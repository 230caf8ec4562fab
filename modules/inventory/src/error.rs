//! What the inventory refuses.

use kernel::id::ProductId;
use kernel::ports::{Shortage, StockError, Unavailable};
use kernel::problem::Problem;
use platform::sql::{self, AsConflict};

use crate::domain::InvalidLines;

/// Why stock was not promised or kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HoldError {
    /// There is not enough; nothing was reserved.
    #[error("not enough stock of {} products", .0.len())]
    OutOfStock(Vec<Shortage>),
    /// It was given back, or there never was one.
    #[error("the reservation has ended")]
    Ended,
    /// A mistake of the caller: no order has such lines.
    #[error(transparent)]
    Invalid(#[from] InvalidLines),
    /// A mistake of the caller: an order reserves once.
    #[error("the order has reserved other lines before")]
    OtherLines,
    /// There was not enough when it was looked for, and is now: try again.
    #[error("stock came back while it was looked for")]
    CameBack,
    /// Storage said so.
    #[error(transparent)]
    Storage(#[from] sql::Error),
}

impl AsConflict for HoldError {
    fn is_conflict(&self) -> bool {
        match self {
            Self::CameBack => true,
            Self::Storage(error) => error.is_conflict(),
            Self::OutOfStock(_) | Self::Ended | Self::Invalid(_) | Self::OtherLines => false,
        }
    }
}

impl From<HoldError> for StockError {
    fn from(error: HoldError) -> Self {
        match error {
            HoldError::OutOfStock(lines) => Self::OutOfStock(lines),
            HoldError::Ended => Self::ReservationEnded,
            HoldError::Invalid(_)
            | HoldError::OtherLines
            | HoldError::CameBack
            | HoldError::Storage(_) => Self::Unavailable(Unavailable::new("inventory", error)),
        }
    }
}

/// Why stock was not adjusted; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum AdjustError {
    /// No product with this id was ever added to the catalogue.
    #[error("there is no stock of product {0}")]
    UnknownProduct(ProductId),
    /// Less than what is promised would be left, or more than a location holds.
    #[error("the stock can be adjusted by {lowest} to {highest}")]
    OutOfRange {
        /// The smallest change that is allowed.
        lowest: i64,
        /// The largest.
        highest: i64,
    },
    /// It was not allowed when it was tried, and is now: try again.
    #[error("the stock changed while it was looked for")]
    Changed,
    /// The key belongs to a command that is running or was another one.
    #[error("{0}")]
    Claimed(Box<Problem>),
    /// Storage said so.
    #[error(transparent)]
    Storage(#[from] sql::Error),
}

impl AsConflict for AdjustError {
    fn is_conflict(&self) -> bool {
        match self {
            Self::Changed => true,
            Self::Storage(error) => error.is_conflict(),
            Self::UnknownProduct(_) | Self::OutOfRange { .. } | Self::Claimed(_) => false,
        }
    }
}
