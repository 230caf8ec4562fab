//! A unit of work as a value, and the statements run in it.

use kernel::Timestamp;
use rusqlite::Connection;
use sqlx::{Executor, SqlSafeStr, Transaction};

use super::group::Unit;
use super::query::Target;
use super::sqlite::Reader;
use super::{Db, Error, Query, Result, Sql, chaos};
use crate::fault;
use crate::outbox::Outgoing;

/// State, events, saga rows and the idempotency record of one decision: they are committed together
/// or not at all. Dropped without [`Tx::commit`] it is rolled back. After a statement failed, or
/// was not waited for to its end, every further one and the commit are refused, on both engines.
///
/// On SQLite it may see what a unit of its group wrote that is not on disk yet. What is told to the
/// outside after reading it here is therefore read again, or committed first.
#[must_use = "a unit of work that is not committed is rolled back"]
pub struct Tx {
    conn: Conn,
    db: Db,
    name: &'static str,
    now: Timestamp,
    failed: bool,
    pub(crate) outgoing: Vec<Outgoing>,
    after: Vec<Box<dyn FnOnce() + Send>>,
}

/// Where statements read that need not know whether they run one by one or in a snapshot.
pub trait Reads: Send {
    /// A statement that reads.
    fn query(&mut self, sql: Sql) -> Query<'_>;
}

impl Reads for Tx {
    fn query(&mut self, sql: Sql) -> Query<'_> {
        Self::query(self, sql)
    }
}

impl Reads for &Db {
    fn query(&mut self, sql: Sql) -> Query<'_> {
        Db::query(self, sql)
    }
}

pub(super) enum Conn {
    Writer(Unit),
    Reader(Reader),
    Postgres(Transaction<'static, sqlx::Postgres>),
}

impl Conn {
    /// SQLite's connection, if this is one and it is in a known state.
    fn sqlite(&mut self) -> Option<&mut Connection> {
        match self {
            Self::Writer(unit) => unit.conn(),
            Self::Reader(reader) => reader.conn(),
            Self::Postgres(_) => None,
        }
    }
}

impl Tx {
    pub(super) fn new(conn: Conn, db: Db, name: &'static str) -> Self {
        let now = db.clock().now();
        Self { conn, db, name, now, failed: false, outgoing: Vec::new(), after: Vec::new() }
    }

    /// What this unit of work is, e.g. `order.place`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// When it began: the one time of everything it writes.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The database it works on.
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// A statement of this unit of work.
    pub fn query(&mut self, sql: Sql) -> Query<'_> {
        let target = match &mut self.conn {
            _ if self.failed => Target::Gone(self.name),
            Conn::Postgres(tx) => Target::Postgres(&mut *tx),
            conn => conn.sqlite().map_or(Target::Gone(self.name), Target::Sqlite),
        };
        Query::new(target, sql, Some(&mut self.failed))
    }

    /// Runs a text of several statements, without parameters; for migrations.
    pub(super) async fn script(&mut self, text: String) -> Result<()> {
        if std::mem::replace(&mut self.failed, true) {
            return Err(Error::Aborted(self.name));
        }
        match &mut self.conn {
            Conn::Postgres(tx) => {
                let script = sqlx::raw_sql(sqlx::AssertSqlSafe(text));
                script.execute(&mut **tx).await.map_err(|error| Error::engine("script", error))?;
            }
            conn => {
                let conn = conn.sqlite().ok_or(Error::Aborted(self.name))?;
                conn.execute_batch(&text).map_err(|error| Error::engine("script", error))?;
            }
        }
        self.failed = false;
        Ok(())
    }

    /// Asks the engine to parse and resolve a statement without running it.
    pub async fn prepare(&mut self, sql: Sql) -> Result<()> {
        if std::mem::replace(&mut self.failed, true) {
            return Err(Error::Aborted(self.name));
        }
        let text = sql.text(self.db.engine());
        match &mut self.conn {
            Conn::Postgres(tx) => {
                let prepared = (&mut **tx).prepare(text.into_sql_str()).await;
                prepared.map_err(|error| Error::engine(sql.context(), error))?;
            }
            conn => {
                let conn = conn.sqlite().ok_or(Error::Aborted(self.name))?;
                conn.prepare(text).map_err(|error| Error::engine(sql.context(), error))?;
            }
        }
        self.failed = false;
        Ok(())
    }

    /// Runs `then` once this unit of work is on disk; not at all if it never is. For hints, such
    /// as waking a worker: what must happen belongs into the unit itself.
    pub fn after_commit(&mut self, then: impl FnOnce() + Send + 'static) {
        self.after.push(Box::new(then));
    }

    /// Makes everything durable at once. When this returns an error nothing was kept, unless the
    /// connection to PostgreSQL was lost during the commit itself: then nobody knows, and only the
    /// idempotency of what is tried again helps.
    pub async fn commit(mut self) -> Result<()> {
        crate::outbox::append(&mut self).await?;
        if self.failed {
            return Err(Error::Aborted(self.name));
        }
        let published = !self.outgoing.is_empty();
        fault::point("before commit of", self.name);
        chaos::commit(&mut self.conn).await?;
        match self.conn {
            Conn::Writer(unit) => unit.commit().await?,
            Conn::Reader(reader) => drop(reader),
            Conn::Postgres(tx) => tx.commit().await.map_err(|e| Error::engine("commit", e))?,
        }
        fault::point("after commit of", self.name);
        chaos::committed(self.db.engine())?;
        if published {
            self.db.tell_published();
        }
        for then in self.after {
            then();
        }
        Ok(())
    }
}
