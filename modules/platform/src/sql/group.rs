//! Group commit for SQLite's one writer.
//!
//! A unit of work is a savepoint inside an outer transaction. `commit` releases it and returns when
//! the outer COMMIT is on disk, which happens when nobody waits for the writer or the group is
//! full. One fsync serves the whole group. A unit that fails or is dropped rolls back to its own
//! savepoint and harms no neighbour. `begin` and `commit` run to their end even when their caller
//! stops waiting: half of one would leave the connection in a state nobody knows.
//!
//! SQLite rolls the outer transaction back by itself on some errors (disk full, I/O). The savepoint
//! is gone then, so releasing or rolling back to it fails, and that is how the group learns that
//! it is broken: every unit of it is told that it is not durable.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection, Executor};
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};

use super::{Error, Result};

/// A group ends when it holds this many units, ...
const GROUP_UNITS_MAX: usize = 64;
/// ... or is this old, or nobody waits for the writer.
const GROUP_AGE_MAX: Duration = Duration::from_millis(2);
/// How long a unit waits for the writer before the caller is told that the house is too busy.
const WRITER_WAIT_MAX: Duration = Duration::from_secs(5);

/// SQLite's one writer.
#[derive(Clone)]
pub(super) struct Writer {
    inner: Arc<Mutex<Inner>>,
    waiting: Arc<AtomicUsize>,
}

struct Inner {
    conn: SqliteConnection,
    options: SqliteConnectOptions,
    /// When the open outer transaction began.
    open: Option<Instant>,
    /// A unit is at work, or ended without `commit` and left its savepoint behind.
    savepoint: bool,
    /// The connection is in no known state and must be replaced.
    lost: bool,
    committed: Vec<oneshot::Sender<bool>>,
}

/// A unit of work on the writer. Dropped without `commit` it is rolled back, alone.
pub(super) struct Unit {
    /// Held until commit or drop.
    inner: Option<OwnedMutexGuard<Inner>>,
    writer: Writer,
}

async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    tokio::spawn(work).await.unwrap_or(Err(Error::NotDurable))
}

impl Writer {
    pub(super) async fn open(options: SqliteConnectOptions) -> sqlx::Result<Self> {
        let conn = options.connect().await?;
        let inner = Inner {
            conn,
            options,
            open: None,
            savepoint: false,
            lost: false,
            committed: Vec::new(),
        };
        Ok(Self { inner: Arc::new(Mutex::new(inner)), waiting: Arc::default() })
    }

    pub(super) async fn begin(&self) -> Result<Unit> {
        let writer = self.clone();
        to_the_end(async move {
            writer.waiting.fetch_add(1, Ordering::SeqCst);
            let lock = writer.inner.clone().lock_owned();
            let locked = tokio::time::timeout(WRITER_WAIT_MAX, lock).await;
            writer.waiting.fetch_sub(1, Ordering::SeqCst);
            let mut inner = locked.map_err(|_| Error::Busy)?;
            inner.start_unit().await?;
            Ok(Unit { inner: Some(inner), writer })
        })
        .await
    }

    fn somebody_waits(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) > 0
    }
}

impl Inner {
    async fn start_unit(&mut self) -> Result<()> {
        if !self.forget_savepoint().await {
            self.fail_group().await;
        }
        if self.lost {
            self.conn = self.options.connect().await.map_err(|e| Error::engine("reconnect", e))?;
            self.lost = false;
        }
        let began = if self.open.is_none() {
            self.conn.execute("begin immediate; savepoint unit").await
        } else {
            self.conn.execute("savepoint unit").await
        };
        if let Err(error) = began {
            self.fail_group().await;
            return Err(Error::engine("begin", error));
        }
        self.open.get_or_insert_with(Instant::now);
        self.savepoint = true;
        Ok(())
    }

    /// Rolls back what an abandoned unit left. False when the group itself is gone.
    async fn forget_savepoint(&mut self) -> bool {
        if !self.savepoint {
            return true;
        }
        self.savepoint = false;
        self.conn.execute("rollback to unit; release unit").await.is_ok()
    }

    fn full(&self) -> bool {
        self.committed.len() >= GROUP_UNITS_MAX
            || self.open.is_some_and(|begun| begun.elapsed() >= GROUP_AGE_MAX)
    }

    /// Ends the group and tells every unit of it that it is on disk, or that it is not.
    async fn flush(&mut self) {
        if self.open.is_none() {
            return;
        }
        if !self.forget_savepoint().await || self.conn.execute("commit").await.is_err() {
            self.fail_group().await;
            return;
        }
        self.open = None;
        self.tell(true);
    }

    async fn fail_group(&mut self) {
        self.savepoint = false;
        self.open = None;
        // After an automatic rollback there is no transaction left to roll back, and SQLite says
        // so; the connection itself must still answer, or it is replaced.
        let _ = self.conn.execute("rollback").await;
        self.lost = self.conn.ping().await.is_err();
        self.tell(false);
    }

    fn tell(&mut self, durable: bool) {
        for unit in self.committed.drain(..) {
            // A receiver that is gone belongs to a caller that no longer wants to know.
            let _ = unit.send(durable);
        }
    }
}

impl Unit {
    pub(super) fn conn(&mut self) -> Option<&mut SqliteConnection> {
        self.inner.as_mut().map(|inner| &mut inner.conn)
    }

    pub(super) async fn commit(mut self) -> Result<()> {
        let Some(mut inner) = self.inner.take() else { return Err(Error::NotDurable) };
        let writer = self.writer.clone();
        to_the_end(async move {
            let (told, mut hears) = oneshot::channel();
            inner.committed.push(told);
            let last = inner.committed.len() >= GROUP_UNITS_MAX
                || inner.full()
                || !writer.somebody_waits();
            inner.release(last).await;
            drop(inner);
            // Whoever comes next ends the group; if nobody does, this unit ends it itself.
            let durable = loop {
                match tokio::time::timeout(GROUP_AGE_MAX, &mut hears).await {
                    Ok(answer) => break answer.unwrap_or(false),
                    Err(_) => writer.inner.lock().await.flush().await,
                }
            };
            if durable { Ok(()) } else { Err(Error::NotDurable) }
        })
        .await
    }
}

impl Inner {
    /// Ends the unit at work; with `last`, the group too, in the same trip to the engine.
    async fn release(&mut self, last: bool) {
        self.savepoint = false;
        let text = if last { "release unit; commit" } else { "release unit" };
        if self.conn.execute(text).await.is_err() {
            self.fail_group().await;
        } else if last {
            self.open = None;
            self.tell(true);
        }
    }
}

impl Drop for Unit {
    /// Whoever takes the writer next rolls an abandoned unit back; a task does when nobody waits.
    fn drop(&mut self) {
        if let Some(mut inner) = self.inner.take()
            && !self.writer.somebody_waits()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(async move { inner.flush().await });
        }
    }
}
