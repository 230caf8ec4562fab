//! The shop is killed with SIGKILL, or its parts fail, at every durable step of a checkout.
#![cfg(test)]

mod kill;
mod saga_matrix;
mod seeded_bugs;
#[path = "../support/mod.rs"]
mod support;
