//! Accounts over HTTP and real databases.
#![cfg(test)]

mod access_token;
mod account;
mod contract;
mod login;
mod refresh;
mod shop;
