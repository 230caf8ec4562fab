//! What an order adds to the figures, and which days can be asked for.

mod period;
mod sale;

pub(crate) use period::{InvalidPeriod, Period};
pub(crate) use sale::Sale;
