//! The tasks of the house: started by name, woken by hints, stopped together.

use std::fmt::Display;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::queue::QueueDelay;

/// The shortest pause after a round that failed.
const FAILED_BASE_MS: u64 = 100;
/// The longest.
const FAILED_MAX_MS: u64 = 5_000;
/// How long a task that is ended may take to notice.
const ENDED_WAIT_MAX: Duration = Duration::from_secs(1);

/// A set of tasks that end together. They run on the runtime the set was made on, whichever thread
/// starts them: a web server's own threads end before the work that requests left behind.
#[derive(Clone)]
pub struct Tasks {
    set: Arc<Mutex<JoinSet<()>>>,
    stop: watch::Sender<bool>,
    runtime: Handle,
    queue: Arc<QueueDelay>,
}

impl Default for Tasks {
    /// An empty set on the present runtime.
    fn default() -> Self {
        Self {
            set: Arc::default(),
            stop: watch::channel(false).0,
            runtime: Handle::current(),
            queue: Arc::default(),
        }
    }
}

impl Tasks {
    /// Starts a task. It should end soon after [`Tasks::stopped`] does. Once the house is to stop
    /// nothing starts any more: what is left is taken up by the next start or another node.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut set = self.set.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_stopped() {
            return;
        }
        while set.try_join_next().is_some() {}
        let waits = self.queue.join();
        let work = async move {
            waits.pass();
            work.await;
        };
        set.spawn_on(work, &self.runtime);
    }

    /// How long tasks wait for a thread until they begin.
    pub fn queue(&self) -> &QueueDelay {
        &self.queue
    }

    /// Ends when the house is to stop.
    pub async fn stopped(&self) {
        let mut stop = self.stop.subscribe();
        // An error means that the sender is gone, which is a stop as well.
        let _ = stop.wait_for(|stop| *stop).await;
    }

    /// Whether the house is to stop.
    pub fn is_stopped(&self) -> bool {
        *self.stop.borrow()
    }

    /// Runs `round` whenever `wake` changes or `poll` has passed, and again at once while it
    /// answers that there may be more. A round that failed or panicked is logged and followed by a
    /// growing pause.
    pub fn every<F, E>(
        &self,
        name: &'static str,
        poll: Duration,
        wake: Option<watch::Receiver<u64>>,
        round: impl Fn() -> F + Send + Sync + 'static,
    ) where
        F: Future<Output = Result<bool, E>> + Send,
        E: Display + Send,
    {
        let tasks = self.clone();
        let mut wake = wake.unwrap_or_else(|| watch::channel(0).1);
        self.spawn(async move {
            let mut failures = 0;
            while !tasks.is_stopped() {
                wake.mark_unchanged();
                let done = match AssertUnwindSafe(round()).catch_unwind().await {
                    Ok(done) => done.map_err(|error| error.to_string()),
                    Err(_) => Err("it panicked".to_owned()),
                };
                let wait = match done {
                    Ok(more) => {
                        failures = 0;
                        if more {
                            continue;
                        }
                        poll
                    }
                    Err(error) => {
                        failures += 1;
                        tracing::warn!(task = name, %error, failures, "a round failed");
                        crate::backoff::pause(failures, FAILED_BASE_MS, FAILED_MAX_MS)
                    }
                };
                tokio::select! {
                    () = tasks.stopped() => {}
                    () = tokio::time::sleep(wait) => {}
                    // A watch whose sender is gone never changes: only the poll is left.
                    () = changed(&mut wake), if failures == 0 => {}
                }
            }
        });
    }

    /// Asks all tasks to end, waits for them until the deadline, then ends them.
    pub async fn stop(&self, deadline: Duration) {
        self.stop.send_replace(true);
        let mut set = {
            let mut set = self.set.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *set)
        };
        let all = async { while set.join_next().await.is_some() {} };
        if tokio::time::timeout(deadline, all).await.is_err() {
            tracing::warn!(tasks = set.len(), "some tasks did not end in time and were ended");
            // When this returns none of them is at work, unless it never reaches an await.
            if tokio::time::timeout(ENDED_WAIT_MAX, set.shutdown()).await.is_err() {
                tracing::error!("a task cannot be ended");
            }
        }
    }
}

async fn changed(wake: &mut watch::Receiver<u64>) {
    if wake.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}
