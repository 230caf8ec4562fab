//! Accounts over HTTP and real databases.
#![cfg(test)]

mod access_token;
mod account;
mod alike;
mod api_keys;
mod authenticator;
mod bad_codes;
mod bad_passkeys;
mod contract;
mod erase;
mod factors;
mod issuers;
mod login;
mod passkeys;
mod personal;
mod plain;
mod recovery;
mod refresh;
mod roles;
mod sessions;
mod shop;
