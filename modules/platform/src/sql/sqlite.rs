//! SQLite's connections, and statements run on them.
//!
//! A statement runs on the thread that asks: with the data in memory it takes some microseconds,
//! less than handing it to another thread and waking up for the answer. What waits for the disk or
//! for another process does not happen here: see [`super::group`].

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, Statement};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::value::{Cell, Record};
use super::{Error, Result, Sql};
use crate::backoff;

/// The oldest SQLite that does not have the WAL-reset corruption bug
/// (<https://sqlite.org/wal.html#walresetbug>).
const OLDEST: (u32, u32, u32) = (3, 51, 3);
/// How many prepared statements a connection keeps: more than a module and the platform have.
const STATEMENTS_KEPT: usize = 256;
/// The WAL file shrinks to this many bytes after a burst.
const WAL_KEPT: i64 = 67_108_864;
/// After this many pages in the WAL, of 4 KiB each, a commit also moves them into the database. A
/// page that changed often is moved once, so that seldom is cheaper.
const CHECKPOINT_PAGES: i64 = 4_096;
/// How much a writer keeps of its database in memory, in KiB: what a large unit of work changes, so
/// that it reaches the WAL once.
const WRITER_CACHE_KIB: i64 = 16 << 10;
/// How long SQLite itself waits for another process: to open a file and to recover one, never for
/// the writer's lock.
pub(super) const BUSY_WAIT_MAX: Duration = Duration::from_secs(5);
/// How long a connection may be waited for.
const READER_WAIT_MAX: Duration = Duration::from_secs(10);

/// Opens the connection that writes, creating the file when it is not there.
pub(super) fn open_writer(file: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || {
        let conn = Connection::open_with_flags(file, flags)?;
        conn.busy_timeout(BUSY_WAIT_MAX)?;
        conn.pragma_update(None, "journal_mode", "wal")?;
        conn.pragma_update(None, "synchronous", "full")?;
        conn.pragma_update(None, "foreign_keys", true)?;
        // What was deleted or changed is overwritten, also in pages that are free then: a destroyed key is gone,
        // and so is what was plain before it was sealed.
        conn.pragma_update(None, "secure_delete", "on")?;
        conn.pragma_update(None, "journal_size_limit", WAL_KEPT)?;
        conn.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        conn.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
        configure(&conn)?;
        // From here on the writer waits for other processes without holding a thread.
        conn.busy_timeout(Duration::ZERO)?;
        Ok(conn)
    };
    let began = Instant::now();
    let mut tries = 0;
    loop {
        match open() {
            // Of two that make a new file a WAL at once, each holds what the other waits for. SQLite
            // refuses one of them without waiting: it lets go of the file and begins again.
            Err(error) if is_busy(&error) && began.elapsed() < BUSY_WAIT_MAX => {
                tries += 1;
                std::thread::sleep(backoff::pause(tries, 1, 20));
            }
            opened => {
                let failed = |error| Error::engine(format!("open {}", file.display()), error);
                return opened.map_err(failed);
            }
        }
    }
}

pub(super) fn open_reader(file: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(file, flags)?;
    conn.busy_timeout(BUSY_WAIT_MAX)?;
    configure(&conn)?;
    Ok(conn)
}

/// What all connections share.
fn configure(conn: &Connection) -> rusqlite::Result<()> {
    // Else a statement is compiled again for each other limit that is bound to it.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    Ok(())
}

/// Refuses a SQLite that can corrupt a database.
pub(super) fn refuse_old(version: &str) -> Result<()> {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    if (next(), next(), next()) >= OLDEST {
        return Ok(());
    }
    Err(Error::Unusable(format!(
        "SQLite {version} can corrupt a database in WAL mode; 3.51.3 or newer is needed"
    )))
}

/// The connections that read. One is opened when it is first needed.
#[derive(Clone)]
pub(super) struct Readers {
    inner: Arc<Pool>,
}

struct Pool {
    file: PathBuf,
    free: Arc<Semaphore>,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(file: &Path, most: u32) -> Self {
        let free = Arc::new(Semaphore::new(most.max(1) as usize));
        Self { inner: Arc::new(Pool { file: file.to_owned(), free, idle: Mutex::default() }) }
    }

    /// A connection for as long as it is held.
    pub(super) async fn take(&self) -> Result<Reader> {
        let free = self.inner.free.clone();
        let permit = if let Ok(permit) = free.clone().try_acquire_owned() {
            permit
        } else {
            let waited = tokio::time::timeout(READER_WAIT_MAX, free.acquire_owned()).await;
            waited.map_err(|_| Error::Busy)?.map_err(|_| Error::Closed)?
        };
        let idle = self.inner.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let conn = match idle {
            Some(conn) => conn,
            None => open_reader(&self.inner.file)
                .map_err(|error| Error::engine("open for reading", error))?,
        };
        Ok(Reader { conn: Some(conn), pool: self.inner.clone(), _permit: permit })
    }

