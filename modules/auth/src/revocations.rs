//! The sessions that ended while access tokens of theirs may still be good.
//!
//! A token is checked without the database, so a logout is remembered here until the last token of
//! its session has expired. This node remembers at once; what other nodes ended is looked up.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use chrono::TimeDelta;
use kernel::Timestamp;
use kernel::id::SessionId;
use platform::sql::{self, Db};

use crate::store::sessions;

/// How long after its time a revocation may become visible: a unit of work takes its time when it
/// begins, and clocks differ between nodes.
const LATE_MAX: TimeDelta = TimeDelta::seconds(60);

/// Sessions that were ended, with when.
pub(crate) struct Revocations {
    ended: RwLock<HashMap<SessionId, Timestamp>>,
    /// When they were last looked up.
    seen: RwLock<Option<Timestamp>>,
    /// How long an ended session is remembered.
    kept: TimeDelta,
}

impl Revocations {
    /// Remembers for as long as an access token lives.
    pub(crate) fn new(token_lifetime: TimeDelta) -> Self {
        let kept = token_lifetime + LATE_MAX;
        Self { ended: RwLock::default(), seen: RwLock::default(), kept }
    }

    pub(crate) fn contains(&self, session: SessionId) -> bool {
        self.ended.read().unwrap_or_else(PoisonError::into_inner).contains_key(&session)
    }

    pub(crate) fn insert(&self, session: SessionId, at: Timestamp) {
        self.ended.write().unwrap_or_else(PoisonError::into_inner).insert(session, at);
    }

    /// Looks up what was ended since the last time, by whomever, and forgets what is past.
    pub(crate) async fn refresh(&self, db: &Db) -> sql::Result<()> {
        let now = db.clock().now();
        let seen = *self.seen.read().unwrap_or_else(PoisonError::into_inner);
        let since = seen.map_or(now - self.kept, |seen| seen - LATE_MAX);
        let fresh = sessions::revoked_since(db, since).await?;
        let mut ended = self.ended.write().unwrap_or_else(PoisonError::into_inner);
        ended.extend(fresh);
        ended.retain(|_, at| now - *at < self.kept);
        *self.seen.write().unwrap_or_else(PoisonError::into_inner) = Some(now);
        Ok(())
    }
}
