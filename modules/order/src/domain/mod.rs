//! The rules of orders: pure, without I/O, clock or randomness.

pub mod cart;
pub mod number;
pub mod order;
pub mod status;
pub mod timeline;
pub mod totals;
