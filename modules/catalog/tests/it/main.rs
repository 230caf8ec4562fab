//! The catalogue on both engines.
#![cfg(test)]

mod editing;
mod http;
mod images;
mod importing;
mod jobs;
mod products;
mod searching;
mod statements;
mod world;
