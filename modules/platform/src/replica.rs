//! A standby of PostgreSQL, for reads that may be as old as what this node has heard of.
//!
//! It is asked how far it has come and for what is read in one snapshot. So it never shows a state before what was heard
//! of, however far it lags, and whichever of several standbys answers at an address. It is never the truth: who would
//! write after a read, or check an invariant, asks the primary.

use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kernel::Clock;

use crate::breaker::{Breaker, Turn};
use crate::fault;
use crate::sql::{Db, Error, Postgres, Reads, Result, Tx};

/// After how many reads in a row without an answer nobody asks for a while.
const FAILURES_MAX: u32 = 3;
/// For how long. Then one read tries.
const PAUSE: Duration = Duration::from_secs(1);

crate::statements! {
    REACHED =
        "select cast(0 as bigint), pos, 1 = 0 from cursor where subscription = $1 and source = $2",
        "select h.pos, c.pos, pg_is_in_recovery() from outbox_head h cross join cursor c
          where c.subscription = $1 and c.source = $2";
}

/// How far the data of a module have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// The place of the module's own last event.
    pub published: i64,
    /// The place of the last event that a reaction of the module has handled.
    pub handled: i64,
}

/// What can be asked of a primary and of its standby alike.
pub trait Question: Sync {
    /// What is found.
    type Answer: Send;

    /// Asks one of them. It may be asked twice.
    fn ask(&self, of: &mut dyn Reads) -> impl Future<Output = Result<Self::Answer>> + Send;
}

/// A standby of one module's database. Cheap to clone.
#[derive(Clone)]
pub struct Replica(Arc<Inner>);

struct Inner {
    db: Db,
    subscription: &'static str,
    source: &'static str,
    wait: Duration,
    breaker: Breaker,
}

impl Replica {
    /// The standby of a module's schema, which is connected to when it is first asked. A read takes `wait` at most. What
    /// it has handled is told by the cursor of `subscription` in the events of `source`.
    pub fn open(
        module: &'static str,
        at: &Postgres,
        wait: Duration,
        (subscription, source): (&'static str, &'static str),
        clock: Clock,
    ) -> Result<Self> {
        let db = Db::standby(module, at, wait, clock)?;
        let breaker = Breaker::new(FAILURES_MAX, PAUSE);
        Ok(Self(Arc::new(Inner { db, subscription, source, wait, breaker })))
    }

    /// What is found there, if it has come as far as `least`. None is for the primary to answer: also when the standby
    /// is gone or slow, which costs a read at most the wait, and then nothing for a while.
    pub async fn answer<Q: Question>(&self, least: Reach, question: &Q) -> Option<Q::Answer> {
        let Inner { wait, breaker, .. } = &*self.0;
        if !breaker.admits(Instant::now()) {
            count("gone");
            return None;
        }
        let found = match tokio::time::timeout(*wait, self.ask(least, question)).await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => return self.failed(error),
            Err(_) => return self.failed("no answer within database.replica_wait_ms"),
        };
        if breaker.passed() == Turn::Closes {
            tracing::info!("the replica answers again");
        }
        count(if found.is_some() { "replica" } else { "behind" });
        found
    }

    async fn ask<Q: Question>(&self, least: Reach, question: &Q) -> Result<Option<Q::Answer>> {
        let mut snapshot = self.0.db.snapshot().await?;
        let Some(reached) = self.reached(&mut snapshot).await? else { return Ok(None) };
        let is_behind = reached.published < least.published || reached.handled < least.handled;
        if is_behind && !fault::bug("lagging_replica_is_read") {
            return Ok(None);
        }
        question.ask(&mut snapshot).await.map(Some)
    }

    async fn reached(&self, snapshot: &mut Tx) -> Result<Option<Reach>> {
        let Inner { subscription, source, .. } = &*self.0;
        let found = snapshot.query(REACHED).bind(*subscription).bind(*source).optional().await?;
        let Some((published, handled, follows)): Option<(i64, i64, bool)> = found else {
            return Ok(None);
        };
        if !follows {
            // One that was promoted goes its own way: its places are of other events.
            return Err(Error::Unusable("it follows no primary".to_owned()));
        }
        Ok(Some(Reach { published, handled }))
    }

    /// Closes every connection.
    pub async fn close(&self) {
        self.0.db.close().await;
    }

    fn failed<T>(&self, why: impl Display) -> Option<T> {
        count("gone");
        if self.0.breaker.failed(Instant::now()) == Turn::Opens {
            tracing::warn!(%why, "the replica does not answer: the primary is asked");
        }
        None
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("replica_reads_total", "outcome" => outcome).increment(1);
}
