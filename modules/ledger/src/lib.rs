//! The journal: what the shop's money did, by double entry, and what the processor settles against it.
//!
//! Promises:
//! - An entry is a list of amounts, each debited to one account and credited to another in one currency: one that
//!   is not balanced cannot be written. Entries are numbered without a gap and never changed, by triggers.
//! - The balance of an account is the sum of its postings: a trigger keeps it, so that what an append costs does
//!   not depend on how long the journal is.
//! - An event is journaled once, in the commit that moves the subscription's cursor. In whatever order the events
//!   of orders and of payments come, the balances are the same in the end.
//! - When all of an order is done, what is owed for it is zero; when a payment is settled, so is what the
//!   processor holds of it.
//! - Each line of a settlement settles one thing that happened, or is a difference with a reason.

mod domain;
mod error;
mod http;
mod react;
mod store;
mod usecase;
mod verify;
mod view;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use kernel::Timestamp;
use kernel::id::OrderId;
use kernel::ports::{SettledLine, SettlementError, Settlements, Unavailable};
use platform::audit::Actor;
use platform::bus::Subscription;
use platform::module::Schema;
use platform::seal::Note;
use platform::sql::{self, Db};
use platform::tasks::Tasks;
use platform::verify::Check;
use serde::Deserialize;

pub use domain::{InvalidFile, Reason, Terms};
pub use error::Error;
pub use store::pages::Position;
pub use view::{DifferenceView, SettlementView};

platform::migrations! { "ledger": "0001_ledger", "0002_replacement", "0003_fetched" }

/// The tables of this module and the statements over them.
pub const SCHEMA: Schema = Schema {
    module: "ledger",
    migrations: MIGRATIONS,
    statements: &[
        store::STATEMENTS,
        store::difference::STATEMENTS,
        store::fetching::STATEMENTS,
        store::pages::STATEMENTS,
        store::sealing::STATEMENTS,
        store::settlement::STATEMENTS,
        verify::STATEMENTS,
    ],
    guards: &[],
};

/// The journal.
#[derive(Clone)]
pub struct Ledger {
    db: Db,
    terms: Terms,
    processor: Arc<dyn Settlements>,
    fetching: Fetching,
}

/// Whether the shop fetches by itself what the processor settled: section `[settlements]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fetching {
    /// How many hours lie between; 0 fetches nothing.
    pub fetch_every_h: u16,
    /// How many days before the last time are fetched again.
    pub fetch_days: u16,
}

/// How often it is looked whether it is time to fetch.
const FETCH_POLL: Duration = Duration::from_mins(1);

/// Whom a ledger asks that was told of no processor.
struct NoProcessor;

#[async_trait]
impl Settlements for NoProcessor {
    async fn settled(
        &self,
        _: Timestamp,
        _: Timestamp,
        _: usize,
    ) -> Result<Vec<SettledLine>, SettlementError> {
        Err(Unavailable::new("the processor", "there is none").into())
    }
}

impl Ledger {
    /// What its entries are to the tamper-evident log.
    pub const SOURCE: &str = store::sealing::SOURCE;

    /// The journal over its database, with what was agreed with the processor.
    pub fn new(db: Db, terms: Terms) -> Self {
        let fetching = Fetching { fetch_every_h: 0, fetch_days: 0 };
        Self { db, terms, processor: Arc::new(NoProcessor), fetching }
    }

    /// The same journal, which can ask the processor what it settled.
    #[must_use]
    pub fn asking(self, processor: Arc<dyn Settlements>, fetching: Fetching) -> Self {
        Self { processor, fetching, ..self }
    }

    /// Starts the task that fetches what the processor settled, if the shop does that by itself.
    pub fn start(&self, tasks: &Tasks) {
        if self.fetching.fetch_every_h == 0 {
            return;
        }
        let ledger = self.clone();
        tasks.every("ledger.fetch", FETCH_POLL, None, move || {
            let ledger = ledger.clone();
            async move { ledger.fetch_due().await.map(|()| false) }
        });
    }

    /// One round of that task: fetches if it is time to, on one node.
    pub async fn fetch_due(&self) -> Result<(), Error> {
        usecase::round(self).await
    }

    /// How long ago the shop has fetched by itself what the processor settled; none when it does not, and since 1970
    /// when it never came to that.
    pub async fn fetched_ago(&self) -> sql::Result<Option<TimeDelta>> {
        if self.fetching.fetch_every_h == 0 {
            return Ok(None);
        }
        let until = store::fetching::fetched_until(&self.db).await?;
        Ok(Some(self.db.clock().now() - until.unwrap_or(Timestamp::UNIX_EPOCH)))
    }

    /// Adds `/v1/admin/ledger/...`.
    pub fn routes(&self, config: &mut actix_web::web::ServiceConfig) {
        http::routes(self.clone(), config);
    }

    /// What the routes take and answer.
    pub fn openapi() -> utoipa::openapi::OpenApi {
        http::openapi()
    }

    /// `ledger.journal`; a replay of it adds what is missing.
    pub fn subscriptions(&self) -> Vec<Subscription> {
        vec![Subscription::reaction("ledger.journal", &self.db, react::TOPICS, react::Journal)]
    }

    /// Takes a settlement of the processor (CSV): what matches is posted, the rest is a difference. The same file,
    /// and a line of an earlier one, change nothing.
    pub async fn settle(&self, csv: &str, actor: &Actor) -> Result<SettlementView, Error> {
        usecase::settle(self, csv, actor).await
    }

    /// Takes what the processor booked from one moment on and before another, as [`Ledger::settle`] takes a file: all
    /// of it, or nothing when the processor does not tell all. None when nothing of it is new.
    pub async fn fetch(
        &self,
        when: (Timestamp, Timestamp),
        actor: &Actor,
    ) -> Result<Option<SettlementView>, Error> {
        usecase::fetch(self, when, actor).await
    }

    /// What the journal has of these orders, for checks across modules.
    pub async fn positions(&self, orders: &[OrderId]) -> sql::Result<HashMap<OrderId, Position>> {
        let ids: Vec<_> = orders.iter().map(|order| order.uuid()).collect();
        let found = store::pages::positions(&self.db, &ids).await?;
        Ok(found.into_iter().map(|(id, position)| (id.into(), position)).collect())
    }

    /// What is owed to those who have gift cards (`gift_cards`) and store credit (`store_credit`), by currency, in minor
    /// units, for checks across modules.
    pub async fn owed(&self) -> sql::Result<Vec<(String, String, i64)>> {
        store::pages::owed(&self.db).await
    }

    /// What the tamper-evident log is told of the next entries after one, if they are as they were written; and
    /// the last of them. For checks across modules.
    pub async fn notes(&self, after: i64, limit: i64) -> sql::Result<(Vec<Note>, i64)> {
        store::sealing::notes(&self.db, after, limit).await
    }

    /// Checks the books of this module.
    pub async fn verify(&self) -> sql::Result<Vec<Check>> {
        verify::verify(&self.db).await
    }
}
