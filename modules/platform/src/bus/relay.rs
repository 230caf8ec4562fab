//! The relay: moves events from the outboxes to the subscriptions.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;

use super::{Handler, Subscription, deliver, store};
use crate::outbox;
use crate::sql::{Db, Engine, Error, Result};
use crate::tasks::Tasks;

/// How the relay works.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Who this node is, for leases.
    pub node: String,
    /// How often the outboxes are polled when no commit woke the relay.
    pub poll: Duration,
    /// How many events are handled at a time.
    pub batch: i64,
    /// How long a node may perform a subscription's effects without renewing its right.
    pub lease: Duration,
    /// How long one effect may take.
    pub effect_wait: Duration,
    /// How often an event is tried before it is dead.
    pub attempts_max: i64,
    /// The longest pause between two tries.
    pub retry_max: Duration,
}

/// The outboxes and the subscriptions to them.
#[derive(Clone)]
pub struct Bus {
    publishers: Arc<Vec<Db>>,
    subscriptions: Arc<Vec<Subscription>>,
    settings: Settings,
}

impl Bus {
    /// A bus over the databases of all modules.
    pub fn new(publishers: Vec<Db>, subscriptions: Vec<Subscription>, settings: Settings) -> Self {
        let (publishers, subscriptions) = (Arc::new(publishers), Arc::new(subscriptions));
        Self { publishers, subscriptions, settings }
    }

    /// The subscriptions.
    pub fn subscriptions(&self) -> &[Subscription] {
        &self.subscriptions
    }

    /// The databases events come from.
    pub fn publishers(&self) -> &[Db] {
        &self.publishers
    }

    /// The database of a publisher such as `stoa.order`.
    pub fn publisher(&self, source: &str) -> Result<&Db> {
        let module = source.strip_prefix("stoa.").unwrap_or(source);
        self.publishers
            .iter()
            .find(|db| db.module() == module)
            .ok_or_else(|| Error::Unusable(format!("there is no publisher {source}")))
    }

    /// Makes sure all cursors are there; part of starting up.
    pub async fn register(&self) -> Result<()> {
        for subscription in self.subscriptions.iter() {
            subscription.register().await?;
        }
        Ok(())
    }

    /// Starts one task for each subscription and publisher, and a sequencer for each publisher on
    /// PostgreSQL. They run until the tasks are stopped.
    pub fn start(&self, tasks: &Tasks) -> Result<()> {
        for db in self.publishers.iter().filter(|db| db.engine() == Engine::Postgres) {
            let (db, poll) = (db.clone(), self.settings.poll);
            tasks.every("outbox.sequence", poll, Some(db.published()), move || {
                let db = db.clone();
                async move { outbox::sequence(&db).await.map(|numbered| numbered > 0) }
            });
        }
        for subscription in self.subscriptions.iter() {
            for source in subscription.sources() {
                let from = self.publisher(source)?.clone();
                let (subscription, settings) = (subscription.clone(), self.settings.clone());
                tasks.every(subscription.name, settings.poll, Some(from.published()), move || {
                    let (from, subscription) = (from.clone(), subscription.clone());
                    let settings = settings.clone();
                    async move { pump(&from, &subscription, source, &settings).await }
                });
            }
        }
        Ok(())
    }

    /// Delivers until there is nothing left to deliver now; for tests and for draining.
    pub async fn drain(&self) -> Result<()> {
        loop {
            let mut moved = false;
            for db in self.publishers.iter() {
                moved |= outbox::sequence(db).await? > 0;
            }
            for subscription in self.subscriptions.iter() {
                for source in subscription.sources() {
                    let from = self.publisher(source)?;
                    moved |= pump(from, subscription, source, &self.settings).await?;
                }
            }
            if !moved {
                return Ok(());
            }
        }
    }
}

/// Delivers one batch, and what is due of the parked events. True when there may be more.
async fn pump(
    from: &Db,
    subscription: &Subscription,
    source: &str,
    settings: &Settings,
) -> Result<bool> {
    if matches!(subscription.handler, Handler::Effect(_)) {
        let until = subscription.db.clock().now()
            + TimeDelta::from_std(settings.lease).unwrap_or(TimeDelta::seconds(30));
        let (db, name) = (&subscription.db, subscription.name);
        let idle = {
            let at = store::position(db, name, source).await?;
            let due = store::due(db, name, source, db.clock().now(), 1).await?;
            due.is_empty() && outbox::read_after(from, at.pos, 1).await?.is_empty()
        };
        if idle || !store::lease(db, name, source, &settings.node, until).await? {
            return Ok(false);
        }
    }
    let retried = deliver::retry_due(subscription, source, settings).await?;
    let at = store::position(&subscription.db, subscription.name, source).await?;
    let batch = outbox::read_after(from, at.pos, settings.batch).await?;
    for (event, expected) in batch.iter().zip(at.pos + 1..) {
        if event.pos != expected {
            let module = from.module();
            return Err(Error::Inconsistent(format!(
                "the outbox of {module} has no event {expected}; the next is {}",
                event.pos
            )));
        }
    }
    if !batch.is_empty() {
        deliver::deliver(subscription, settings, at, &batch).await?;
    }
    Ok(!batch.is_empty() || retried > 0)
}
