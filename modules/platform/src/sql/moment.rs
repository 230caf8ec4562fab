//! Copies of several SQLite files that are all of one moment, made beside whoever writes to them.
//!
//! The writer's lock of every file is taken, in the order in which the files are given; then a snapshot of each is
//! begun, and the locks are let go of. Nobody can have committed between two of the snapshots, so that together they
//! are what a kill of all writers at that moment would have left. Writers wait for as long as that takes, which is
//! told, and not for the copying.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::sqlite::{self, is_busy, run};
use super::{Error, Result};
use crate::backoff;

/// How long all locks together may be waited for. Writers wait meanwhile, for less than the five seconds after which
/// they give up.
const LOCKS_WAIT_MAX: Duration = Duration::from_millis(1_500);
/// How long between two looks at a lock: a busy writer lets go of its own for some microseconds.
const LOOK_EVERY: Duration = Duration::from_micros(200);

/// One moment of several files.
pub struct Moment {
    files: Vec<Held>,
    pause: Duration,
}

struct Held {
    file: PathBuf,
    /// Takes the writer's lock, and writes nothing.
    lock: Connection,
    /// Keeps what was there at the moment.
    snapshot: Connection,
}

impl Moment {
    /// Waits for a moment at which nobody writes to any of the files. It blocks its thread. What was not to be had for
    /// so long is [`Error::Busy`]; a file that is missing is an error.
    pub fn of(files: &[PathBuf], wait: Duration) -> Result<Self> {
        let files: Result<Vec<Held>> = files.iter().map(|file| Held::open(file)).collect();
        let mut moment = Self { files: files?, pause: Duration::ZERO };
        let began = Instant::now();
        let mut tries = 0;
        while !moment.tried()? {
            if began.elapsed() > wait {
                return Err(Error::Busy);
            }
            tries += 1;
            // Whoever waited for the locks has its turn.
            std::thread::sleep(backoff::pause(tries, 100, 2_000));
        }
        Ok(moment)
    }

    /// How long writers were kept waiting.
    pub fn pause(&self) -> Duration {
        self.pause
    }

    /// Writes the files as they were, under their own names, into a folder. They are on disk when this returns, and
    /// need no other file beside them.
    pub fn copy(&self, folder: &Path) -> Result<()> {
        self.files.iter().try_for_each(|held| held.copy(folder))
    }

    /// The snapshots, each with its file.
    pub(super) fn into_snapshots(self) -> impl Iterator<Item = (PathBuf, Connection)> {
        self.files.into_iter().map(|held| (held.file, held.snapshot))
    }

    /// Takes all locks and then all snapshots; false when a lock was not to be had in time. No lock is held afterwards.
    fn tried(&mut self) -> Result<bool> {
        let began = Instant::now();
        let locked = self.files.iter().try_fold(true, |all, held| {
            Ok::<_, Error>(all && held.lock_until(began + LOCKS_WAIT_MAX)?)
        });
        let begun = match locked {
            Ok(true) => self.files.iter().try_for_each(Held::begin).map(|()| true),
            other => other,
        };
        for held in self.files.iter().filter(|held| !held.lock.is_autocommit()) {
            run(&held.lock, "rollback").map_err(|error| held.failed(error))?;
        }
        self.pause = began.elapsed();
        begun
    }
}

impl Held {
    fn open(file: &Path) -> Result<Self> {
        let failed = |error| Error::engine(format!("open {}", file.display()), error);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let lock = Connection::open_with_flags(file, flags).map_err(failed)?;
        lock.busy_timeout(sqlite::BUSY_WAIT_MAX).map_err(failed)?;
        // The file is really opened by this, so that the lock takes no longer than it must.
        touch(&lock).map_err(failed)?;
        lock.busy_timeout(Duration::ZERO).map_err(failed)?;
        let snapshot = sqlite::open_reader(file).map_err(failed)?;
        touch(&snapshot).map_err(failed)?;
        Ok(Self { file: file.to_owned(), lock, snapshot })
    }

