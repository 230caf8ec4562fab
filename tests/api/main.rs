//! The shop as its users meet it: through HTTP and the command line, on both engines.
#![cfg(test)]

mod accounts;
mod audit_log;
mod audited;
mod bad_input;
mod books;
mod checkout;
mod description;
mod edge;
mod firewall;
mod prices;
mod second_factor;
mod storm;
#[path = "../support/mod.rs"]
mod support;
