//! The bus: durable subscriptions to the outboxes of the modules.
//!
//! What is promised: every event is stored in the same commit as the change it tells of. It reaches
//! every subscription at least once, in the order of its subject's versions; across subjects no
//! order is promised. A [`Reaction`] writes to its module's database in the commit that moves the
//! subscription's cursor, so it takes effect exactly once, however many relays run. An [`Effect`]
//! reaches outside and may be repeated: the event's id is its key. An event that keeps failing is
//! parked in `dead_letter` and holds back only later events of its subject, until it is redriven.

mod dead_letters;
mod deliver;
mod follow;
mod pace;
mod pack;
mod relay;
mod store;
mod verify;

use std::sync::Arc;

use async_trait::async_trait;
use kernel::{Envelope, Event};

use self::follow::Heard;
use crate::sql::{Db, Result, Tx};
use crate::trace;

pub use dead_letters::{DeadLetter, dead_letters, redrive};
pub use relay::{Bus, Settings};
pub use store::{Lag, STATEMENTS, lag, replay};
pub use verify::{STATEMENTS as VERIFY_STATEMENTS, retrying, verify};

/// What went wrong in a handler.
pub type HandlerError = Box<dyn std::error::Error + Send + Sync>;

/// One kind of event and who publishes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Topic {
    /// The publisher, e.g. `stoa.order`.
    pub source: &'static str,
    /// The event's name, e.g. `order.placed`.
    pub kind: &'static str,
}

impl Topic {
    /// The topic of an event type.
    pub const fn of<E: Event>() -> Self {
        Self { source: E::SOURCE, kind: E::TYPE }
    }
}

/// A subscriber that writes to its own module's database, in the commit that moves the cursor. It says how it applies one
/// event or how it applies several: each is made of the other.
#[async_trait]
pub trait Reaction: Send + Sync {
    /// Applies one event. Reads and writes only through the unit of work.
    async fn apply(&self, tx: &mut Tx, event: &Envelope) -> std::result::Result<(), HandlerError> {
        self.apply_all(tx, &[event]).await
    }

    /// Applies the events of a batch, in their order: the same as one after the other, by whoever needs fewer statements
    /// for several at once. When it fails nothing of it is kept, and they are applied one by one.
    async fn apply_all(
        &self,
        tx: &mut Tx,
        events: &[&Envelope],
    ) -> std::result::Result<(), HandlerError> {
        for event in events {
            trace::within(event.trace.clone(), self.apply(tx, event)).await?;
        }
        Ok(())
    }

    /// Hears that events it applied are committed, and how far it has come with the publisher's. A hint for caches of
    /// this process: it may be missed, when the process ends between the commit and this.
    fn committed(&self, _at: i64, _events: &[&Envelope]) {}

    /// Whether [`Reaction::committed`] is to be heard on every node, and not only on the one that applied the events.
    fn is_heard_everywhere(&self) -> bool {
        false
    }

    /// Empties what it has built, before a replay from the first event. A subscriber that is no
    /// projection cannot be replayed and refuses.
    async fn reset(&self, _tx: &mut Tx) -> std::result::Result<(), HandlerError> {
        Err("it is not a projection: replaying it would repeat what it did".into())
    }
}

/// A subscriber that reaches outside its database: another module, a processor, a mail server.
#[async_trait]
pub trait Effect: Send + Sync {
    /// Handles one event. It may be called again for the same event and must then change nothing.
    async fn perform(&self, event: &Envelope) -> std::result::Result<(), HandlerError>;
}

/// How a subscription handles events.
#[derive(Clone)]
pub enum Handler {
    /// In the commit that moves the cursor: exactly once.
    Reaction(Arc<dyn Reaction>),
    /// Outside of any commit: at least once.
    Effect(Arc<dyn Effect>),
}

/// A durable subscription. Its cursors and dead letters live in its own module's database.
#[derive(Clone)]
pub struct Subscription {
    /// Unique and stable, e.g. `analytics.sales`.
    pub name: &'static str,
    /// The subscriber's database.
    pub db: Db,
    /// What it wants to hear of.
    pub topics: Vec<Topic>,
    /// What it does.
    pub handler: Handler,
    /// How many of its effects are performed at the same time at most, whatever is set for all.
    at_once_max: usize,
    /// How far this process has heard of what its reaction did.
    heard: Arc<Heard>,
}

impl Subscription {
    /// A subscription whose handler commits with the cursor.
    pub fn reaction(
        name: &'static str,
        db: &Db,
        topics: impl Into<Vec<Topic>>,
        reaction: impl Reaction + 'static,
    ) -> Self {
        let handler = Handler::Reaction(Arc::new(reaction));
        let (topics, heard) = (topics.into(), Arc::default());
        Self { name, db: db.clone(), topics, handler, at_once_max: 1, heard }
    }

    /// A subscription whose handler reaches outside.
    pub fn effect(
        name: &'static str,
        db: &Db,
        topics: impl Into<Vec<Topic>>,
        effect: impl Effect + 'static,
    ) -> Self {
        let handler = Handler::Effect(Arc::new(effect));
        let (topics, heard) = (topics.into(), Arc::default());
        Self { name, db: db.clone(), topics, handler, at_once_max: usize::MAX, heard }
    }

    /// The same for an outside that bears only so many effects at the same time.
    #[must_use]
    pub fn at_once_max(self, most: usize) -> Self {
        Self { at_once_max: most, ..self }
    }

    /// The publishers it hears, each once.
    pub fn sources(&self) -> Vec<&'static str> {
        let mut sources: Vec<_> = self.topics.iter().map(|topic| topic.source).collect();
        sources.sort_unstable();
        sources.dedup();
        sources
    }

    fn wants(&self, event: &Envelope) -> bool {
        if crate::fault::bug("event_is_passed_over") && event.kind == "order.cancelled" {
            return false;
        }
        self.topics.iter().any(|topic| topic.source == event.source && topic.kind == event.kind)
    }

    /// Makes sure the cursors are there; part of starting up.
    pub async fn register(&self) -> Result<()> {
        let mut tx = self.db.begin("bus.register").await?;
        for source in self.sources() {
            store::register(&mut tx, self.name, source).await?;
        }
        tx.commit().await
    }
}
