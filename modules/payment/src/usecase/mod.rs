//! What can be done with payments, one file each.

pub mod authenticate;
pub mod authorize;
pub mod cancel;
pub mod capture;
pub mod challenge;
pub mod command;
pub mod hear;
pub mod look;
mod noted;
pub mod operate;
pub mod refund;
pub mod resolve;
