//! The catalogue on both engines.
#![cfg(test)]

mod categories;
mod editing;
mod http;
mod importing;
mod products;
mod searching;
mod statements;
mod world;
