//! What the inventory refuses.

use kernel::id::ProductId;
use kernel::ports::{Shortage, StockError, Unavailable};
use kernel::problem::Problem;
use platform::sql::{self, AsConflict};
use serde::Serialize;

use crate::domain::{Invalid, InvalidLines};

/// Why stock was not promised or kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HoldError {
    /// There is not enough; nothing was reserved.
    #[error("not enough stock of {} products", .0.len())]
    OutOfStock(Vec<Shortage>),
    /// It was given back, or there never was one.
    #[error("the reservation has ended")]
    Ended,
    /// A mistake of the caller: only what was promised for good leaves the house.
    #[error("the reservation is not final")]
    NotFinal,
    /// A mistake of the caller: no order has such lines.
    #[error(transparent)]
    Invalid(#[from] InvalidLines),
    /// A mistake of the caller: an order reserves once.
    #[error("the order has reserved other lines before")]
    OtherLines,
    /// Storage said so.
    #[error(transparent)]
    Storage(#[from] sql::Error),
}

impl AsConflict for HoldError {
    fn is_conflict(&self) -> bool {
        matches!(self, Self::Storage(error) if error.is_conflict())
    }
}

impl From<HoldError> for StockError {
    fn from(error: HoldError) -> Self {
        match error {
            HoldError::OutOfStock(lines) => Self::OutOfStock(lines),
            HoldError::Ended => Self::ReservationEnded,
            HoldError::NotFinal
            | HoldError::Invalid(_)
            | HoldError::OtherLines
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
    /// The location is not in use and takes in no units.
    #[error("location {0} is not in use")]
    NotInUse(String),
    /// Less than what is promised would be left, or more than a location holds.
    #[error("the stock can be adjusted by {lowest} to {highest}")]
    OutOfRange {
        /// The smallest change that is allowed.
        lowest: i64,
        /// The largest.
        highest: i64,
    },
    /// More units are owed than the cap would allow.
    #[error("{owed} units are promised beyond what lies there")]
    CapTooLow {
        /// How many are owed.
        owed: i64,
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
            Self::UnknownProduct(_)
            | Self::NotInUse(_)
            | Self::OutOfRange { .. }
            | Self::CapTooLow { .. }
            | Self::Claimed(_) => false,
        }
    }
}

/// Why a location was not opened or changed.
#[derive(Debug, thiserror::Error)]
pub enum LocationError {
    /// There is one of this code already, or as many as there can be.
    #[error("there is a location of this code, or there are too many")]
    Refused,
    /// There is none of this code.
    #[error("there is no such location")]
    Unknown,
    /// The code cannot be changed.
    #[error("the code of a location stays")]
    CodeStays,
    /// Somebody changed it meanwhile.
    #[error("the location was changed meanwhile")]
    Stale {
        /// The version it is in now.
        current: i64,
    },
    /// A field is not allowed.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// Storage said so.
    #[error(transparent)]
    Storage(#[from] sql::Error),
}

impl AsConflict for LocationError {
    fn is_conflict(&self) -> bool {
        matches!(self, Self::Storage(error) if error.is_conflict())
    }
}

/// A line of a stocktake or a transfer that is not possible.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Impossible {
    /// The product.
    pub product_id: ProductId,
    /// The units that were named.
    pub units: i64,
    /// How many lie there.
    pub on_hand: i64,
    /// How many of them are promised.
    pub reserved: i64,
}

/// Why a stocktake or a transfer was not made; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ShiftError {
    /// There is no such location: the field that names it.
    #[error("{0} is no location")]
    UnknownLocation(&'static str),
    /// The location is not in use and takes in no units.
    #[error("location {0} is not in use")]
    NotInUse(String),
    /// No product with this id was ever added to the catalogue.
    #[error("there is no stock of product {0}")]
    UnknownProduct(ProductId),
    /// Less than what is promised would be left, or more than a location holds.
    #[error("{} lines are not possible", .0.len())]
    Impossible(Vec<Impossible>),
    /// Stock changed while it was looked at: try again.
    #[error("stock moved while it was looked at")]
    Moved,
    /// The key belongs to a command that is running or was another one.
    #[error("{0}")]
    Claimed(Box<Problem>),
    /// Storage said so.
    #[error(transparent)]
    Storage(#[from] sql::Error),
}

impl AsConflict for ShiftError {
    fn is_conflict(&self) -> bool {
        match self {
            Self::Moved => true,
            Self::Storage(error) => error.is_conflict(),
            _ => false,
        }
    }
}
