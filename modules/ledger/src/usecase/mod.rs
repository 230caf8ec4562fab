//! What can be asked of the ledger.

mod resolve;
mod settle;

pub(crate) use resolve::resolve;
pub(crate) use settle::settle;