    fn lock_until(&self, end: Instant) -> Result<bool> {
        loop {
            match run(&self.lock, "begin immediate") {
                Ok(()) => return Ok(true),
                Err(error) if is_busy(&error) && Instant::now() < end => {
                    std::thread::sleep(LOOK_EVERY);
                }
                Err(error) if is_busy(&error) => return Ok(false),
                Err(error) => return Err(self.failed(error)),
            }
        }
    }

    /// Begins the snapshot: with its first statement, and not before.
    fn begin(&self) -> Result<()> {
        let begun = run(&self.snapshot, "begin").and_then(|()| touch(&self.snapshot));
        begun.map_err(|error| self.failed(error))
    }

    fn copy(&self, folder: &Path) -> Result<()> {
        let Some(name) = self.file.file_name() else { return Err(Error::Closed) };
        let to = folder.join(name);
        let failed = |error| Error::engine(format!("copy to {}", to.display()), error);
        let mut copy = Connection::open(&to).map_err(failed)?;
        // Once at the end is enough for a file that counts for nothing before.
        copy.pragma_update(None, "synchronous", "off").map_err(failed)?;
        // The source stands in a transaction, which SQLite copies from as it is.
        let backup = Backup::new(&self.snapshot, &mut copy).map_err(failed)?;
        match backup.step(-1).map_err(failed)? {
            StepResult::Done => {}
            // Nobody else has the copy open, and nobody locks a snapshot.
            _ => return Err(Error::Busy),
        }
        drop(backup);
        copy.pragma_update(None, "journal_mode", "delete").map_err(failed)?;
        copy.close().map_err(|(_, error)| failed(error))?;
        let synced = File::open(&to).and_then(|file| file.sync_all());
        synced.map_err(|error| Error::Unusable(format!("{}: {error}", to.display())))
    }

    fn failed(&self, error: rusqlite::Error) -> Error {
        Error::engine(format!("hold {}", self.file.display()), error)
    }
}

/// Reads something, so that a file is really opened, or a transaction really begun.
fn touch(conn: &Connection) -> rusqlite::Result<()> {
    conn.query_row("select count(*) from sqlite_schema", [], |_| Ok(()))
}

