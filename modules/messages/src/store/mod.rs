//! The tables of messages, as functions over a unit of work.

pub(crate) mod message;
pub(crate) mod people;
pub(crate) mod webhook;
