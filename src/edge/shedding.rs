//! What a shop refuses that is asked for more than it can do.
//!
//! Whoever takes on everything is late with everything. So the queues of the house are watched: of
//! what is ready to run on each thread that answers requests, of tasks that are to begin, and of
//! units of work in front of each database. When one stands (see [`QueueDelay`]), a part of the
//! requests is refused before anything is done for them, more of them as long as it stands and fewer
//! when it does not.

use std::cell::Cell;
use std::convert::Infallible;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use platform::queue::QueueDelay;
use platform::sql::Db;
use platform::tasks::Tasks;

/// How often the part that is refused is decided anew.
const DECIDE_EVERY: Duration = Duration::from_millis(100);
/// How often a thread's queue is tried.
const TRY_EVERY: Duration = Duration::from_millis(10);
/// All requests, in thousandths.
const ALL: i32 = 1_000;
/// So many requests in a row are a queue; fewer that take long are only work.
const QUEUE_MIN: u64 = 3;
/// By how much the part changes at most in one decision, in thousandths.
const STEP: f64 = 100.0;

thread_local! {
    /// Requests that this thread has begun.
    static BEGUN: Cell<u64> = const { Cell::new(0) };
}

/// Decides which requests are refused.
pub struct Shedding {
    /// The longest wait that a queue may have for everybody who passes.
    target: Duration,
    tasks: Tasks,
    databases: Vec<Db>,
    threads: Mutex<Vec<Arc<QueueDelay>>>,
    /// Thousandths that are refused: of ordinary requests up to 1,000, of essential ones what is
    /// above.
    level: AtomicI32,
    asked: AtomicU32,
}

impl Shedding {
    /// Nothing is refused yet. A target of zero refuses nothing, ever.
    pub fn new(target: Duration, tasks: &Tasks, databases: &[Db]) -> Arc<Self> {
        Arc::new(Self {
            target,
            tasks: tasks.clone(),
            databases: databases.to_vec(),
            threads: Mutex::default(),
            level: AtomicI32::new(0),
            asked: AtomicU32::new(0),
        })
    }

    /// Decides every so often, as long as the tasks run.
    pub fn start(self: &Arc<Self>) {
        if self.target.is_zero() {
            return;
        }
        let shedding = self.clone();
        self.tasks.every("edge.shed", DECIDE_EVERY, None, move || {
            shedding.decide();
            async { Ok::<bool, Infallible>(false) }
        });
    }

    /// Watches the queue of the thread that calls, which answers requests.
    pub fn watch_thread(&self) {
        if self.target.is_zero() {
            return;
        }
        let queue = Arc::new(QueueDelay::default());
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(queue.clone());
        actix_web::rt::spawn(try_queue(queue));
    }

    /// Whether a request may be begun.
    pub fn admits(&self, essential: bool) -> bool {
        BEGUN.set(BEGUN.get() + 1);
        let level = self.level.load(Ordering::Relaxed);
        let refused = if essential { level - ALL } else { level.min(ALL) };
        if refused <= 0 {
            return true;
        }
        // Evenly spread: so many of each thousand, without a die.
        let number = self.asked.fetch_add(1, Ordering::Relaxed);
        let share = |number: u32| i64::from(number) * i64::from(refused) / i64::from(ALL);
        share(number % ALL.unsigned_abs()) == share(number % ALL.unsigned_abs() + 1)
    }

    /// Decides anew by how the queues stand.
    fn decide(&self) {
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let ours = threads.iter().filter_map(|queue| queue.look(DECIDE_EVERY));
        let theirs = self.databases.iter().filter_map(|db| db.queue().look(DECIDE_EVERY));
        let longest = ours
            .chain(theirs)
            .chain(self.tasks.queue().look(DECIDE_EVERY))
            .max()
            .unwrap_or_default();
        let level = next(self.level.load(Ordering::Relaxed), longest, self.target);
        self.level.store(level, Ordering::Relaxed);
        metrics::gauge!("edge_queue_seconds").set(longest.as_secs_f64());
        metrics::gauge!("edge_refused_share").set(f64::from(level) / f64::from(ALL));
    }
}

