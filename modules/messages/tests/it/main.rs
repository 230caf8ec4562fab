//! The promises of messages, on both engines.
#![cfg(test)]

mod http;
mod letters;
mod people;
mod receiver;
mod webhooks;
mod world;
