//! The rules of messages: pure, without I/O, clock or randomness.

pub(crate) mod address;
pub(crate) mod kind;
pub(crate) mod locale;
pub(crate) mod state;
pub(crate) mod webhook;