/// Refuses a file, such as a copy, that is no sound database. It reads all of it.
pub fn refuse_damaged(file: &Path) -> Result<()> {
    let failed = |error| Error::engine(format!("check {}", file.display()), error);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(file, flags).map_err(failed)?;
    let check = conn.query_row("pragma integrity_check(1)", [], |row| row.get(0));
    let found: String = check.map_err(failed)?;
    if found == "ok" {
        return Ok(());
    }
    Err(Error::Unusable(format!("{} is damaged: {found}", file.display())))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    /// How many files are held between the two that somebody writes to: without the common lock of all, the snapshots
    /// of the two would be apart by as long as these take.
    const BETWEEN: usize = 30;

    /// A file with a number.
    fn file_in(folder: &Path, name: &str) -> PathBuf {
        let file = folder.join(name);
        let conn = sqlite::open_writer(&file).unwrap();
        conn.execute_batch("create table t (n integer) strict; insert into t values (0)").unwrap();
        file
    }

    /// Two files with a number each.
    fn two_files() -> [PathBuf; 2] {
        let folder = crate::testing::folder();
        ["first.db", "second.db"].map(|name| file_in(&folder, name))
    }

    fn add_one(conn: &Connection) {
        while let Err(error) = run(conn, "begin immediate") {
            assert!(is_busy(&error), "{error}");
            std::thread::sleep(LOOK_EVERY);
        }
        run(conn, "update t set n = n + 1").unwrap();
        run(conn, "commit").unwrap();
    }

    fn number_in(file: &Path) -> i64 {
        let conn = Connection::open(file).unwrap();
        conn.query_row("select n from t", [], |row| row.get(0)).unwrap()
    }

    /// Ends whoever looks at it when it is dropped.
    struct Ends<'a>(&'a AtomicBool);

    impl Drop for Ends<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    /// The numbers of the first and the second file at a moment.
    fn numbers_at(moment: &Moment) -> [i64; 2] {
        ["first.db", "second.db"].map(|name| {
            let held = moment.files.iter().find(|held| held.file.ends_with(name)).unwrap();
            held.snapshot.query_row("select n from t", [], |row| row.get(0)).unwrap()
        })
    }

    #[test]
    fn snapshots_and_copies_are_of_one_moment_while_somebody_writes() {
        let [first, second] = two_files();
        let folder = crate::testing::folder();
        let between = (0..BETWEEN).map(|n| file_in(&folder, &format!("{n}.db")));
        let mut files = vec![first.clone()];
        files.extend(between);
        files.push(second.clone());
        let ends = AtomicBool::new(false);
        std::thread::scope(|scope| {
            // Also when an assertion fails: the scope waits for who writes.
            let _ends = Ends(&ends);
            scope.spawn(|| {
                let writers = [&first, &second].map(|file| sqlite::open_writer(file).unwrap());
                // As often as it can: no disk is waited for.
                for writer in &writers {
                    writer.pragma_update(None, "synchronous", "off").unwrap();
                }
                while !ends.load(Ordering::SeqCst) {
                    writers.iter().for_each(add_one);
                }
            });
            let mut last = [0, 0];
            for round in 0..100 {
                // Whichever is looked at first: the second number is the first, or the one before it.
                files.reverse();
                let moment = Moment::of(&files, Duration::from_mins(1)).unwrap();
                let numbers = numbers_at(&moment);
                let [one, two] = numbers;
                assert!(one == two || one == two + 1, "{one} and {two} in round {round}");
                assert!(numbers >= last, "later moments are later: {numbers:?} after {last:?}");
                last = numbers;
                if round % 25 != 0 {
                    continue;
                }
                // What is written meanwhile is not in the copies.
                while number_in(&first) < one + 2 {
                    std::thread::yield_now();
                }
                let folder = crate::testing::folder();
                moment.copy(&folder).unwrap();
                let copies = ["first.db", "second.db"].map(|name| folder.join(name));
                for file in &copies {
                    refuse_damaged(file).unwrap();
                }
                assert_eq!(copies.map(|file| number_in(&file)), numbers);
            }
        });
    }

    #[test]
    fn a_writer_that_does_not_let_go_is_waited_for_and_not_for_ever() {
        let files = two_files();
        let holds = sqlite::open_writer(&files[1]).unwrap();
        run(&holds, "begin immediate").unwrap();
        let busy = Moment::of(&files, Duration::from_millis(1)).err();
        assert!(matches!(busy, Some(Error::Busy)), "{busy:?}");
        // Nothing is held afterwards.
        add_one(&sqlite::open_writer(&files[0]).unwrap());
        run(&holds, "rollback").unwrap();
        drop(Moment::of(&files, Duration::from_mins(1)).unwrap());
    }

    #[test]
    fn a_file_that_is_missing_or_damaged_is_refused() {
        let [first, _] = two_files();
        let missing = first.with_file_name("third.db");
        assert!(Moment::of(&[first.clone(), missing.clone()], Duration::ZERO).is_err());
        assert!(!missing.exists(), "nothing is made");
        let folder = crate::testing::folder();
        Moment::of(std::slice::from_ref(&first), Duration::from_mins(1))
            .unwrap()
            .copy(&folder)
            .unwrap();
        let copy = folder.join("first.db");
        let mut bytes = std::fs::read(&copy).unwrap();
        bytes[4_096..4_200].fill(7);
        std::fs::write(&copy, bytes).unwrap();
        assert!(refuse_damaged(&copy).is_err());
    }
}
