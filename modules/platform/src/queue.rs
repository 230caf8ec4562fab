//! How long queues make people wait: what tells a busy house from one that has taken on too much.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Nobody has passed.
const NOBODY: u64 = u64::MAX;

/// The shortest wait of those who passed a queue since somebody last looked.
///
/// A long wait of some is no sign of trouble: they came together. A queue that nobody passes without
/// waiting stands, and grows if nothing is done (controlled delay, RFC 8289 section 3).
#[derive(Debug)]
pub struct QueueDelay(AtomicU64);

impl Default for QueueDelay {
    fn default() -> Self {
        Self(AtomicU64::new(NOBODY))
    }
}

impl QueueDelay {
    /// Somebody has passed after this wait.
    pub fn passed(&self, waited: Duration) {
        let micros = u64::try_from(waited.as_micros()).unwrap_or(NOBODY - 1);
        self.0.fetch_min(micros, Ordering::Relaxed);
    }

    /// The shortest wait since the last look; none when nobody passed.
    pub fn look(&self) -> Option<Duration> {
        let micros = self.0.swap(NOBODY, Ordering::Relaxed);
        (micros != NOBODY).then(|| Duration::from_micros(micros))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_who_does_not_wait_shows_that_the_queue_does_not_stand() {
        let queue = QueueDelay::default();
        assert_eq!(queue.look(), None);
        for millis in [30, 2, 50] {
            queue.passed(Duration::from_millis(millis));
        }
        assert_eq!(queue.look(), Some(Duration::from_millis(2)));
        assert_eq!(queue.look(), None, "each look begins anew");
    }
}
