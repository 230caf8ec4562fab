//! Group commit for SQLite's one writer.
//!
//! A unit of work is a savepoint inside an outer transaction, or that transaction itself when it is
//! the first of its group. `commit` releases it and returns when the outer COMMIT is on disk, which
//! happens when nobody waits for the writer or the group is full. One fsync serves the whole group,
//! on a thread that may wait for the disk. A unit that fails or is dropped rolls back to its own
//! savepoint and harms no neighbour. A group that is left open is watched, and so ends even when
//! everybody in it has stopped waiting.
//!
//! SQLite rolls the outer transaction back by itself on some errors (disk full, I/O). The savepoint
//! is gone then, so releasing or rolling back to it fails, and that is how the group learns that
//! it is broken: every unit of it is told that it is not durable. Between that error and the next
//! `begin` no statement runs, because a unit of work refuses all statements after a failed one.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use metrics::Histogram;
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::turn::{Turn, Turns};
use super::{Error, Result, sqlite};
use crate::backoff;

/// A group ends when it holds this many units, ...
const GROUP_UNITS_MAX: usize = 64;
/// ... or is this old, or nobody waits for the writer.
const GROUP_AGE_MAX: Duration = Duration::from_millis(5);
/// Who waits for the end of a group for so long ends it.
const GROUP_TOLD_WITHIN: Duration = Duration::from_millis(50);
/// How long a unit waits for the writer before the caller is told that the house is too busy.
const WRITER_WAIT_MAX: Duration = Duration::from_secs(10);
/// How long a group waits for a writer in another process.
const OTHER_PROCESS_WAIT_MAX: Duration = Duration::from_secs(5);

/// SQLite's one writer.
#[derive(Clone)]
pub(super) struct Writer {
    turns: Turns<Inner>,
    /// How many groups have begun.
    groups: Arc<AtomicU64>,
}

struct Inner {
    /// What it measures of itself, by module.
    figures: Figures,
    /// None while the connection is in no known state; the next unit brings a new one.
    conn: Option<Connection>,
    file: PathBuf,
    closed: bool,
    /// When the open outer transaction began.
    open: Option<Instant>,
    /// Whether somebody sees to it that the open group ends.
    watched: bool,
    groups: Arc<AtomicU64>,
    /// A unit is at work, or ended without `commit` and left this behind.
    unit: Option<Scope>,
    committed: Vec<oneshot::Sender<bool>>,
}

/// The figures of one module's writer: `sqlite_unit_seconds` is how long units of work hold it,
/// `sqlite_wait_seconds` how long they wait for it, `sqlite_commit_seconds` how long a group takes
/// to reach the disk, `sqlite_group_units` how many units share that.
#[derive(Clone)]
struct Figures {
    wait: Histogram,
    unit: Histogram,
    commit: Histogram,
    units: Histogram,
}

impl Figures {
    fn of(module: &'static str) -> Self {
        Self {
            wait: metrics::histogram!("sqlite_wait_seconds", "module" => module),
            unit: metrics::histogram!("sqlite_unit_seconds", "module" => module),
            commit: metrics::histogram!("sqlite_commit_seconds", "module" => module),
            units: metrics::histogram!("sqlite_group_units", "module" => module),
        }
    }
}

/// A unit of work on the writer. Dropped without `commit` it is rolled back, alone.
pub(super) struct Unit {
    /// Held until commit or drop.
    inner: Option<Turn<Inner>>,
    writer: Writer,
    begun: Instant,
}

/// What a unit of work is rolled back to.
#[derive(Clone, Copy)]
enum Scope {
    /// The beginning of the group, which it is the first of.
    Group,
    /// Its savepoint.
    Savepoint,
}

impl Writer {
    pub(super) fn open(module: &'static str, file: &Path) -> Result<Self> {
        let groups = Arc::<AtomicU64>::default();
        let inner = Inner {
            figures: Figures::of(module),
            conn: Some(sqlite::open_writer(file)?),
            file: file.to_owned(),
            closed: false,
            open: None,
            watched: false,
            groups: groups.clone(),
            unit: None,
            committed: Vec::new(),
        };
        Ok(Self { turns: Turns::new(inner), groups })
    }

    pub(super) async fn begin(&self) -> Result<Unit> {
        let asked = Instant::now();
        let turn = tokio::time::timeout(WRITER_WAIT_MAX, self.turns.take()).await;
        let mut inner = turn.map_err(|_| Error::Busy)?;
        inner.figures.wait.record(asked.elapsed());
        inner.start_unit().await?;
        Ok(Unit { inner: Some(inner), writer: self.clone(), begun: Instant::now() })
    }

    /// Ends the group and the connection, after the unit that is at work.
    pub(super) async fn close(&self) {
        let mut inner = self.turns.take().await;
        inner.end_group();
        inner.closed = true;
        inner.conn = None;
    }

    /// Waits to be told that a group is on disk. Who watches it may have ended with the requests of its thread, so that
    /// after a while who waits ends the group.
    async fn told(&self, mut hears: oneshot::Receiver<bool>) -> Result<()> {
        let late = async || {
            tokio::time::sleep(GROUP_TOLD_WITHIN).await;
            self.turns.take().await
        };
        loop {
            tokio::select! {
                biased;
                answer = &mut hears => {
                    return answer.unwrap_or(false).then_some(()).ok_or(Error::NotDurable);
                }
                turn = late() => end_group_aside(turn),
            }
        }
    }