/// The next level: it rises by how far the longest wait is above the target and falls by how far it
/// is below.
fn next(level: i32, longest: Duration, target: Duration) -> i32 {
    let off = (longest.as_secs_f64() / target.as_secs_f64() - 1.0).clamp(-1.0, 1.0);
    #[expect(clippy::cast_possible_truncation, reason = "it is at most one step")]
    let step = (off * STEP) as i32;
    (level + step).clamp(0, 2 * ALL)
}

/// Stands in line like everything that is ready to run on this thread, again and again, and notes
/// how long that took.
async fn try_queue(queue: Arc<QueueDelay>) {
    loop {
        let (due, before) = (Instant::now() + TRY_EVERY, BEGUN.get());
        tokio::time::sleep(TRY_EVERY).await;
        tokio::task::yield_now().await;
        let is_queue = BEGUN.get() - before >= QUEUE_MIN;
        queue.passed(if is_queue { due.elapsed() } else { Duration::ZERO });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(level: i32) -> Arc<Shedding> {
        let shedding = Shedding::new(Duration::from_millis(10), &Tasks::default(), &[]);
        shedding.level.store(level, Ordering::Relaxed);
        shedding
    }

    fn admitted(shedding: &Shedding, essential: bool) -> usize {
        (0..1_000).filter(|_| shedding.admits(essential)).count()
    }

    #[tokio::test]
    async fn so_many_of_a_thousand_are_refused_and_the_essential_ones_last() {
        for (level, ordinary, essential) in [
            (0, 1_000, 1_000),
            (250, 750, 1_000),
            (1_000, 0, 1_000),
            (1_400, 0, 600),
            (2_000, 0, 0),
        ] {
            let shedding = at(level);
            assert_eq!(admitted(&shedding, false), ordinary, "{level}");
            assert_eq!(admitted(&shedding, true), essential, "{level}");
        }
    }

    #[tokio::test]
    async fn refusals_are_spread_evenly() {
        let shedding = at(500);
        let ten: Vec<bool> = (0..10).map(|_| shedding.admits(false)).collect();
        assert!(ten.windows(2).all(|pair| pair[0] != pair[1]), "{ten:?}");
    }

    #[tokio::test]
    async fn a_queue_that_stands_is_answered_by_more_refusals_until_it_does_not() {
        let shedding = at(0);
        let queue = Arc::new(QueueDelay::default());
        shedding.threads.lock().unwrap().push(queue.clone());
        for _ in 0..30 {
            queue.passed(Duration::from_millis(100));
            shedding.decide();
        }
        assert_eq!(shedding.level.load(Ordering::Relaxed), 2 * ALL);
        for _ in 0..30 {
            queue.passed(Duration::from_millis(100));
            queue.passed(Duration::ZERO);
            shedding.decide();
        }
        assert_eq!(shedding.level.load(Ordering::Relaxed), 0, "somebody passed without waiting");
    }

    #[tokio::test]
    async fn long_work_is_no_queue() {
        let shedding = at(0);
        for (requests, stands) in [(QUEUE_MIN - 1, false), (QUEUE_MIN, true)] {
            let queue = Arc::new(QueueDelay::default());
            let trying = tokio::spawn(try_queue(queue.clone()));
            tokio::task::yield_now().await;
            for _ in 0..requests {
                shedding.admits(false);
            }
            std::thread::sleep(TRY_EVERY * 2);
            let waited = loop {
                match queue.look(DECIDE_EVERY) {
                    Some(waited) => break waited,
                    None => tokio::time::sleep(TRY_EVERY).await,
                }
            };
            trying.abort();
            assert_eq!(!waited.is_zero(), stands, "{requests}");
        }
    }

    #[test]
    fn a_wait_at_the_target_changes_nothing() {
        let target = Duration::from_millis(10);
        assert_eq!(next(300, target, target), 300);
        assert_eq!(next(300, target * 3 / 2, target), 350);
        assert_eq!(next(300, Duration::ZERO, target), 200);
    }
}
