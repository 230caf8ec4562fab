//! What the catalogue does when it hears of things.

pub(crate) mod stock;