    /// Ends the group of this number when it is old. Whoever comes next does so before; this does when nobody comes.
    async fn watch(self, group: u64) {
        let is_last = || self.groups.load(Ordering::SeqCst) == group;
        tokio::time::sleep(GROUP_AGE_MAX).await;
        if is_last() {
            let inner = self.turns.take().await;
            if is_last() {
                end_group_aside(inner);
            }
        }
    }
}

/// Ends the group where waiting for the disk holds nobody up. Whoever wants the writer waits for it.
fn end_group_aside(mut inner: Turn<Inner>) {
    tokio::task::spawn_blocking(move || inner.end_group());
}

impl Inner {
    async fn start_unit(&mut self) -> Result<()> {
        if self.closed {
            return Err(Error::Closed);
        }
        if let Err(error) = self.undo_unit() {
            self.fail_group(&error);
        }
        if self.conn.is_none() {
            self.conn = Some(sqlite::open_writer(&self.file)?);
        }
        if self.open.is_none() {
            self.start_group().await?;
            self.unit = Some(Scope::Group);
            return Ok(());
        }
        if let Err(error) = self.run("savepoint unit") {
            self.fail_group(&error);
            return Err(Error::engine("begin", error));
        }
        self.unit = Some(Scope::Savepoint);
        Ok(())
    }

    /// Begins the outer transaction. Waits while another process writes.
    async fn start_group(&mut self) -> Result<()> {
        let began = Instant::now();
        let mut tries = 0;
        while self.open.is_none() {
            match self.run("begin immediate") {
                Ok(()) => {
                    self.open = Some(Instant::now());
                    self.watched = false;
                    self.groups.fetch_add(1, Ordering::SeqCst);
                }
                Err(error)
                    if sqlite::is_busy(&error) && began.elapsed() < OTHER_PROCESS_WAIT_MAX =>
                {
                    tries += 1;
                    tokio::time::sleep(backoff::pause(tries, 1, 20)).await;
                }
                Err(error) => {
                    self.fail_group(&error);
                    return Err(Error::engine("begin", error));
                }
            }
        }
        Ok(())
    }

    fn run(&self, text: &'static str) -> rusqlite::Result<()> {
        let Some(conn) = &self.conn else { return Err(rusqlite::Error::InvalidQuery) };
        sqlite::run(conn, text)
    }

    /// Rolls back what an abandoned unit left. An error means that the group itself is gone.
    fn undo_unit(&mut self) -> rusqlite::Result<()> {
        match self.unit.take() {
            None => Ok(()),
            Some(Scope::Group) => {
                self.open = None;
                self.run("rollback")
            }
            Some(Scope::Savepoint) => {
                self.run("rollback to unit")?;
                self.run("release unit")
            }
        }
    }

    fn full(&self) -> bool {
        self.committed.len() >= GROUP_UNITS_MAX
            || self.open.is_some_and(|begun| begun.elapsed() >= GROUP_AGE_MAX)
    }

    /// Ends the group and tells every unit of it that it is on disk, or that it is not.
    fn end_group(&mut self) {
        if let Err(error) = self.undo_unit() {
            self.fail_group(&error);
        }
        if self.open.is_none() {
            return;
        }
        let began = Instant::now();
        match self.run("commit") {
            Ok(()) => {
                self.figures.commit.record(began.elapsed());
                #[expect(clippy::cast_precision_loss, reason = "at most some dozens")]
                self.figures.units.record(self.committed.len() as f64);
                self.open = None;
                self.tell(true);
            }
            Err(error) => self.fail_group(&error),
        }
    }

    /// Ends the unit at work and leaves the group open.
    fn release(&mut self) {
        if let Some(Scope::Savepoint) = self.unit.take()
            && let Err(error) = self.run("release unit")
        {
            self.fail_group(&error);
        }
    }

    fn fail_group(&mut self, why: &rusqlite::Error) {
        let units = self.committed.len();
        tracing::error!(error = %why, units, "a group of units of work was rolled back");
        self.unit = None;
        self.open = None;
        // After an automatic rollback there is nothing left to roll back, and SQLite says so. What
        // counts is that a transaction can begin again: else the state is unknown.
        let _ = self.run("rollback");
        if self.run("begin").and_then(|()| self.run("rollback")).is_err() {
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
    pub(super) fn conn(&mut self) -> Option<&mut Connection> {
        self.inner.as_mut().and_then(|inner| inner.conn.as_mut())
    }

    pub(super) async fn commit(mut self) -> Result<()> {
        let Some(mut inner) = self.inner.take() else { return Err(Error::NotDurable) };
        let (told, hears) = oneshot::channel();
        inner.committed.push(told);
        inner.release();
        inner.figures.unit.record(self.begun.elapsed());
        if inner.full() || !self.writer.turns.somebody_waits() {
            end_group_aside(inner);
        } else {
            if !std::mem::replace(&mut inner.watched, true) {
                // A task of its own, so that the group ends even when the caller stops waiting.
                let group = self.writer.groups.load(Ordering::SeqCst);
                tokio::spawn(self.writer.clone().watch(group));
            }
            drop(inner);
        }
        self.writer.told(hears).await
    }
}

impl Drop for Unit {
    /// Whoever takes the writer next rolls an abandoned unit back; a task does when nobody waits.
    fn drop(&mut self) {
        if let Some(inner) = self.inner.take()
            && !self.writer.turns.somebody_waits()
            && tokio::runtime::Handle::try_current().is_ok()
        {
            end_group_aside(inner);
        }
    }
}
