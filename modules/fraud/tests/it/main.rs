//! Decisions about attempts to pay, on both engines.
#![cfg(test)]

mod assess;
mod countries;
mod people;
mod staff;
mod world;
