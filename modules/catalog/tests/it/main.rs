//! The catalogue on both engines.
#![cfg(test)]

mod bulk;
mod bundles;
mod categories;
mod collections;
mod editing;
mod exporting;
mod freshness;
mod http;
mod images;
mod importing;
mod jobs;
mod listing;
mod pages;
mod popularity;
mod price_files;
mod price_history;
mod priced;
mod prices;
mod products;
mod sales;
mod search_http;
mod searches;
mod searching;
mod statements;
mod stock;
mod world;
