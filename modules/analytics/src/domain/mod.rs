//! What an order adds to the figures, and which days can be asked for.

mod period;
mod sale;
mod term;

pub(crate) use period::{InvalidPeriod, Period};
pub(crate) use sale::Sale;
pub(crate) use term::TermSort;
