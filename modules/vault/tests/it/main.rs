//! The promises of the vault, on both engines.
#![cfg(test)]

mod vault;
