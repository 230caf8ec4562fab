//! The relay: moves events from the outboxes to the subscriptions.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::TimeDelta;

use super::follow::Follower;
use super::pace::{Came, Pace};
use super::store::Position;
use super::{Handler, Subscription, deliver, store};
use crate::outbox::{self, Published};
use crate::sql::{Db, Engine, Error, Result};
use crate::tasks::Tasks;

/// How far apart a publisher's events are numbered while it is busy.
const SEQUENCED_APART: Duration = Duration::from_millis(20);
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
    /// How long the relay waits after a batch that was not full before it asks for the next one: while a shop is busy
    /// this bounds how often each subscription asks, however much is sold.
    pub rest: Duration,
    /// How many events are handled at a time.
    pub batch: i64,
    /// How long a node may perform a subscription's effects without renewing its right.
    pub lease: Duration,
    /// How long a handler may take with one event; an effect at most half of the lease.
    pub effect_wait: Duration,
    /// How many effects of a subscription are performed at the same time, each of another subject.
    pub effects_at_once: usize,
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
            rest: Duration::from_millis(100),
            batch: 256,
            lease: Duration::from_secs(30),
            effect_wait: Duration::from_secs(10),
            effects_at_once: 8,
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
            let pace = Arc::new(Pace::new(Duration::ZERO, SEQUENCED_APART));
            tasks.every("outbox.sequence", poll, Some(db.published()), move || {
                let (db, pace) = (db.clone(), pace.clone());
                async move { pace.keep(async { outbox::sequence(&db).await.map(Came::of) }).await }
            });
        }
        let readers: Vec<Reader> = self.publishers.iter().cloned().map(Reader::new).collect();
        for subscription in self.subscriptions.iter() {
            for source in subscription.sources() {
                let db = self.publisher(source)?;
                let reader = readers.iter().find(|reader| reader.db.module() == db.module());
                let from = reader.cloned().unwrap_or_else(|| Reader::new(db.clone()));
                let (subscription, settings) = (subscription.clone(), self.settings.clone());
                let (name, poll, wake) = (subscription.name, settings.poll, from.db.readable());
                let pace = Pace::new(settings.linger, settings.rest);
                let pump = Arc::new((pace, Pump::new(from, subscription, source, settings)));
                tasks.every(name, poll, Some(wake), move || {
                    let pump = pump.clone();
                    async move { pump.0.keep(pump.1.round()).await }
                });
            }
        }
        Ok(())
    }

    /// Follows, for the caches of this process, what reactions did on other nodes. What a cache holds afterwards is known
    /// to be outdated when it is: to be called before any fills.
    pub async fn follow(&self, tasks: &Tasks) -> Result<()> {
        for subscription in self.subscriptions.iter() {
            let Handler::Reaction(reaction) = &subscription.handler else { continue };
            if !reaction.is_heard_everywhere() || subscription.db.engine() == Engine::Sqlite {
                continue;
            }
            for source in subscription.sources() {
                let (db, batch) = (self.publisher(source)?.clone(), self.settings.batch);
                let follower = Follower::start(subscription.clone(), source, db, batch).await?;
                let follower = Arc::new(follower);
                let (poll, wake) = (self.settings.poll, subscription.db.woken());
                tasks.every("bus.follow", poll, Some(wake), move || {
                    let follower = follower.clone();
                    async move { follower.round().await }
                });
            }
        }
        Ok(())
    }

    /// Delivers until there is nothing left to deliver now; for tests and for draining.
    pub async fn drain(&self) -> Result<()> {
        // Without patience the cursors follow everything at once.
        let settings = Settings { poll: Duration::ZERO, ..self.settings.clone() };
        let mut pumps = Vec::new();
        for subscription in self.subscriptions.iter() {
            for source in subscription.sources() {
                let from = Reader::new(self.publisher(source)?.clone());
                pumps.push(Pump::new(from, subscription.clone(), source, settings.clone()));
            }
        }
        loop {
            let mut moved = false;
            for db in self.publishers.iter() {
                moved |= outbox::sequence(db).await? > 0;
            }
            for pump in &pumps {
                moved |= pump.round().await? != Came::Nothing;
            }
            if !moved {
                return Ok(());
            }
        }
    }
}

/// Reads one publisher's outbox for all subscriptions. They wake together and want the same events,
/// which never change: what one has read serves the others.
#[derive(Clone)]
struct Reader {
    db: Db,
    newest: Arc<Mutex<Arc<[Published]>>>,
}

impl Reader {
    fn new(db: Db) -> Self {
        Self { db, newest: Arc::new(Mutex::new(Arc::new([]))) }
    }

    /// Events after a place, without a gap; none when there is none.
    async fn read_after(&self, after: i64, limit: i64) -> Result<Arc<[Published]>> {
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if newest.first().is_some_and(|first| first.pos == after + 1) {
            return Ok(newest);
        }
        let batch: Arc<[Published]> = outbox::read_after(&self.db, after, limit).await?.into();
        for (event, expected) in batch.iter().zip(after + 1..) {
            if event.pos != expected {
                return Err(Error::Inconsistent(format!(
                    "the outbox of {} has no event {expected}; the next is {}",
                    self.db.module(),
                    event.pos
                )));
            }
        }
        if !batch.is_empty() {
            *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = batch.clone();
        }
        Ok(batch)
    }
}

