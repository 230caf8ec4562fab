//! The catalogue on both engines.
#![cfg(test)]

mod categories;
mod editing;
mod http;
mod images;
mod importing;
mod products;
mod searching;
mod statements;
mod world;
