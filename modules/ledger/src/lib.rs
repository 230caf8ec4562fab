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

use kernel::id::OrderId;
use platform::audit::Actor;
use platform::bus::Subscription;
use platform::module::Schema;
use platform::seal::Note;
use platform::sql::{self, Db};
use platform::verify::Check;

pub use domain::{InvalidFile, Reason, Terms};
pub use error::Error;
pub use store::pages::Position;
pub use view::{DifferenceView, SettlementView};

platform::migrations! { "ledger": "0001_ledger", "0002_replacement" }

/// The tables of this module and the statements over them.
pub const SCHEMA: Schema = Schema {
    module: "ledger",
    migrations: MIGRATIONS,
    statements: &[
        store::STATEMENTS,
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
}

impl Ledger {
    /// What its entries are to the tamper-evident log.
    pub const SOURCE: &str = store::sealing::SOURCE;

    /// The journal over its database, with what was agreed with the processor.
    pub const fn new(db: Db, terms: Terms) -> Self {
        Self { db, terms }
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
