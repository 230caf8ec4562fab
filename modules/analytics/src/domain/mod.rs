//! What an order and its refunds add to the figures, and which days can be asked for.

mod given;
mod period;
mod sale;
mod term;

pub(crate) use given::Given;
pub(crate) use period::{InvalidPeriod, Period};
pub(crate) use sale::{InvalidSale, Sale};
pub(crate) use term::TermSort;
