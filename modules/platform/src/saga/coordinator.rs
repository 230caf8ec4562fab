//! The coordinator: claims instances and takes them from step to step.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use futures_util::FutureExt;
use kernel::Timestamp;
use kernel::id::SagaId;
use kernel::problem::{Problem, code};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};
use uuid::Uuid;

use super::plan::{Next, Phase, Policy, Turn, When, decide};
use super::store::{self, Claimed, Record, Turned};
use super::{Outcome, Saga};
use crate::sql::{Db, Engine, Error, Result, Tx};
use crate::tasks::Tasks;
use crate::{fault, trace};

/// How many claimed sagas a node runs at a time; those it started itself come on top.
const CLAIMED_MAX: usize = 64;
/// How often a turn is recorded when storage is busy.
const RECORD_TRIES_MAX: u32 = 4;

/// How a coordinator works.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Who this node is.
    pub node: String,
    /// How long a node may be silent before another takes its sagas over. A step that takes
    /// longer than half of it is taken to have failed with unknown outcome.
    pub lease: Duration,
    /// How often it looks for sagas that are due.
    pub poll: Duration,
    /// How patient the sagas are.
    pub policy: Policy,
}

/// Runs the sagas of one kind.
pub struct Coordinator<S: Saga> {
    shared: Arc<Shared<S>>,
}

impl<S: Saga> Clone for Coordinator<S> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

struct Shared<S: Saga> {
    db: Db,
    ports: S::Ports,
    settings: Settings,
    tasks: Tasks,
    wake: watch::Sender<u64>,
    /// Bounds the sagas that were claimed and run here.
    claims: Arc<Semaphore>,
}

/// A saga that was started here; tells when it has ended or begins to wait.
pub struct Running {
    settled: oneshot::Receiver<()>,
}

impl Running {
    /// Waits until the saga has ended or waits for something outside. False when that took longer.
    pub async fn settled(self, wait: Duration) -> bool {
        matches!(tokio::time::timeout(wait, self.settled).await, Ok(Ok(())))
    }
}

impl<S: Saga> Coordinator<S> {
    /// A coordinator over the database of the saga's module.
    pub fn new(db: Db, ports: S::Ports, settings: Settings, tasks: Tasks) -> Self {
        let wake = watch::channel(0).0;
        let claims = Arc::new(Semaphore::new(CLAIMED_MAX));
        Self { shared: Arc::new(Shared { db, ports, settings, tasks, wake, claims }) }
    }

    /// Starts a saga in the caller's unit of work; it runs here once that is committed.
    pub async fn start(
        &self,
        tx: &mut Tx,
        subject: Uuid,
        saga: &S,
        deadline: Timestamp,
    ) -> Result<Running> {
        let new = store::Start {
            id: SagaId::new().uuid(),
            kind: S::KIND,
            subject,
            state: to_json(saga)?,
            owner: &self.shared.settings.node,
            lease_until: self.lease_until(),
            deadline,
            steps: S::steps().len(),
        };
        let claimed = store::start(tx, new).await?;
        let (settle, settled) = oneshot::channel();
        let here = self.clone();
        tx.after_commit(move || here.spawn(claimed, Some(settle), None));
        Ok(Running { settled })
    }

    /// Lets sagas that were nudged go on at once.
    pub fn wake(&self) {
        self.shared.wake.send_modify(|count| *count += 1);
    }

    /// Looks for due sagas from now on: those that wait, and those of nodes that went away.
    pub async fn run(&self) -> Result<()> {
        let Shared { db, settings, tasks, wake, .. } = &*self.shared;
        if db.engine() == Engine::Sqlite {
            // There is one server over a SQLite file, and it has just started: nobody else can be
            // at work on these.
            let mut tx = db.begin("saga.orphans").await?;
            let now = tx.now();
            tx.query(store::ORPHANS).bind(now).bind(S::KIND).execute().await?;
            tx.commit().await?;
        }
        let here = self.clone();
        tasks.every("saga", settings.poll, Some(wake.subscribe()), move || {
            let here = here.clone();
            async move { here.take_up().await }
        });
        Ok(())
    }

