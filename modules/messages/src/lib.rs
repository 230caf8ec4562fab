//! Messages: what customers and their systems are told of events.
//!
//! What it promises: of each event there is one message for each channel and recipient, however often
//! the event is delivered or replayed. A message ends: it was handed over, nobody can be written to,
//! it came too late, or it is dead after a bounded number of tries and the staff sees it. What it
//! cannot promise is that a mail server is handed a letter once: a process that dies between handing
//! it over and writing that down does it again, with the same Message-ID.
//!
//! Webhooks are customers' systems: they are called with the event as it was published, signed, each on
//! its own; one that fails for a day is switched off.
//!
//! It hears `order.*`, `shipment.*`, `payment.*` and `stock.low`, asks for the order and the address when
//! it sends a letter, and keeps neither. Whoever is erased is written to no more, and what was told of their
//! orders is let go, also what is heard of late; calls about them are still made, and kept no longer than that.

mod domain;
mod embedded;
mod history;
mod http;
mod outgoing;
mod react;
mod records;
mod sample;
mod store;
mod templates;
mod usecase;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kernel::id::EventId;
use kernel::ports::{Mailer, Orders, People, Vault};
use outgoing::Outgoing;
use platform::bus::Subscription;
use platform::module::Schema;
use platform::people;
use platform::sql::{self, Db};
use platform::tasks::Tasks;
use serde::Deserialize;
use templates::Templates;
use tokio::sync::watch;
use usecase::deliver::Busy;

pub use history::History;
pub use templates::{ShopFacts, TemplateError};
pub use usecase::letters::SendError;

platform::migrations! { "messages": "0001_messages", "0002_webhooks", "0003_of_orders", "0004_people" }

/// The module's tables and statements.
pub const SCHEMA: Schema = Schema {
    module: "messages",
    migrations: MIGRATIONS,
    statements: &[
        store::message::STATEMENTS,
        store::people::STATEMENTS,
        store::webhook::STATEMENTS,
    ],
    guards: &[],
};

/// The subscription that notes whom events are told to.
const SUBSCRIPTION: &str = "messages.events";

/// How the module works.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What the shop is called in letters.
    pub shop_name: String,
    /// The language of letters to those who named none, and of what is not there in theirs.
    pub locale: String,
    /// A folder with the shop's own templates; empty if there are none.
    pub templates: PathBuf,
    /// How often it is looked for messages whose time has come, in milliseconds.
    pub poll_ms: u64,
    /// Whether webhooks may be in the shop's own network and without https: for tests.
    pub private_webhooks: bool,
}

/// Why the module cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A template does not work.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// Nobody can be called.
    #[error("no HTTP client can be made")]
    Client(#[from] reqwest::Error),
}

/// Whom the module asks.
#[derive(Clone)]
pub struct Ports {
    /// Delivers mail.
    pub mailer: Arc<dyn Mailer>,
    /// Knows the orders.
    pub orders: Arc<dyn Orders>,
    /// Knows the addresses of accounts.
    pub people: Arc<dyn People>,
    /// Seals the secrets of webhooks.
    pub vault: Arc<dyn Vault>,
}

/// The module.
#[derive(Clone)]
pub struct Messages {
    inner: Arc<Inner>,
}

struct Inner {
    db: Db,
    mailer: Arc<dyn Mailer>,
    orders: Arc<dyn Orders>,
    people: Arc<dyn People>,
    vault: Arc<dyn Vault>,
    outgoing: Outgoing,
    allow_private: bool,
    busy: Busy,
    templates: Templates,
    shop: ShopFacts,
    poll: Duration,
    wake: watch::Sender<u64>,
}

impl Messages {
    /// The module over its database, for the shop at `site_url`. A template that does not work is
    /// refused here.
    pub fn open(
        db: Db,
        settings: &Settings,
        site_url: &str,
        ports: Ports,
    ) -> Result<Self, OpenError> {
        let folder = Some(settings.templates.as_path()).filter(|path| !path.as_os_str().is_empty());
        let templates = Templates::open(folder, &settings.locale)?;
        let url = site_url.trim_end_matches('/').to_owned();
        let shop = ShopFacts { name: settings.shop_name.clone(), url };
        let Ports { mailer, orders, people, vault } = ports;
        let allow_private = settings.private_webhooks;
        let outgoing = Outgoing::new(allow_private)?;
        let poll = Duration::from_millis(settings.poll_ms);
        let wake = watch::Sender::new(0);
        let inner = Inner {
            db,
            mailer,
            orders,
            people,
            vault,
            outgoing,
            allow_private,
            busy: Busy::default(),
            templates,
            shop,
            poll,
            wake,
        };
        Ok(Self { inner: Arc::new(inner) })
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
        let tell =
            react::Tell { wake: self.inner.wake.clone(), listeners: react::Listeners::default() };
        let db = &self.inner.db;
        vec![
            Subscription::reaction(SUBSCRIPTION, db, react::TOPICS, tell),
            people::subscription("messages.people", db, store::people::People),
        ]
    }

    /// Starts sending what is due.
    pub fn start(&self, tasks: &Tasks) {
        let (messages, wake) = (self.clone(), self.inner.wake.subscribe());
        tasks.every("messages.letters", self.inner.poll, Some(wake), move || {
            let messages = messages.clone();
            async move { messages.send_letters().await }
        });
        let (messages, wake, among) = (self.clone(), self.inner.wake.subscribe(), tasks.clone());
        tasks.every("messages.webhooks", self.inner.poll, Some(wake), move || {
            let (messages, among) = (messages.clone(), among.clone());
            async move { messages.call_webhooks(&among).await.map(|()| false) }
        });
    }

    /// Looks for messages that are due now and not at the next poll.
    pub(crate) fn wake(&self) {
        self.inner.wake.send_modify(|times| *times += 1);
    }

    /// Whether customers get letters about an event.
    pub fn tells(event: &str) -> bool {
        domain::kind::Kind::of_event(event).is_some()
    }

    /// Those of some events of which a letter is kept, for checks across modules.
    pub async fn told(&self, events: &[EventId]) -> sql::Result<HashSet<EventId>> {
        Ok(store::message::told(&self.inner.db, events).await?.into_iter().collect())
    }
}
