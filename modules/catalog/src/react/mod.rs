//! What the catalogue does when it hears of things.

pub(crate) mod sales;
pub(crate) mod stock;
