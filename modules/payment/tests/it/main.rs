//! Payments and the sandbox processor, on both engines.
#![cfg(test)]

mod authentication;
mod authorize;
mod cancel;
mod captures;
mod charge;
mod commands;
mod contract;
mod crash;
mod disputes;
mod elsewhere;
mod http;
mod late;
mod migrated;
mod people;
mod refund;
mod risk;
mod secrets;
mod settled;
mod shapes;
mod shop;
mod statements;
mod stripe;
mod verify;
mod webhooks;
