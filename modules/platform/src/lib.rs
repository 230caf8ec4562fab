//! The machinery under the modules: what makes a shop's promises hold, and knows nothing of shops.

// `#[derive(Record)]` names this crate, also inside of it.
extern crate self as platform;

pub mod aead;
pub mod audit;
pub mod backoff;
mod breaker;
pub mod bus;
pub mod cache;
pub mod chaos;
pub mod fault;
pub mod guard;
pub mod http;
pub mod idempotency;
pub mod key_file;
pub mod module;
pub mod outbox;
pub mod people;
pub mod personal;
pub mod queue;
pub mod random;
pub mod redis;
pub mod replica;
pub mod saga;
pub mod seal;
pub mod sql;
pub mod tasks;
#[cfg(feature = "testing")]
#[expect(clippy::expect_used, reason = "a test without a database must end")]
pub mod testing;
pub mod trace;
pub mod verify;
pub mod webhook;

migrations! { "platform": "0001_platform", "0002_saga_steps", "0003_audit", "0004_audit_log",
"0005_unsealed", "0006_ended_sagas", "0007_outbox_packs",
"0008_shortened_sagas", "0009_sequencer" }
