//! The rules of the house about its own files: who may depend on whom, what a source looks like, and
//! what the demo shows.
#![cfg(test)]

mod architecture;
mod cards;
mod demo;
mod description;
mod guards;
mod ledger;
mod plans;
mod plans_at_scale;
mod released;
mod schemas;
mod security;
mod tidy;
mod witness;
