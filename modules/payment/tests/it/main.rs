//! Payments and the sandbox processor, on both engines.
#![cfg(test)]

mod authorize;
mod cancel;
mod charge;
mod commands;
mod crash;
mod http;
mod migrated;
mod refund;
mod secrets;
mod shop;
mod statements;
mod verify;
