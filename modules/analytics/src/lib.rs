//! Figures: projections of the orders' and searches' events, and nothing that is true only here.
//!
//! A confirmed order counts on the UTC day of its confirmation; a cancelled one is taken back from
//! that day. What an order gives back counts on the day of the order too, in figures of its own: what
//! was sold stays, and a day's orders less their refunds are what the shop has of them. Goods that were
//! exchanged are given back as far as they paid what was sent instead, which is an order of its own. The
//! figures are written in the commit that moves the subscription's cursor, so no event counts twice, and
//! `platform::bus::replay` builds them again from the first event.

mod domain;
mod http;
mod react;
mod store;
mod terms;
mod verify;

use std::time::Duration;

use chrono::TimeDelta;
use kernel::events::{
    OrderCancelled, OrderConfirmed, OrderEdited, OrderExchanged, OrderRefunded, SearchPerformed,
};
use platform::bus::{Subscription, Topic};
use platform::module::Schema;
use platform::sql::{self, Db};
use platform::tasks::Tasks;
use platform::verify::Check;

pub use store::Day;

platform::migrations! { "analytics": "0001_sales", "0002_search_terms", "0003_refunds" }

/// The tables of this module and the statements over them.
pub const SCHEMA: Schema = Schema {
    module: "analytics",
    migrations: MIGRATIONS,
    statements: &[store::STATEMENTS, terms::STATEMENTS],
    guards: &[],
};

/// How long it is kept what was searched for: a year can be compared with the one before.
const TERMS_KEPT: TimeDelta = TimeDelta::days(400);
/// How often it is looked for what is older.
const TRIM_EVERY: Duration = Duration::from_hours(1);
/// How many texts are deleted in one unit of work.
const TRIM_MAX: i64 = 1_000;

/// The figures.
#[derive(Clone)]
pub struct Analytics {
    db: Db,
}

impl Analytics {
    /// The figures over their database.
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// Adds `/v1/admin/analytics/...`.
    pub fn routes(&self, config: &mut actix_web::web::ServiceConfig) {
        http::routes(self.clone(), config);
    }

    /// What the routes take and answer.
    pub fn openapi() -> utoipa::openapi::OpenApi {
        http::openapi()
    }

    /// `analytics.sales` and `analytics.searches`, which can be replayed.
    pub fn subscriptions(&self) -> Vec<Subscription> {
        let topics = [
            Topic::of::<OrderConfirmed>(),
            Topic::of::<OrderCancelled>(),
            Topic::of::<OrderEdited>(),
            Topic::of::<OrderRefunded>(),
            Topic::of::<OrderExchanged>(),
        ];
        let searches = [Topic::of::<SearchPerformed>()];
        vec![
            Subscription::reaction("analytics.sales", &self.db, topics, react::Sales),
            Subscription::reaction("analytics.searches", &self.db, searches, react::Searches),
        ]
    }

    /// Starts deleting what is older than is kept.
    pub fn start(&self, tasks: &Tasks) {
        let figures = self.clone();
        tasks.every("analytics.trim", TRIM_EVERY, None, move || {
            let figures = figures.clone();
            async move { figures.trim().await }
        });
    }

    /// Deletes texts that were searched for more than 400 days ago, a batch of them; answers
    /// whether there may be more.
    pub async fn trim(&self) -> sql::Result<bool> {
        let mut tx = self.db.begin("analytics.trim").await?;
        let before = (tx.now() - TERMS_KEPT).date_naive();
        let trimmed = terms::trim(&mut tx, before, TRIM_MAX).await?;
        tx.commit().await?;
        Ok(trimmed == TRIM_MAX.unsigned_abs())
    }

    /// The figures of every day, for checks across modules.
    pub async fn days(&self) -> sql::Result<Vec<Day>> {
        store::all_days(&self.db).await
    }

    /// Checks the books of this module.
    pub async fn verify(&self) -> sql::Result<Vec<Check>> {
        verify::verify(&self.db).await
    }
}
