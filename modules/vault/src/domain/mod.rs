//! How a card number is sealed and told again. Pure functions.

pub mod seal;
