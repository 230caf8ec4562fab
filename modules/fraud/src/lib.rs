//! How likely an attempt to pay is fraud, and what is done about it before a processor hears of it.
//!
//! Promises:
//! - An attempt is decided about once, by its key: whoever asks again is told the same.
//! - What is decided is kept with everything it was decided by: features, score, model, rules.
//! - Of attempts that come at once, each counts those before it.
//! - No address, e-mail address or card is in the tables: only names under a key of the key folder; and of whoever
//!   was erased not even these.
//! - A model sees no label before it can be known, in the shop as in training: [`domain::features`].

pub mod domain;

mod countries;
mod error;
mod http;
mod names;
mod port;
mod react;
mod records;
mod settings;
mod store;
mod usecase;

use std::sync::Arc;
use std::time::Duration;

use kernel::events::{PaymentAuthorized, PaymentFailed};
use kernel::ports::Vault;
use platform::bus::{Subscription, Topic};
use platform::module::Schema;
use platform::people;
use platform::sql::{self, Db};
use platform::tasks::Tasks;
use uuid::Uuid;

pub use countries::{Countries, CountriesError};
use domain::model::Model;
use domain::transaction::Transaction;
pub use error::OpenError;
pub use settings::{Limits, Rules, Settings, Thresholds, Velocity};

platform::migrations! { "fraud": "0001_fraud" }

/// The tables of this module.
pub const SCHEMA: Schema = Schema {
    module: "fraud",
    migrations: MIGRATIONS,
    statements: &[store::STATEMENTS, store::past::STATEMENTS, store::people::STATEMENTS],
    guards: &[],
};

/// The model of the program; `benches/RESULTS.md` says how it was made and how good it is.
const MODEL: &str = include_str!("../data/model.json");
/// How many attempts are read at a time.
const HISTORY_PAGE: u32 = 1_000;

/// Decides about attempts to pay.
#[derive(Clone)]
pub struct Fraud {
    db: Db,
    settings: Arc<Settings>,
    model: Arc<Model>,
    countries: Option<Arc<Countries>>,
    vault: Arc<dyn Vault>,
}

/// The model that the settings name, or the program's.
pub fn model(settings: &Settings) -> Result<Model, OpenError> {
    if settings.model.as_os_str().is_empty() {
        return Ok(Model::read(MODEL)?);
    }
    let file = settings.model.display().to_string();
    let json = std::fs::read_to_string(&settings.model);
    Ok(Model::read(&json.map_err(|source| OpenError::Unread { file, source })?)?)
}

impl Fraud {
    /// Scores over their database, by the model and with the countries that the settings name.
    pub fn open(db: Db, settings: Settings, vault: Arc<dyn Vault>) -> Result<Self, OpenError> {
        let model = model(&settings)?;
        let Thresholds { challenge, review, deny } = settings.thresholds;
        if !(challenge > 0.0 && challenge <= review && review <= deny) {
            return Err(OpenError::Thresholds);
        }
        if !settings.counts_far_enough() {
            return Err(OpenError::Limits);
        }
        let named = !settings.countries.as_os_str().is_empty();
        let countries = named.then(|| Countries::open(&settings.countries)).transpose()?;
        let (settings, model) = (Arc::new(settings), Arc::new(model));
        Ok(Self { db, settings, model, countries: countries.map(Arc::new), vault })
    }

    /// Whether it is known which countries addresses are of.
    pub const fn knows_countries(&self) -> bool {
        self.countries.is_some()
    }

    /// Registers the routes of this module.
    pub fn routes(&self, config: &mut actix_web::web::ServiceConfig) {
        http::routes(self, config);
    }

    /// Describes the routes of this module.
    pub fn openapi() -> utoipa::openapi::OpenApi {
        http::openapi()
    }

    /// What it learns when something happens to a payment, and forgets when somebody is erased.
    pub fn subscriptions(&self) -> Vec<Subscription> {
        let db = &self.db;
        let topics = [Topic::of::<PaymentAuthorized>(), Topic::of::<PaymentFailed>()];
        vec![
            Subscription::reaction("fraud.outcomes", db, topics, react::Outcomes),
            people::subscription("fraud.people", db, store::people::People),
        ]
    }

    /// Starts the task that deletes old decisions.
    pub fn start(&self, tasks: &Tasks) {
        let fraud = self.clone();
        let every = Duration::from_millis(self.settings.trim_every_ms);
        tasks.every("fraud.trim", every, None, move || {
            let fraud = fraud.clone();
            async move { fraud.trim().await }
        });
    }

    /// One round of that task. Whether there may be more to do at once.
    pub async fn trim(&self) -> sql::Result<bool> {
        usecase::trim::round(self).await
    }

    /// Every attempt that was not denied, in the order of time, to learn from: the account is the customer,
    /// and where the goods went is the terminal. Fraud is what the staff said is.
    pub async fn history(&self) -> sql::Result<Vec<Transaction>> {
        let (mut history, mut after) = (Vec::new(), Uuid::nil());
        loop {
            let rows = store::history(&self.db, after, HISTORY_PAGE).await?;
            let Some(last) = rows.last() else { break };
            after = last.id;
            history.extend(rows.iter().map(|row| Transaction {
                id: 0,
                at: row.at.timestamp(),
                // What an account pays in another currency is another customer's.
                customer: row.account.as_u64_pair().1 ^ number_of(&row.currency),
                terminal: row.destination.as_u64_pair().1,
                cents: row.amount_minor,
                is_fraud: row.is_fraud,
                scenario: 0,
            }));
        }
        history.sort_by_key(|made| made.at);
        for (number, made) in (0..).zip(&mut history) {
            made.id = number;
        }
        Ok(history)
    }
}

/// A word of a few letters as a number.
fn number_of(word: &str) -> u64 {
    word.bytes().fold(0, |number, byte| (number << 8) | u64::from(byte))
}

#[cfg(test)]
impl Fraud {
    /// Decides by what it has learnt alone.
    fn for_tests(db: Db, vault: Arc<dyn Vault>) -> Self {
        let settings =
            Arc::new(domain::rules::tests::settings(Limits { minute: 0, hour: 0, day: 0 }));
        let model = Arc::new(Model::read(MODEL).unwrap());
        Self { db, settings, model, countries: None, vault }
    }
}
