//! Accounts over HTTP and real databases.
#![cfg(test)]

mod access_token;
mod account;
mod api_keys;
mod contract;
mod login;
mod refresh;
mod roles;
mod shop;
