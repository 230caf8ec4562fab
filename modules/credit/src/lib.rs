//! Stored value: gift cards and store credit, which pay a part of an order beside a card, or all of it.
//!
//! Promises:
//! - Of an account no more is spent than there is, however many spend it at once: a guard, with a constraint behind it.
//! - What pays an order is taken once and given back at most once, whatever is repeated and in whatever order. After an
//!   order came to nothing, nothing is taken for it any more.
//! - Movements are only added, and what is left is their sum.
//! - Nothing is destroyed when somebody is erased: it is money, and movements name their owner by a number alone. Why
//!   the staff moved something is in its own words and stays as well, so these are to name nobody.
//! - A gift card's code is told once, by the answer that issued it. Its hash is kept; it is in no log, event or error.

mod domain;
mod error;
mod http;
mod port;
mod react;
mod records;
mod store;
mod usecase;
mod verify;

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use kernel::id::{CustomerId, OrderId};
use kernel::ports::{GiftCode, People, Unavailable};
use kernel::{Money, Timestamp};
use platform::audit::Actor;
use platform::bus::Subscription;
use platform::module::Schema;
use platform::sql::{self, Db};
use platform::tasks::Tasks;
use platform::verify::Check;
use serde::Deserialize;

pub use domain::account::Account;
pub use error::Error;
pub use store::orders::Paid;
pub use store::{CREDIT_SPENT, Left};

platform::migrations! { "credit": "0001_credit" }

/// The tables of this module, the statements over them and its guard.
pub const SCHEMA: Schema = Schema {
    module: "credit",
    migrations: MIGRATIONS,
    statements: &[
        store::STATEMENTS,
        store::orders::STATEMENTS,
        store::people::STATEMENTS,
        verify::STATEMENTS,
    ],
    guards: &[CREDIT_SPENT],
};

/// How the module works: section `[credit]`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// For how many days what comes back to a gift card whose time is over can be spent.
    pub prolonged_days: u16,
    /// How often it is looked for gift cards whose time is over, in milliseconds.
    pub poll_ms: u64,
}

impl Settings {
    fn prolonged(self) -> TimeDelta {
        TimeDelta::days(self.prolonged_days.into())
    }
}

/// The module.
#[derive(Clone)]
pub struct Credits {
    db: Db,
    settings: Settings,
    people: Arc<dyn People>,
}

impl Credits {
    /// The module over its database; `people` knows who has an account.
    pub fn new(db: Db, settings: Settings, people: Arc<dyn People>) -> Self {
        Self { db, settings, people }
    }

    /// Its endpoints.
    pub fn routes(&self, config: &mut actix_web::web::ServiceConfig) {
        http::routes(self, config);
    }

    /// Its part of the API's description.
    pub fn openapi() -> utoipa::openapi::OpenApi {
        http::openapi()
    }

    /// What it hears of.
    pub fn subscriptions(&self) -> Vec<Subscription> {
        let cancelled = react::Cancelled { prolonged: self.settings.prolonged() };
        vec![Subscription::reaction("credit.cancelled", &self.db, react::TOPICS, cancelled)]
    }

    /// Ends gift cards whose time is over, for as long as the house is open.
    pub fn start(&self, tasks: &Tasks) {
        let poll = Duration::from_millis(self.settings.poll_ms);
        let credits = self.clone();
        tasks.every("credit.expire", poll, None, move || {
            let credits = credits.clone();
            async move { credits.expire().await }
        });
    }

    /// Ends some gift cards whose time is over. Whether there may be more.
    pub async fn expire(&self) -> Result<bool, Error> {
        usecase::expire::expire(self).await
    }

    /// Issues a gift card for nothing, once for the key; the first call tells its code.
    pub async fn issue(
        &self,
        amount: Money,
        expires_at: Option<Timestamp>,
        reason: Option<&str>,
        key: &str,
        actor: &Actor,
    ) -> Result<(Account, Option<GiftCode>), Error> {
        let issued =
            sql::retry(|| usecase::issue::issue(self, amount, expires_at, reason, key, actor));
        let (card, code) = issued.await?;
        Ok((card, code.map(|code| GiftCode::new(code.written()))))
    }

    /// Gives a customer store credit for nothing, once for the key.
    pub async fn grant(
        &self,
        customer: CustomerId,
        amount: Money,
        reason: &str,
        key: &str,
        actor: &Actor,
    ) -> Result<Account, Error> {
        sql::retry(|| usecase::grant::grant(self, customer, amount, reason, key, actor)).await
    }

    /// Whether somebody has an account; what a guest gets would be lost.
    async fn knows(&self, customer: CustomerId) -> Result<bool, Unavailable> {
        Ok(self.people.contacts(&[customer]).await?.contains_key(&customer))
    }

    /// The gift card of a code.
    pub async fn card(&self, code: &GiftCode) -> Result<Account, Error> {
        let mut found = usecase::cover::cards(self, std::slice::from_ref(code)).await?;
        found.pop().ok_or(Error::Refused(kernel::ports::CreditReason::Unknown, Some(0)))
    }

    /// What stored value paid of orders after one, for checks across modules.
    pub async fn paid(&self, after: Option<OrderId>, limit: u32) -> sql::Result<Vec<Paid>> {
        let after = after.unwrap_or(OrderId::from(uuid::Uuid::nil()));
        store::orders::paid(&self.db, after, limit).await
    }

    /// What is left of a person's store credit, by currency; nothing of a currency of which nothing is left. Whoever is
    /// erased would lose it: the staff takes away first what nobody will spend.
    pub async fn left_of(&self, person: CustomerId) -> sql::Result<Vec<Money>> {
        let theirs = store::of_customer(&self.db, person).await?;
        Ok(theirs.iter().filter(|account| account.left() > 0).map(Account::balance).collect())
    }

    /// What is left of all gift cards and all store credit, by currency, for checks across modules.
    pub async fn left(&self) -> sql::Result<Vec<Left>> {
        store::left(&self.db).await
    }

    /// Checks the books of this module.
    pub async fn verify(&self) -> sql::Result<Vec<Check>> {
        verify::verify(&self.db).await
    }
}
