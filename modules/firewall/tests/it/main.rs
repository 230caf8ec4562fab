//! The firewall as the edge meets it: single values, and whole requests.
#![cfg(test)]

mod requests;
mod words;
