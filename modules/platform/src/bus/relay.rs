//! The relay: moves events from the outboxes to the subscriptions.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::TimeDelta;

use super::store::Position;
use super::{Handler, Subscription, deliver, store};
use crate::outbox::{self, Published};
use crate::sql::{Db, Engine, Error, Result};
use crate::tasks::Tasks;

/// How many unwanted events are passed before the cursor follows.
const SKIPPED_MAX: i64 = 4_096;

/// How the relay works.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Who this node is, for leases.
    pub node: String,
    /// How often the outboxes are polled when no commit woke the relay.
    pub poll: Duration,
    /// How long the relay waits after a commit woke it, so that one batch holds what a busy moment
    /// publishes.
    pub linger: Duration,
    /// How many events are handled at a time.
    pub batch: i64,
    /// How long a node may perform a subscription's effects without renewing its right.
    pub lease: Duration,
    /// How long a handler may take with one event; an effect at most half of the lease.
    pub effect_wait: Duration,
    /// How often an event is tried before it is dead.
    pub attempts_max: i64,
    /// The longest pause between two tries.
    pub retry_max: Duration,
}

impl Default for Settings {
    /// What suits a shop; the node is named `local`.
    fn default() -> Self {
        Self {
            node: "local".to_owned(),
            poll: Duration::from_millis(500),
            linger: Duration::from_millis(5),
            batch: 256,
            lease: Duration::from_secs(30),
            effect_wait: Duration::from_secs(10),
            attempts_max: 12,
            retry_max: Duration::from_mins(5),
        }
    }
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
                let (name, poll, wake) = (subscription.name, settings.poll, from.readable());
                let pump = Arc::new(Pump::new(from, subscription, source, settings));
                tasks.every(name, poll, Some(wake), move || {
                    let pump = pump.clone();
                    async move {
                        tokio::time::sleep(pump.settings.linger).await;
                        pump.round().await
                    }
                });
            }
        }
        Ok(())
    }

    /// Delivers until there is nothing left to deliver now; for tests and for draining.
    pub async fn drain(&self) -> Result<()> {
        // Without patience the cursors follow everything at once.
        let settings = Settings { poll: Duration::ZERO, ..self.settings.clone() };
        loop {
            let mut moved = false;
            for db in self.publishers.iter() {
                moved |= outbox::sequence(db).await? > 0;
            }
            for subscription in self.subscriptions.iter() {
                for source in subscription.sources() {
                    let from = self.publisher(source)?.clone();
                    let pump = Pump::new(from, subscription.clone(), source, settings.clone());
                    moved |= pump.round().await?;
                }
            }
            if !moved {
                return Ok(());
            }
        }
    }
}

/// Moves events from one publisher to one subscription.
struct Pump {
    from: Db,
    subscription: Subscription,
    source: &'static str,
    settings: Settings,
    /// From this place of the cursor to that one there is nothing the subscription wants. Such a
    /// stretch is not worth a commit of its own.
    skipped: Mutex<Option<Skipped>>,
}

/// A stretch of events that the subscription does not want.
#[derive(Debug, Clone, Copy)]
struct Skipped {
    cursor: Position,
    to: i64,
    since: Instant,
}

impl Pump {
    fn new(from: Db, subscription: Subscription, source: &'static str, settings: Settings) -> Self {
        Self { from, subscription, source, settings, skipped: Mutex::default() }
    }

    /// Delivers one batch, and what is due of the parked events. True when there may be more.
    async fn round(&self) -> Result<bool> {
        let Self { subscription, source, settings, .. } = self;
        let (db, name) = (&subscription.db, subscription.name);
        let mut at = store::position(db, name, source).await?;
        let mut batch = self.read(at).await?;
        let due = store::due(db, name, source, db.clock().now(), 1).await?;
        let wanted = batch.iter().any(|event| subscription.wants(&event.envelope));
        if due.is_empty() && !wanted {
            return self.skip(at, &batch).await;
        }
        if let Handler::Effect(_) = subscription.handler {
            let lease = TimeDelta::from_std(settings.lease).unwrap_or(TimeDelta::seconds(30));
            let until = db.clock().now() + lease;
            if !store::lease(db, name, source, &settings.node, until).await? {
                return Ok(false);
            }
            // Another node may have come further before the lease was ours.
            at = store::position(db, name, source).await?;
            batch = self.read(at).await?;
        }
        let retried = match due.len() {
            0 => 0,
            _ => deliver::retry_due(subscription, source, settings).await?,
        };
        if !batch.is_empty() {
            deliver::deliver(subscription, settings, at, &batch).await?;
        }
        Ok(!batch.is_empty() || retried > 0)
    }

    /// The next events after a cursor, without a gap.
    async fn read(&self, at: Position) -> Result<Vec<Published>> {
        let skipped = self.skipped().filter(|skipped| skipped.cursor == at);
        let after = skipped.map_or(at.pos, |skipped| skipped.to);
        let batch = outbox::read_after(&self.from, after, self.settings.batch).await?;
        for (event, expected) in batch.iter().zip(after + 1..) {
            if event.pos != expected {
                let module = self.from.module();
                return Err(Error::Inconsistent(format!(
                    "the outbox of {module} has no event {expected}; the next is {}",
                    event.pos
                )));
            }
        }
        Ok(batch)
    }

    /// Passes events that nobody wants. The cursor follows when it is quiet, for whoever asks how
    /// far it is behind, and before a restart would have to read too many of them again.
    async fn skip(&self, at: Position, batch: &[Published]) -> Result<bool> {
        let known = self.skipped().filter(|skipped| skipped.cursor == at);
        let to = batch.last().map(|last| last.pos).or(known.map(|skipped| skipped.to));
        let Some(to) = to else { return Ok(false) };
        let more = i64::try_from(batch.len()).is_ok_and(|events| events >= self.settings.batch);
        let since = known.map_or_else(Instant::now, |skipped| skipped.since);
        if to - at.pos < SKIPPED_MAX && (more || since.elapsed() < self.settings.poll) {
            *self.skipped() = Some(Skipped { cursor: at, to, since });
            return Ok(more);
        }
        let mut tx = self.subscription.db.begin("bus.skip").await?;
        store::move_cursor(&mut tx, self.subscription.name, self.source, at, to).await?;
        tx.commit().await?;
        *self.skipped() = None;
        Ok(more)
    }

    fn skipped(&self) -> MutexGuard<'_, Option<Skipped>> {
        self.skipped.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
