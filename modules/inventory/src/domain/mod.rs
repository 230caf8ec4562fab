//! The rules of stock, without storage.

mod adjustment;
mod allocation;
mod level;
mod location;
mod part;
mod reservation;
mod stocktake;

pub use adjustment::Adjustment;
pub use allocation::Allocation;
pub(crate) use allocation::{Shelf, allocate};
pub(crate) use level::available;
pub use level::{Level, Limits, UNITS_MAX};
pub use location::{Location, LocationInput};
pub(crate) use part::{Change, Part, divide};
pub use reservation::{Hold, HoldState, LINES_MAX, Wanted};
pub(crate) use reservation::{InvalidLines, Line, Reserved, wanted};
pub use stocktake::{Stocktake, Transfer};

/// A field of a command that is not allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {allowed}")]
pub struct Invalid {
    /// The field.
    pub field: &'static str,
    /// What is allowed there.
    pub allowed: String,
}

impl Invalid {
    const fn new(field: &'static str, allowed: String) -> Self {
        Self { field, allowed }
    }
}

fn is_text(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}
