//! What can be asked of the ledger.

mod fetch;
mod resolve;
mod settle;

pub(crate) use fetch::{fetch, round};
pub(crate) use resolve::resolve;
pub(crate) use settle::settle;
