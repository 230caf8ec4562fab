//! What customers and their systems were told of an order, for its timeline.

use async_trait::async_trait;
use kernel::id::OrderId;
use kernel::ports::{self, PastEvent, Unavailable};
use platform::sql::Db;

use crate::domain::state::State;
use crate::store::message::{self, EMAIL, OfOrder};

/// Reads what was told. It needs the module's database only, so that whoever the module asks can ask it.
#[derive(Clone)]
pub struct History {
    db: Db,
}

impl History {
    /// What is written in the module's database.
    pub fn new(db: Db) -> Self {
        Self { db }
    }
}

#[async_trait]
impl ports::History for History {
    async fn of_order(&self, order: OrderId) -> Result<Vec<PastEvent>, Unavailable> {
        let told = message::of_order(&self.db, order).await;
        let told = told.map_err(|error| Unavailable::new("messages", error))?;
        Ok(told.into_iter().map(past).collect())
    }
}

/// A customer sees the letters that were sent; what is still tried, or led nowhere, is the staff's.
fn past(told: OfOrder) -> PastEvent {
    let is_letter = told.channel == EMAIL;
    let kind = told.event_kind.replace('.', "_");
    let is_sent = told.state == State::Sent.word();
    let outcome = match told.state.as_str() {
        "waiting" => "waits",
        "sent" => "done",
        "dead" => "failed",
        skipped => skipped,
    };
    PastEvent {
        at: told.created_at,
        what: format!("{}_{kind}", if is_letter { "letter" } else { "webhook" }),
        outcome: outcome.to_owned(),
        detail: told.last_error,
        internal: !(is_letter && is_sent),
    }
}
