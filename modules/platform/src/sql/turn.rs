//! Whose turn it is to write.
//!
//! A lock that is handed to whoever has waited longest lies idle until that one runs, which on a busy machine takes
//! longer than a unit of work does. Here whoever runs takes the turn when it is free, past those who wait, and of
//! those one at a time is woken to try. Nobody is overtaken for longer than [`OVERTAKEN_MAX`].

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use std::time::Duration;

use tokio::sync::{Mutex, Notify, OwnedMutexGuard};
use tokio::task::coop::consume_budget;

/// How long somebody who waits may be overtaken.
const OVERTAKEN_MAX: Duration = Duration::from_millis(100);

/// What one has at a time. Cheap to clone.
pub(super) struct Turns<T> {
    it: Arc<Mutex<T>>,
    queue: Arc<Queue>,
}

impl<T> Clone for Turns<T> {
    fn clone(&self) -> Self {
        Self { it: self.it.clone(), queue: self.queue.clone() }
    }
}

/// Those who wait.
#[derive(Default)]
struct Queue {
    waiting: AtomicUsize,
    freed: Notify,
    /// Somebody was woken and has not tried yet, so that nobody else need be.
    woken: AtomicBool,
}

/// It is held until this is dropped.
pub(super) struct Turn<T> {
    it: OwnedMutexGuard<T>,
    /// Dropped after the guard: who is woken finds it free.
    _wakes: Wakes,
}

struct Wakes(Arc<Queue>);

/// Counts somebody who waits, until it is dropped.
struct Waits<'a>(&'a AtomicUsize);

impl<T> Turns<T> {
    pub fn new(it: T) -> Self {
        Self { it: Arc::new(Mutex::new(it)), queue: Arc::default() }
    }

    /// Waits for the turn.
    pub async fn take(&self) -> Turn<T> {
        // Who takes it again and again without ever waiting lets the others of its task and thread run, too.
        consume_budget().await;
        if let Some(turn) = self.try_take() {
            return turn;
        }
        let _waits = Waits::on(&self.queue.waiting);
        match tokio::time::timeout(OVERTAKEN_MAX, self.take_when_woken()).await {
            Ok(turn) => turn,
            // The mutex itself lets nobody past.
            Err(_) => self.turn(self.it.clone().lock_owned().await),
        }
    }

    pub fn somebody_waits(&self) -> bool {
        self.queue.waiting.load(Ordering::SeqCst) > 0
    }

    async fn take_when_woken(&self) -> Turn<T> {
        loop {
            // Whoever let go of it before this one was counted has woken nobody.
            if let Some(turn) = self.try_take() {
                return turn;
            }
            self.queue.freed.notified().await;
            self.queue.woken.swap(false, Ordering::SeqCst);
        }
    }

    fn try_take(&self) -> Option<Turn<T>> {
        // With the one in `Wakes`: either the turn is seen to be free here, or who frees it sees who waits.
        fence(Ordering::SeqCst);
        self.it.clone().try_lock_owned().ok().map(|it| self.turn(it))
    }

    fn turn(&self, it: OwnedMutexGuard<T>) -> Turn<T> {
        Turn { it, _wakes: Wakes(self.queue.clone()) }
    }
}

impl<T> Deref for Turn<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.it
    }
}

impl<T> DerefMut for Turn<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.it
    }
}

impl Drop for Wakes {
    fn drop(&mut self) {
        fence(Ordering::SeqCst);
        let Queue { waiting, freed, woken } = &*self.0;
        if waiting.load(Ordering::SeqCst) > 0 && !woken.swap(true, Ordering::SeqCst) {
            freed.notify_one();
        }
    }
}

impl<'a> Waits<'a> {
    fn on(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::SeqCst);
        Self(waiting)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::JoinHandle;

    use super::*;

    fn waiter(turns: &Turns<()>) -> JoinHandle<()> {
        let turns = turns.clone();
        tokio::spawn(async move { drop(turns.take().await) })
    }

    /// Many take turns that are given up, waited for in vain and held across other work.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn everybody_has_a_turn_and_one_at_a_time() {
        let turns = Turns::new(0_u32);
        let takers: Vec<_> = (0..200_u64)
            .map(|n| {
                let turns = turns.clone();
                tokio::spawn(async move {
                    for _ in 0..50 {
                        if n % 5 == 0 {
                            let short = Duration::from_micros(n);
                            let _ = tokio::time::timeout(short, turns.take()).await;
                        }
                        let mut turn = turns.take().await;
                        let before = *turn;
                        if n % 3 == 0 {
                            tokio::task::yield_now().await;
                        }
                        *turn = before + 1;
                    }
                })
            })
            .collect();
        for taker in takers {
            taker.await.unwrap();
        }
        assert_eq!(*turns.take().await, 200 * 50);
        assert!(!turns.somebody_waits());
    }

    #[tokio::test]
    async fn nobody_is_overtaken_for_ever() {
        let turns = Turns::new(());
        let first = turns.take().await;
        let waits = waiter(&turns);
        tokio::time::sleep(OVERTAKEN_MAX * 2).await;
        // Whoever has it may not take it again past the one that waits.
        drop(first);
        assert!(turns.try_take().is_none());
        waits.await.unwrap();
        assert!(turns.try_take().is_some());
    }

    /// It would never end: both are polled by one task.
    #[tokio::test]
    async fn who_takes_it_again_and_again_lets_its_neighbours_run() {
        let turns = Turns::new(false);
        let first = turns.take().await;
        let repeats = async { while !*turns.take().await {} };
        let waits = async { *turns.take().await = true };
        tokio::join!(repeats, waits, async { drop(first) });
    }

    #[tokio::test]
    async fn who_runs_overtakes_who_sleeps() {
        let turns = Turns::new(());
        let first = turns.take().await;
        let waits = waiter(&turns);
        tokio::task::yield_now().await;
        assert!(turns.somebody_waits());
        drop(first);
        let second = turns.try_take().unwrap();
        tokio::task::yield_now().await;
        drop(second);
        waits.await.unwrap();
    }
}
