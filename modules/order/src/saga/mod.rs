//! The module's sagas.

pub mod checkout;
pub mod edit;
pub mod exchange;
pub mod give_back;
mod outcome;
pub mod replacement;

use platform::idempotency::{self, Answer, Key};
use platform::sql::{Error, Result, Tx};
use serde::Serialize;

/// Stores what a command is answered, if it has no answer yet.
async fn answer(tx: &mut Tx, key: &Key, status: u16, body: &impl Serialize) -> Result<()> {
    let body = serde_json::to_string(body)
        .map_err(|error| Error::Inconsistent(format!("an answer: {error}")))?;
    idempotency::finish(tx, &key.scope, &key.key, &Answer { status, body }).await
}
