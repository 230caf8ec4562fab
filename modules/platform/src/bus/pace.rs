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
        tokio::time::sleep(self.wait(Instant::now())).await;
        let came = round.await?;
        self.note(came, Instant::now());
        Ok(came != Came::Nothing)
    }

    /// How long it is until the next round.
    fn wait(&self, now: Instant) -> Duration {
        let rests = *self.rests.lock().unwrap_or_else(PoisonError::into_inner);
        let left = rests.map(|until| until.saturating_duration_since(now));
        left.unwrap_or_default().max(self.linger)
    }

    fn note(&self, came: Came, now: Instant) {
        let rests = (came == Came::Some).then(|| now + self.rest);
        *self.rests.lock().unwrap_or_else(PoisonError::into_inner) = rests;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_found_a_little_rests_and_whoever_found_much_goes_on() {
        let (linger, rest) = (Duration::from_millis(20), Duration::from_millis(100));
        let (pace, now) = (Pace::new(linger, rest), Instant::now());
        assert_eq!(pace.wait(now), linger, "the first round is after a quiet time");
        pace.note(Came::Some, now);
        assert_eq!(pace.wait(now), rest);
        assert_eq!(pace.wait(now + rest / 2), rest / 2);
        assert_eq!(pace.wait(now + rest * 9), linger);
        pace.note(Came::Full, now);
        assert_eq!(pace.wait(now), linger, "what is left is not waited for");
        pace.note(Came::Some, now);
        pace.note(Came::Nothing, now);
        assert_eq!(pace.wait(now), linger);
    }
}
