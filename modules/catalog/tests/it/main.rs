//! The catalogue on both engines.
#![cfg(test)]

mod categories;
mod collections;
mod editing;
mod exporting;
mod http;
mod images;
mod importing;
mod jobs;
mod products;
mod searching;
mod statements;
mod world;