/// Moves events from one publisher to one subscription.
struct Pump {
    from: Reader,
    subscription: Subscription,
    source: &'static str,
    settings: Settings,
    /// From this place of the cursor to that one there is nothing the subscription wants. Such a
    /// stretch is not worth a commit of its own.
    skipped: Mutex<Option<Skipped>>,
    /// When the right to perform the effects was taken.
    leased: Mutex<Option<Instant>>,
}

/// A stretch of events that the subscription does not want.
#[derive(Debug, Clone, Copy)]
struct Skipped {
    cursor: Position,
    to: i64,
    since: Instant,
}

impl Pump {
    fn new(
        from: Reader,
        subscription: Subscription,
        source: &'static str,
        settings: Settings,
    ) -> Self {
        Self {
            from,
            subscription,
            source,
            settings,
            skipped: Mutex::default(),
            leased: Mutex::default(),
        }
    }

    /// Delivers one batch, and what is due of the parked events.
    async fn round(&self) -> Result<Came> {
        let Self { subscription, source, settings, .. } = self;
        let (db, name) = (&subscription.db, subscription.name);
        let mut standing = store::standing(db, name, source, db.clock().now()).await?;
        let mut batch = self.read(standing.at()).await?;
        let wanted = batch.iter().any(|event| subscription.wants(&event.envelope));
        if !standing.is_due && !wanted {
            return self.skip(standing.at(), &batch).await;
        }
        if matches!(subscription.handler, Handler::Effect(_)) && !self.has_lease() {
            if !self.take_lease().await? {
                return Ok(Came::Nothing);
            }
            // Another node may have come further before the lease was ours.
            standing = store::standing(db, name, source, db.clock().now()).await?;
            batch = self.read(standing.at()).await?;
        }
        let until = Instant::now() + settings.lease / 4;
        let retried = if standing.is_due {
            deliver::retry_due(subscription, source, settings, until).await?
        } else {
            0
        };
        if batch.is_empty() {
            return Ok(Came::of(retried));
        }
        deliver::deliver(subscription, settings, standing, &batch, until).await?;
        Ok(self.came(&batch))
    }

    /// What a batch says of what is behind it.
    fn came(&self, batch: &[Published]) -> Came {
        let is_full = i64::try_from(batch.len()).is_ok_and(|events| events >= self.settings.batch);
        if is_full { Came::Full } else { Came::of(batch.len()) }
    }

    /// Whether enough of the lease is left for a batch of effects: a quarter of it to begin them, and
    /// half of it for the one that begins last.
    fn has_lease(&self) -> bool {
        let leased = *self.leased.lock().unwrap_or_else(PoisonError::into_inner);
        leased.is_some_and(|since| since.elapsed() < self.settings.lease / 8)
    }

    /// Takes or renews the right to perform the effects. False when another node has it.
    async fn take_lease(&self) -> Result<bool> {
        let Self { subscription, source, settings, .. } = self;
        let lease = TimeDelta::from_std(settings.lease).unwrap_or(TimeDelta::seconds(30));
        let asked = Instant::now();
        let until = subscription.db.clock().now() + lease;
        let taken =
            store::lease(&subscription.db, subscription.name, source, &settings.node, until)
                .await?;
        *self.leased.lock().unwrap_or_else(PoisonError::into_inner) = taken.then_some(asked);
        Ok(taken)
    }

    /// The next events after a cursor.
    async fn read(&self, at: Position) -> Result<Arc<[Published]>> {
        let skipped = self.skipped().filter(|skipped| skipped.cursor == at);
        let after = skipped.map_or(at.pos, |skipped| skipped.to);
        self.from.read_after(after, self.settings.batch).await
    }

    /// Passes events that nobody wants. The cursor follows when it is quiet, for whoever asks how
    /// far it is behind, and before a restart would have to read too many of them again.
    async fn skip(&self, at: Position, batch: &[Published]) -> Result<Came> {
        let known = self.skipped().filter(|skipped| skipped.cursor == at);
        let to = batch.last().map(|last| last.pos).or(known.map(|skipped| skipped.to));
        let Some(to) = to else { return Ok(Came::Nothing) };
        let came = self.came(batch);
        let since = known.map_or_else(Instant::now, |skipped| skipped.since);
        let is_early = came == Came::Full || since.elapsed() < self.settings.poll;
        if to - at.pos < SKIPPED_MAX && is_early {
            *self.skipped() = Some(Skipped { cursor: at, to, since });
            return Ok(came);
        }
        let mut tx = self.subscription.db.begin("bus.skip").await?;
        store::move_cursor(&mut tx, self.subscription.name, self.source, at, to).await?;
        tx.commit().await?;
        *self.skipped() = None;
        Ok(came)
    }

    fn skipped(&self) -> MutexGuard<'_, Option<Skipped>> {
        self.skipped.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