    /// One round of that task: takes up a saga that is due, and answers whether there was one.
    pub async fn take_up(&self) -> Result<bool> {
        let Shared { db, settings, claims, .. } = &*self.shared;
        // When all are taken, those at work end or lose their lease first.
        let Ok(permit) = claims.clone().try_acquire_owned() else { return Ok(false) };
        if fault::bug("saga_is_not_resumed") {
            return Ok(false);
        }
        let claimed = store::claim(db, S::KIND, &settings.node, self.lease_until()).await?;
        let found = claimed.is_some();
        if let Some(claimed) = claimed {
            self.spawn(claimed, None, Some(permit));
        }
        Ok(found)
    }

    fn spawn(
        &self,
        claimed: Claimed,
        settle: Option<oneshot::Sender<()>>,
        permit: Option<OwnedSemaphorePermit>,
    ) {
        let here = self.clone();
        let trace = claimed.trace.clone();
        self.shared.tasks.spawn(trace::within(trace, async move {
            let id = claimed.id;
            match here.drive(claimed).await {
                Ok(()) => {
                    if let Some(settle) = settle {
                        // The request that started it may no longer wait.
                        let _ = settle.send(());
                    }
                }
                // Its lease ends and it is claimed again.
                Err(error) => tracing::error!(saga = %id, %error, "a saga was left behind"),
            }
            if permit.is_some() {
                drop(permit);
                here.wake_if_full();
            }
        }));
    }

    /// The permit that was just given back may be the one that a claim was waiting for.
    fn wake_if_full(&self) {
        if self.shared.claims.available_permits() == 1 {
            self.wake();
        }
    }

    fn lease_until(&self) -> Timestamp {
        let lease = TimeDelta::from_std(self.shared.settings.lease);
        self.shared.db.clock().now() + lease.unwrap_or(TimeDelta::seconds(30))
    }

    /// Takes an instance as far as it goes without waiting.
    async fn drive(&self, mut claimed: Claimed) -> Result<()> {
        let broken = |error| Error::Inconsistent(format!("saga state: {error}"));
        let mut saga: S = serde_json::from_value(claimed.state.take()).map_err(broken)?;
        let (mut turns, mut recorded) = (Vec::new(), Instant::now());
        loop {
            let turn = self.take_turn(&mut saga, &claimed).await?;
            let now = self.shared.db.clock().now();
            let mut next =
                decide(&claimed.at, S::steps().len(), &turn, &self.shared.settings.policy, now);
            if fault::bug("refusal_undoes_nothing") && next.phase == Phase::Undoing {
                (next.phase, next.when) = (Phase::Undone, When::Never);
            }
            turns.push(told::<S>(&claimed, &turn, now));
            // The next step may take half of the lease, and it must end within it.
            let may_wait = recorded.elapsed() < self.shared.settings.lease / 4;
            if !(may_wait && next.when == When::Now && next.phase == Phase::Forward) {
                if !self.keep(&mut saga, &claimed, &turns, &next).await? {
                    return self.cut_off(&claimed).await;
                }
                if next.when != When::Now {
                    return Ok(());
                }
                claimed.turns += i64::try_from(turns.len()).unwrap_or(0);
                turns.clear();
                recorded = Instant::now();
            }
            claimed.at.phase = next.phase;
            claimed.at.step = next.step;
            claimed.at.reach = claimed.at.reach.max(next.step);
            claimed.at.attempts = next.attempts;
            claimed.reason = next.failure.or(claimed.reason);
        }
    }

    /// Somebody gave the saga up, or another node took it over: nothing of the last turns is kept.
    async fn cut_off(&self, claimed: &Claimed) -> Result<()> {
        let Shared { db, settings, .. } = &*self.shared;
        if store::leave(db, claimed, &settings.node).await? {
            self.wake();
        } else {
            tracing::warn!(saga = %claimed.id, "another node took this saga over");
        }
        Ok(())
    }

