//! Pure rules of stored value.

pub mod account;
pub mod code;
pub mod movement;
pub mod share;
