//! The rules of stock, without storage.

mod adjustment;
mod level;
mod reservation;

pub use adjustment::{Adjustment, InvalidAdjustment};
pub(crate) use level::shortages;
pub use level::{Level, UNITS_MAX};
pub use reservation::{Hold, HoldState, LINES_MAX};
pub(crate) use reservation::{InvalidLines, Reserved, Wanted, wanted};
