//! The rules of the house about its own code: who may depend on whom, and what a file looks like.
#![cfg(test)]

mod architecture;
mod tidy;
