//! How long queues make people wait: what tells a busy house from one that has taken on too much.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Nobody has passed.
const NOBODY: u64 = u64::MAX;

/// The shortest wait of those who passed a queue since somebody last looked.
///
/// A long wait of some is no sign of trouble: they came together. A queue that nobody passes without
/// waiting stands, and grows if nothing is done (controlled delay, RFC 8289 section 3).
#[derive(Debug)]
pub struct QueueDelay {
    shortest_us: AtomicU64,
    waiting: AtomicUsize,
    /// Whether at the last look somebody waited whom nobody had passed since the one before.
    stood: AtomicBool,
}

impl Default for QueueDelay {
    fn default() -> Self {
        Self {
            shortest_us: AtomicU64::new(NOBODY),
            waiting: AtomicUsize::new(0),
            stood: AtomicBool::new(false),
        }
    }
}

impl QueueDelay {
    /// Somebody gets in line.
    pub fn join(self: &Arc<Self>) -> Waits {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Waits { queue: self.clone(), since: Instant::now() }
    }

    /// Somebody has passed after this wait.
    pub fn passed(&self, waited: Duration) {
        let micros = u64::try_from(waited.as_micros()).unwrap_or(NOBODY - 1);
        self.shortest_us.fetch_min(micros, Ordering::Relaxed);
    }

    /// The shortest wait since the last look, which was `every` ago. When nobody passed, but somebody
    /// has waited all that time, it is that time; none when nobody came.
    pub fn look(&self, every: Duration) -> Option<Duration> {
        let micros = self.shortest_us.swap(NOBODY, Ordering::Relaxed);
        let stands = micros == NOBODY && self.waiting.load(Ordering::Relaxed) > 0;
        let stood = self.stood.swap(stands, Ordering::Relaxed);
        match micros {
            NOBODY => (stands && stood).then_some(every),
            micros => Some(Duration::from_micros(micros)),
        }
    }
}

/// Somebody in line, who has passed or given up when this is dropped.
#[derive(Debug)]
pub struct Waits {
    queue: Arc<QueueDelay>,
    since: Instant,
}

impl Waits {
    /// It is their turn.
    pub fn pass(self) {
        self.queue.passed(self.since.elapsed());
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.queue.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_millis(100);

    #[test]
    fn one_who_does_not_wait_shows_that_the_queue_does_not_stand() {
        let queue = QueueDelay::default();
        assert_eq!(queue.look(EVERY), None);
        for millis in [30, 2, 50] {
            queue.passed(Duration::from_millis(millis));
        }
        assert_eq!(queue.look(EVERY), Some(Duration::from_millis(2)));
        assert_eq!(queue.look(EVERY), None, "each look begins anew");
    }

    #[test]
    fn a_queue_that_nobody_passes_stands_from_one_look_to_the_next() {
        let queue = Arc::new(QueueDelay::default());
        let waits = queue.join();
        assert_eq!(queue.look(EVERY), None, "they may just have come");
        assert_eq!(queue.look(EVERY), Some(EVERY));
        waits.pass();
        assert!(queue.look(EVERY).is_some_and(|waited| waited < EVERY), "it is their turn at once");
        drop(queue.join());
        assert_eq!(queue.look(EVERY), None, "whoever gives up waits no more");
    }
}
