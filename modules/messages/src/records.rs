//! What was told of a person's orders, for them to read.

use async_trait::async_trait;
use kernel::Timestamp;
use kernel::id::CustomerId;
use kernel::ports::{PersonalRecords, Unavailable};
use serde::Serialize;

use crate::Messages;
use crate::store::people::{self, OfCustomer};

/// A message, as whoever it is about reads it.
#[derive(Serialize)]
struct Record {
    kind: String,
    channel: String,
    state: String,
    at: Timestamp,
}

impl From<OfCustomer> for Record {
    fn from(told: OfCustomer) -> Self {
        let OfCustomer { event_kind: kind, channel, state, created_at: at } = told;
        Self { kind, channel, state, at }
    }
}

/// The letters and calls about a person's orders. What letters said is with the events, and no address is kept.
#[async_trait]
impl PersonalRecords for Messages {
    async fn records(&self, person: CustomerId) -> Result<serde_json::Value, Unavailable> {
        let told = people::of_customer(&self.inner.db, person).await.map_err(unavailable)?;
        let records: Vec<Record> = told.into_iter().map(Record::from).collect();
        serde_json::to_value(records).map_err(unavailable)
    }
}

fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> Unavailable {
    Unavailable::new("messages", error)
}
