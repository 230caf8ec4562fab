//! The catalogue on both engines.
#![cfg(test)]

mod editing;
mod http;
mod images;
mod importing;
mod searching;
mod statements;
mod world;
