//! The rules of the sandbox carrier.

pub mod behaviour;
pub mod parcel;
