//! The promises of the sandbox carrier, on both engines.
#![cfg(test)]

mod bookings;
mod merchant;
mod webhooks;
