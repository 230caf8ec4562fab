//! The catalogue on both engines.
#![cfg(test)]

mod editing;
mod http;
mod importing;
mod products;
mod searching;
mod statements;
mod world;
