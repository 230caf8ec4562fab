//! The shop as its users meet it: through HTTP and the command line, on both engines.
#![cfg(test)]

mod accounts;
mod acidrain;
mod after_sale;
mod audit_log;
mod audited;
mod bad_bodies;
mod bad_cookies;
mod bad_credentials;
mod bad_headers;
mod bad_input;
mod books;
mod bundles;
mod cancelling;
mod carriers;
mod checkout;
mod compensations;
mod credit;
mod description;
mod doctor;
mod documents;
mod edge;
mod editing;
mod encrypted;
mod erasure;
mod exchanging;
mod firewall;
mod framing;
mod fraud;
mod heads;
mod ledger;
mod letters;
mod logged;
mod parcels;
mod people_keys;
mod prices;
mod promotions;
mod proxied;
mod saved_carts;
mod second_factor;
mod settlements;
mod shipping;
mod slow;
mod stock;
mod storm;
mod stream;
mod stripe;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "these tests use a part of it")]
mod support;
mod targeting;
mod taxes;
mod tls;
mod vault;
mod witness;
mod words;