    pub(super) fn close(&self) {
        self.inner.free.close();
        self.inner.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// A connection that reads; it goes back when it is dropped, without a transaction.
pub(super) struct Reader {
    conn: Option<Connection>,
    pool: Arc<Pool>,
    _permit: OwnedSemaphorePermit,
}

impl Reader {
    pub(super) fn conn(&mut self) -> Option<&mut Connection> {
        self.conn.as_mut()
    }

    /// Begins a snapshot; it is ended when the reader is dropped.
    pub(super) fn begin(&mut self) -> Result<()> {
        let Some(conn) = &self.conn else { return Err(Error::Closed) };
        run(conn, "begin").map_err(|error| Error::engine("begin snapshot", error))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let Some(conn) = self.conn.take() else { return };
        let clean = conn.is_autocommit() || run(&conn, "rollback").is_ok();
        if clean && !self.pool.free.is_closed() {
            self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner).push(conn);
        }
    }
}

/// Runs a fixed statement without parameters or rows.
pub(super) fn run(conn: &Connection, text: &str) -> rusqlite::Result<()> {
    conn.prepare_cached(text)?.raw_execute().map(drop)
}

/// Runs a statement and returns how many rows it touched.
pub(super) fn execute(conn: &Connection, sql: Sql, cells: &[Cell]) -> Result<u64> {
    let run = || {
        let mut statement = conn.prepare_cached(sql.sqlite)?;
        bind(&mut statement, cells)?;
        let mut rows = statement.raw_query();
        while rows.next()?.is_some() {}
        drop(rows);
        Ok(conn.changes())
    };
    run().map_err(|error: rusqlite::Error| Error::engine(sql.context(), error))
}

/// Runs a statement and reads its rows, at most `most`.
pub(super) fn rows<R: Record>(
    conn: &Connection,
    sql: Sql,
    cells: &[Cell],
    most: usize,
) -> Result<Vec<R>> {
    let failed = |error| Error::engine(sql.context(), error);
    let mut statement = conn.prepare_cached(sql.sqlite).map_err(failed)?;
    bind(&mut statement, cells).map_err(failed)?;
    let mut rows = statement.raw_query();
    let mut read = Vec::new();
    while read.len() < most
        && let Some(row) = rows.next().map_err(failed)?
    {
        read.push(R::read(&row.into())?);
    }
    Ok(read)
}

/// Binds `$1`, `$2`, ... by their numbers: to SQLite `$2` is a name, and names are counted in the
/// order in which they first appear.
fn bind(statement: &mut Statement<'_>, cells: &[Cell]) -> rusqlite::Result<()> {
    for place in 1..=statement.parameter_count() {
        let number = statement.parameter_name(place).and_then(|name| name.get(1..)?.parse().ok());
        let cell = number.and_then(|number: usize| cells.get(number.checked_sub(1)?));
        let Some(cell) = cell else {
            let expected = statement.parameter_count();
            return Err(rusqlite::Error::InvalidParameterCount(cells.len(), expected));
        };
        statement.raw_bind_parameter(place, cell)?;
    }
    Ok(())
}

/// Whether another process holds what a statement needs.
pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
}

/// Whether the machine's state made a statement fail: busy, locked, an I/O error, a full disk, a
/// file that cannot be opened.
pub(super) fn is_transient(error: &rusqlite::Error) -> bool {
    use ErrorCode::{CannotOpen, DatabaseBusy, DatabaseLocked, DiskFull, SystemIoFailure};
    let machine = [DatabaseBusy, DatabaseLocked, SystemIoFailure, DiskFull, CannotOpen];
    error.sqlite_error_code().is_some_and(|code| machine.contains(&code))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(code: i32) -> rusqlite::Error {
        rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None)
    }

    #[test]
    fn the_machine_is_told_from_the_request() {
        for code in [5, 517, 6, 10, 778, 13, 14] {
            assert!(is_transient(&failure(code)), "{code}");
        }
        for code in [19, 2067, 1555, 1] {
            assert!(!is_transient(&failure(code)), "{code}");
        }
        assert!(is_busy(&failure(517)) && !is_busy(&failure(13)));
    }

    #[test]
    fn sqlite_below_3_51_3_is_refused() {
        assert!(refuse_old("3.51.2").is_err());
        assert!(refuse_old("3.46.0").is_err());
        assert!(refuse_old("3.51.3").is_ok());
        assert!(refuse_old("3.53.2").is_ok());
        assert!(refuse_old("4.0").is_ok());
    }
}
