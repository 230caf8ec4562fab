//! What a reaction did, wherever that was: heard on this node for its caches.
//!
//! An event that was parked and is handled later is heard of when it was parked; what a cache made of it is then as old as
//! caches let it become.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use kernel::Envelope;

use super::{Handler, Subscription, store};
use crate::outbox;
use crate::sql::{Db, Result};

/// How far was heard of what a reaction did, by publisher.
#[derive(Default)]
pub(super) struct Heard(Mutex<BTreeMap<&'static str, i64>>);

impl Heard {
    /// It was heard of further, if it had been heard of until there. False when it was not, or somebody else was faster.
    pub(super) fn goes_on(&self, source: &str, from: i64, to: i64) -> bool {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = heard.get_mut(source).filter(|at| **at == from);
        at.map(|at| *at = to).is_some()
    }

    fn at(&self, source: &str) -> i64 {
        let heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heard.get(source).copied().unwrap_or_default()
    }

    fn set(&self, source: &'static str, at: i64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(source, at);
    }
}

/// Follows the cursor of a reaction through one publisher's events.
pub(super) struct Follower {
    subscription: Subscription,
    source: &'static str,
    from: Db,
    /// How many events are read at a time.
    batch: i64,
}

impl Follower {
    /// Hears of whatever is done from now on.
    pub(super) async fn start(
        subscription: Subscription,
        source: &'static str,
        from: Db,
        batch: i64,
    ) -> Result<Self> {
        let at = store::position(&subscription.db, subscription.name, source).await?.pos;
        subscription.heard.set(source, at);
        if let Handler::Reaction(reaction) = &subscription.handler {
            reaction.committed(at, &[]);
        }
        Ok(Self { subscription, source, from, batch })
    }

    /// Hears of what was done since the last round. Answers whether there may be more.
    pub(super) async fn round(&self) -> Result<bool> {
        let Self { subscription, source, .. } = self;
        let Handler::Reaction(reaction) = &subscription.handler else { return Ok(false) };
        // In this order: else what goes on in between looks like a replay.
        let heard = subscription.heard.at(source);
        let at = store::position(&subscription.db, subscription.name, source).await?.pos;
        if at < heard && subscription.heard.goes_on(source, heard, at) {
            // It is replayed from the first event on.
            reaction.committed(at, &[]);
        }
        if at <= heard {
            return Ok(false);
        }
        let mut events = outbox::read_after(&self.from, heard, self.batch).await?;
        events.retain(|event| event.pos <= at);
        let Some(last) = events.last().map(|event| event.pos) else { return Ok(false) };
        if !subscription.heard.goes_on(source, heard, last) {
            return Ok(true);
        }
        let wanted: Vec<&Envelope> = events
            .iter()
            .map(|event| &event.envelope)
            .filter(|event| subscription.wants(event))
            .collect();
        reaction.committed(last, &wanted);
        Ok(last < at)
    }
}
