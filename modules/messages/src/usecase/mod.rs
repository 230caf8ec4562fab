//! What the module does.

pub(crate) mod deliver;
pub(crate) mod letters;

use chrono::TimeDelta;
use platform::sql::{self, Tx};

use crate::domain::state::{State, next_try};
use crate::store::message::{self, Due};

/// After how long another node may take over what was not ended: longer than a batch takes.
const LEASE: TimeDelta = TimeDelta::minutes(5);

/// Notes that a try has failed: the message waits for the next one, or is dead.
async fn failed(tx: &mut Tx, due: &Due, error: &str) -> sql::Result<()> {
    match next_try(due.attempts, tx.now()) {
        Some(at) => message::again(tx, due.id, due.attempts, at, error).await,
        None => message::end(tx, due.id, due.attempts, State::Dead, Some(error)).await,
    }
}

/// An error with everything that caused it, on one line.
fn reason(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
