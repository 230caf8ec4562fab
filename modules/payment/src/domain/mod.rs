//! The rules of payments: pure, without I/O, clock or randomness.

pub mod card;
pub mod payment;
pub mod refund;
pub mod status;
