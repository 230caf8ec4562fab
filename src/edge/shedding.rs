//! How many requests a shop takes on at a time, and what it refuses that is asked for more.
//!
//! Whoever takes on everything is late with everything. So the queues of the house are watched: of
//! what is ready to run on each thread that answers requests, of tasks that are to begin, and of
//! units of work in front of each database. When one stands (see [`QueueDelay`]), fewer requests may
//! be under way at a time, and further ones are refused before anything is done for them; when none
//! does, more may. A limit on what is under way, and not on how much comes, has its balance where the
//! queue is as long as it may be, whatever a request costs and however many are asked for.

use std::cell::Cell;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use platform::queue::QueueDelay;
use platform::sql::Db;
use platform::tasks::Tasks;

/// How often the limit is decided anew.
const DECIDE_EVERY: Duration = Duration::from_millis(100);
/// How often a thread's queue is tried.
const TRY_EVERY: Duration = Duration::from_millis(10);
/// So many requests may be under way whatever the queues are.
const LIMIT_MIN: usize = 16;
/// So many requests in a row are a queue; fewer that take long are only work.
const QUEUE_MIN: u64 = 3;

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
    under_way: AtomicUsize,
    /// How many may be under way, now and ever.
    limit: AtomicUsize,
    limit_max: usize,
    /// Whether one was refused since the last decision.
    refused: AtomicBool,
}

/// A place among the requests that are under way.
pub struct Place<'s>(&'s AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Shedding {
    /// At most so many requests at a time, and fewer while a queue makes everybody wait longer than
    /// the target. A target of zero looks at no queue.
    pub fn new(limit_max: usize, target: Duration, tasks: &Tasks, databases: &[Db]) -> Arc<Self> {
        Arc::new(Self {
            target,
            tasks: tasks.clone(),
            databases: databases.to_vec(),
            threads: Mutex::default(),
            under_way: AtomicUsize::new(0),
            limit: AtomicUsize::new(limit_max),
            limit_max,
            refused: AtomicBool::new(false),
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

    /// A place for a request, if it may be begun. A quarter of the places is for essential ones
    /// alone.
    pub fn place(&self, essential: bool) -> Option<Place<'_>> {
        BEGUN.set(BEGUN.get() + 1);
        let limit = self.limit.load(Ordering::Relaxed);
        let places = if essential { limit } else { limit - limit / 4 };
        let place = Place(&self.under_way);
        if self.under_way.fetch_add(1, Ordering::Relaxed) < places {
            return Some(place);
        }
        self.refused.store(true, Ordering::Relaxed);
        None
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
        let before = Limit {
            now: self.limit.load(Ordering::Relaxed),
            under_way: self.under_way.load(Ordering::Relaxed),
            was_reached: self.refused.swap(false, Ordering::Relaxed),
        };
        let limit = before.next(longest, self.target).min(self.limit_max);
        self.limit.store(limit, Ordering::Relaxed);
        metrics::gauge!("edge_queue_seconds").set(longest.as_secs_f64());
        // A gauge is a float; so many requests are never under way.
        #[expect(clippy::cast_precision_loss, reason = "see above")]
        metrics::gauge!("edge_requests_max").set(limit as f64);
    }
}

/// How many requests may be under way, how many are, and whether one more was refused.
struct Limit {
    now: usize,
    under_way: usize,
    was_reached: bool,
}

impl Limit {
    /// The next limit: while a queue stands, what is under way less the part that waits too long, at
    /// most half of it at a time; else a tenth more where it was reached, and half more where not.
    fn next(&self, longest: Duration, target: Duration) -> usize {
        if longest > target {
            let may_stay = (target.as_secs_f64() / longest.as_secs_f64()).max(0.5);
            let under_way = u32::try_from(self.now.min(self.under_way)).unwrap_or(u32::MAX);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share")]
            let fewer = (f64::from(under_way) * may_stay) as usize;
            return fewer.max(LIMIT_MIN);
        }
        let more = if self.was_reached { self.now / 10 } else { self.now / 2 };
        self.now + more.max(1)
    }
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

    const TARGET: Duration = Duration::from_millis(10);

    fn shedding(limit_max: usize) -> Arc<Shedding> {
        Shedding::new(limit_max, TARGET, &Tasks::default(), &[])
    }

    #[tokio::test]
    async fn so_many_are_under_way_and_the_last_places_are_for_the_essential_ones() {
        let shedding = shedding(8);
        let ordinary: Vec<_> = (0..8).map_while(|_| shedding.place(false)).collect();
        assert_eq!(ordinary.len(), 6);
        let essential: Vec<_> = (0..8).map_while(|_| shedding.place(true)).collect();
        assert_eq!(essential.len(), 2);
        drop(essential);
        assert!(shedding.place(false).is_none(), "whoever was refused has no place");
        drop(ordinary);
        assert!(shedding.place(false).is_some(), "a place is given back");
        let none = self::shedding(0);
        assert!(none.place(true).is_none());
    }

    #[tokio::test]
    async fn while_a_queue_stands_fewer_are_taken_on_and_then_more_again() {
        let shedding = shedding(1_024);
        let queue = Arc::new(QueueDelay::default());
        shedding.threads.lock().unwrap().push(queue.clone());
        let limit = || shedding.limit.load(Ordering::Relaxed);
        let places: Vec<_> = (0..200).map(|_| shedding.place(true).unwrap()).collect();
        let all = limit();
        queue.passed(TARGET * 4 / 3);
        shedding.decide();
        assert_eq!((all, limit()), (1_024, 150), "three quarters of what is under way");
        assert!(shedding.place(true).is_none());
        for _ in 0..10 {
            queue.passed(TARGET * 10);
            shedding.decide();
        }
        assert_eq!(limit(), LIMIT_MIN);
        drop(places);
        for _ in 0..30 {
            queue.passed(TARGET * 10);
            queue.passed(Duration::ZERO);
            shedding.decide();
        }
        assert_eq!(limit(), 1_024, "somebody passed without waiting");
    }

    #[tokio::test]
    async fn long_work_is_no_queue() {
        let shedding = shedding(1_024);
        for (requests, stands) in [(QUEUE_MIN - 1, false), (QUEUE_MIN, true)] {
            let queue = Arc::new(QueueDelay::default());
            let trying = tokio::spawn(try_queue(queue.clone()));
            tokio::task::yield_now().await;
            for _ in 0..requests {
                shedding.place(false);
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
    fn a_limit_grows_slowly_where_it_is_reached() {
        let reached = |now, was_reached| Limit { now, under_way: now, was_reached };
        assert_eq!(reached(100, true).next(TARGET, TARGET), 110);
        assert_eq!(reached(100, false).next(TARGET, TARGET), 150);
        assert_eq!(reached(5, true).next(Duration::ZERO, TARGET), 6);
        let few = Limit { now: 400, under_way: 50, was_reached: true };
        assert_eq!(few.next(TARGET * 100, TARGET), 25, "of what is under way, half at most");
    }
}
