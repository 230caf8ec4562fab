//! The rules of payments: pure, without I/O, clock or randomness.

pub mod authentication;
pub mod dispute;
pub mod outcome;
pub mod payment;
pub mod refund;
pub mod status;
