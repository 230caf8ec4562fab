//! How often a task of the bus asks for more: at once when something happens after a quiet time or when much is left,
//! and at most every so often while there is a little all the time.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::sql::Result;

/// What a round came upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    Nothing,
    /// All that there was.
    Some,
    /// As much as a round takes.
    Full,
}

impl Came {
    /// What so many say.
    pub fn of(many: usize) -> Self {
        if many == 0 { Self::Nothing } else { Self::Some }
    }
}

/// The pace of one task.
pub(super) struct Pace {
    /// How long it waits after it was woken.
    linger: Duration,
    /// How long it rests after a round that came upon all that there was.
    rest: Duration,
    /// Until when.
    rests: Mutex<Option<Instant>>,
}

impl Pace {
    pub fn new(linger: Duration, rest: Duration) -> Self {
        Self { linger, rest, rests: Mutex::default() }
    }

    /// Runs a round when its time has come. True when there may be more.
    pub async fn keep(&self, round: impl Future<Output = Result<Came>>) -> Result<bool> {
        let rests = *self.rests.lock().unwrap_or_else(PoisonError::into_inner);
        let left = rests.map(|until| until.saturating_duration_since(Instant::now()));
        tokio::time::sleep(left.unwrap_or_default().max(self.linger)).await;
        let came = round.await?;
        let rests = (came == Came::Some).then(|| Instant::now() + self.rest);
        *self.rests.lock().unwrap_or_else(PoisonError::into_inner) = rests;
        Ok(came != Came::Nothing)
    }
}
