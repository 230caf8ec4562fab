//! The rules of stock, without storage.

mod adjustment;
mod allocation;
mod cover;
mod level;
mod location;
mod part;
mod policy;
mod reservation;
mod stocktake;

pub use adjustment::Adjustment;
pub use allocation::Allocation;
pub(crate) use allocation::{Shelf, allocate};
pub(crate) use cover::{Given, Promised, Waiting, backordered, can_leave, cover, owed};
pub use level::{Level, Limits, UNITS_MAX};
pub(crate) use level::{available, on_offer};
pub use location::{Location, LocationInput};
pub(crate) use part::{Change, Part, divide};
pub use policy::{BACKORDER_MAX, Policy, StockPolicy};
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
