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
//! it is broken: every unit of it is told that it is not durable. Between that error and the next
//! `begin` no statement runs, because a unit of work refuses all statements after a failed one.

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
const WRITER_WAIT_MAX: Duration = Duration::from_secs(10);

/// SQLite's one writer.
#[derive(Clone)]
pub(super) struct Writer {
    inner: Arc<Mutex<Inner>>,
    waiting: Arc<AtomicUsize>,
}

struct Inner {
    /// None while the connection is in no known state; the next unit brings a new one.
    conn: Option<SqliteConnection>,
    options: SqliteConnectOptions,
    closed: bool,
    /// When the open outer transaction began.
    open: Option<Instant>,
    /// A unit is at work, or ended without `commit` and left its savepoint behind.
    savepoint: bool,
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
        let inner = Inner {
            conn: Some(options.connect().await?),
            options,
            closed: false,
            open: None,
            savepoint: false,
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

    /// Ends the group and the connection, after the unit that is at work.
    pub(super) async fn close(&self) -> sqlx::Result<()> {
        let mut inner = self.inner.lock().await;
        inner.flush().await;
        inner.closed = true;
        match inner.conn.take() {
            Some(conn) => conn.close().await,
            None => Ok(()),
        }
    }

    fn somebody_waits(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) > 0
    }
}

impl Inner {
    async fn start_unit(&mut self) -> Result<()> {
        if self.closed {
            return Err(Error::engine("begin", sqlx::Error::PoolClosed));
        }
        if let Err(error) = self.forget_savepoint().await {
            self.fail_group(&error).await;
        }
        if self.conn.is_none() {
            let conn = self.options.connect().await;
            self.conn = Some(conn.map_err(|e| Error::engine("reconnect", e))?);
        }
        let first = self.open.is_none();
        let text = if first { "begin immediate; savepoint unit" } else { "savepoint unit" };
        if let Err(error) = self.run(text).await {
            self.fail_group(&error).await;
            return Err(Error::engine("begin", error));
        }
        self.open.get_or_insert_with(Instant::now);
        self.savepoint = true;
        Ok(())
    }

    async fn run(&mut self, text: &'static str) -> sqlx::Result<()> {
        let Some(conn) = &mut self.conn else { return Err(sqlx::Error::WorkerCrashed) };
        conn.execute(text).await.map(drop)
    }

    /// Rolls back what an abandoned unit left. An error means that the group itself is gone.
    async fn forget_savepoint(&mut self) -> sqlx::Result<()> {
        if !self.savepoint {
            return Ok(());
        }
        self.savepoint = false;
        self.run("rollback to unit; release unit").await
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
        let mut ended = self.forget_savepoint().await;
        if ended.is_ok() {
            ended = self.run("commit").await;
        }
        match ended {
            Ok(()) => self.succeed_group(),
            Err(error) => self.fail_group(&error).await,
        }
    }

    /// Ends the unit at work; with `last`, the group too, in the same trip to the engine.
    async fn release(&mut self, last: bool) {
        self.savepoint = false;
        match self.run(if last { "release unit; commit" } else { "release unit" }).await {
            Ok(()) if last => self.succeed_group(),
            Ok(()) => {}
            Err(error) => self.fail_group(&error).await,
        }
    }

    fn succeed_group(&mut self) {
        self.open = None;
        self.tell(true);
    }

    async fn fail_group(&mut self, why: &sqlx::Error) {
        let units = self.committed.len();
        tracing::error!(error = %why, units, "a group of units of work was rolled back");
        self.savepoint = false;
        self.open = None;
        // After an automatic rollback there is nothing left to roll back, and SQLite says so. What
        // counts is that a transaction can begin again: else the state is unknown.
        let _ = self.run("rollback").await;
        if self.run("begin; rollback").await.is_err() {
            self.conn = None;
        }
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
        self.inner.as_mut().and_then(|inner| inner.conn.as_mut())
    }

    pub(super) async fn commit(mut self) -> Result<()> {
        let Some(mut inner) = self.inner.take() else { return Err(Error::NotDurable) };
        let writer = self.writer.clone();
        to_the_end(async move {
            let (told, mut hears) = oneshot::channel();
            inner.committed.push(told);
            let last = inner.full() || !writer.somebody_waits();
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