    async fn take_turn(&self, saga: &mut S, claimed: &Claimed) -> Result<Turn> {
        let Some(step) = S::steps().get(claimed.at.step) else {
            return Err(Error::Inconsistent(format!("saga {} has no such step", claimed.id)));
        };
        let (name, ports) = (step.name(), &self.shared.ports);
        let patience = self.shared.settings.lease / 2;
        if claimed.at.phase == Phase::Undoing {
            if fault::bug("undo_is_skipped") {
                return Ok(Turn::Undid(Ok(())));
            }
            let undone = in_time(patience, step.undo(saga, ports)).await;
            fault::point("after undo of", name);
            return Ok(Turn::Undid(undone.flatten()));
        }
        if fault::armed("reject", name) {
            let problem = Problem::new(code::ORDER_NOT_COMPLETED, format!("{name} was refused"));
            return Ok(Turn::Ran(Outcome::Reject(problem)));
        }
        if fault::armed("repeat", name) {
            step.run(saga, ports).await;
        }
        let ran = in_time(patience, step.run(saga, ports)).await;
        fault::point("after run of", name);
        if fault::armed("lose", name) {
            return Ok(Turn::Ran(Outcome::Retry("the answer was lost".to_owned())));
        }
        Ok(Turn::Ran(ran.unwrap_or_else(Outcome::Retry)))
    }

    /// Records turns, and does not leave a saga behind because storage was busy for a moment.
    async fn keep(
        &self,
        saga: &mut S,
        claimed: &Claimed,
        turns: &[Turned],
        next: &Next,
    ) -> Result<bool> {
        let mut tries = 1;
        loop {
            match self.record(saga, claimed, turns, next).await {
                Err(error) if error.is_transient() && tries < RECORD_TRIES_MAX => {
                    tracing::warn!(saga = %claimed.id, %error, "a turn is recorded once more");
                    tokio::time::sleep(crate::backoff::pause(tries, 50, 1_000)).await;
                    tries += 1;
                }
                recorded => return recorded,
            }
        }
    }

    async fn record(
        &self,
        saga: &mut S,
        claimed: &Claimed,
        turns: &[Turned],
        next: &Next,
    ) -> Result<bool> {
        let step = turns.last().map_or("?", |turn| turn.step);
        let mut tx = self.shared.db.begin(step).await?;
        match (next.when, next.phase) {
            (When::Waiting(_), _) => saga.waiting(&mut tx).await?,
            (_, Phase::Done) => saga.ended(&mut tx, None).await?,
            (_, Phase::Undone) => {
                let unknown = Problem::new(code::ORDER_NOT_COMPLETED, "The order was given up.");
                let failure = next.failure.as_ref().or(claimed.reason.as_ref());
                saga.ended(&mut tx, Some(failure.unwrap_or(&unknown))).await?;
            }
            _ => {}
        }
        // Nobody goes on with one that has ended, and what it knew may be about somebody.
        let has_ended = matches!(next.phase, Phase::Done | Phase::Undone);
        let state = if has_ended { serde_json::json!({}) } else { to_json(saga)? };
        let record = Record {
            turns,
            next,
            state: &state,
            owner: &self.shared.settings.node,
            lease_until: self.lease_until(),
        };
        if !store::record(&mut tx, claimed, record).await? {
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }
}

/// A turn as the history tells it.
fn told<S: Saga>(claimed: &Claimed, turn: &Turn, at: Timestamp) -> Turned {
    let step = S::steps().get(claimed.at.step).map_or("?", |step| step.name());
    let (outcome, detail) = describe(turn);
    Turned { step, phase: claimed.at.phase.word(), outcome, detail, at }
}

/// A step that hangs or panics has an unknown outcome; the error says which.
async fn in_time<T>(
    patience: Duration,
    work: impl Future<Output = T>,
) -> std::result::Result<T, String> {
    match tokio::time::timeout(patience, AssertUnwindSafe(work).catch_unwind()).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(_)) => Err("it panicked".to_owned()),
        Err(_) => Err("it took too long".to_owned()),
    }
}

fn describe(turn: &Turn) -> (&'static str, Option<String>) {
    match turn {
        Turn::Ran(Outcome::Done) => ("done", None),
        Turn::Ran(Outcome::Wait(until)) => ("waits", Some(format!("until {until}"))),
        Turn::Ran(Outcome::Retry(why)) => ("unknown", Some(why.clone())),
        Turn::Ran(Outcome::Reject(problem) | Outcome::GiveUp(problem)) => {
            ("refused", Some(problem.to_string()))
        }
        Turn::Undid(Ok(())) => ("undone", None),
        Turn::Undid(Err(why)) => ("failed", Some(why.clone())),
    }
}

fn to_json<S: Saga>(saga: &S) -> Result<serde_json::Value> {
    serde_json::to_value(saga)
        .map_err(|error| Error::Inconsistent(format!("saga {}: {error}", S::KIND)))
}
