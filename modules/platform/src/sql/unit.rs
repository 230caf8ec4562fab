//! A unit of work as a value, and the statements run in it.

use kernel::Timestamp;
use sqlx::postgres::{PgArguments, PgConnection, PgPool};
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqlitePool};
use sqlx::{Arguments, Executor, SqlSafeStr, Transaction};

use super::group::Unit;
use super::{Db, Error, Param, Record, Result, Sql};
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

pub(super) enum Conn {
    Writer(Unit),
    Reader(Transaction<'static, sqlx::Sqlite>),
    Postgres(Transaction<'static, sqlx::Postgres>),
}

pub(super) enum Target<'c> {
    Sqlite(&'c mut SqliteConnection),
    SqlitePool(&'c SqlitePool),
    Pg(&'c mut PgConnection),
    PgPool(&'c PgPool),
    Gone(&'static str),
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
        let gone = Target::Gone(self.name);
        let target = match &mut self.conn {
            _ if self.failed => gone,
            Conn::Writer(unit) => unit.conn().map_or(gone, Target::Sqlite),
            Conn::Reader(tx) => Target::Sqlite(&mut *tx),
            Conn::Postgres(tx) => Target::Pg(&mut *tx),
        };
        Query::new(target, sql, Some(&mut self.failed))
    }

    /// Runs a text of several statements, without parameters; for migrations.
    pub(super) async fn script(&mut self, text: String) -> Result<()> {
        if std::mem::replace(&mut self.failed, true) {
            return Err(Error::Aborted(self.name));
        }
        let script = sqlx::raw_sql(sqlx::AssertSqlSafe(text));
        let done = match &mut self.conn {
            Conn::Writer(unit) => match unit.conn() {
                Some(conn) => script.execute(conn).await.map(drop),
                None => return Err(Error::Aborted(self.name)),
            },
            Conn::Reader(tx) => script.execute(&mut **tx).await.map(drop),
            Conn::Postgres(tx) => script.execute(&mut **tx).await.map(drop),
        };
        self.failed = done.is_err();
        done.map_err(|error| Error::engine("script", error))
    }

    /// Asks the engine to parse and resolve a statement without running it.
    pub async fn prepare(&mut self, sql: Sql) -> Result<()> {
        let text = sql.text(self.db.engine()).into_sql_str();
        if self.failed {
            return Err(Error::Aborted(self.name));
        }
        let prepared = match &mut self.conn {
            Conn::Writer(unit) => match unit.conn() {
                Some(conn) => conn.prepare(text).await.map(drop),
                None => return Err(Error::Aborted(self.name)),
            },
            Conn::Reader(tx) => (&mut **tx).prepare(text).await.map(drop),
            Conn::Postgres(tx) => (&mut **tx).prepare(text).await.map(drop),
        };
        prepared.map_err(|error| {
            self.failed = true;
            Error::engine(context(sql.text(self.db.engine())), error)
        })
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
        match self.conn {
            Conn::Writer(unit) => unit.commit().await?,
            Conn::Reader(tx) => tx.commit().await.map_err(|e| Error::engine("commit", e))?,
            Conn::Postgres(tx) => tx.commit().await.map_err(|e| Error::engine("commit", e))?,
        }
        fault::point("after commit of", self.name);
        if published {
            self.db.tell_published();
        }
        for then in self.after {
            then();
        }
        Ok(())
    }
}

/// A statement with its parameters, about to run.
#[must_use = "a query does nothing until it is executed"]
pub struct Query<'c> {
    target: Target<'c>,
    sql: Sql,
    args: Args,
    bad_argument: Option<sqlx::Error>,
    failed: Option<&'c mut bool>,
}

enum Args {
    Sqlite(SqliteArguments),
    Postgres(PgArguments),
}

/// Runs `$body` with `$exec` and `$args` bound to the engine's own types.
macro_rules! on_engine {
    ($query:expr, |$exec:ident, $text:ident, $args:ident| $body:expr) => {{
        let Query { target, sql, args, bad_argument, mut failed } = $query;
        // Failed until it has succeeded: whoever stops waiting for a statement does not know what
        // it did, so its unit of work is over as well.
        if let Some(failed) = &mut failed {
            **failed = true;
        }
        let outcome = match (target, args, bad_argument) {
            (_, _, Some(error)) => Err(error),
            (Target::Sqlite($exec), Args::Sqlite($args), _) => {
                let $text = sql.sqlite;
                $body
            }
            (Target::SqlitePool($exec), Args::Sqlite($args), _) => {
                let $text = sql.sqlite;
                $body
            }
            (Target::Pg($exec), Args::Postgres($args), _) => {
                let $text = sql.postgres;
                $body
            }
            (Target::PgPool($exec), Args::Postgres($args), _) => {
                let $text = sql.postgres;
                $body
            }
            (Target::Gone(name), ..) => return Err(Error::Aborted(name)),
            _ => Err(sqlx::Error::Protocol("arguments of the other engine".to_owned())),
        };
        if let Some(failed) = failed {
            *failed = outcome.is_err();
        }
        outcome.map_err(|error| Error::engine(context(sql.sqlite), error))
    }};
}

impl<'c> Query<'c> {
    pub(super) fn new(target: Target<'c>, sql: Sql, failed: Option<&'c mut bool>) -> Self {
        let args = match target {
            Target::Pg(_) | Target::PgPool(_) => Args::Postgres(PgArguments::default()),
            _ => Args::Sqlite(SqliteArguments::default()),
        };
        Self { target, sql, args, bad_argument: None, failed }
    }

    /// Binds the next placeholder.
    pub fn bind<'q>(mut self, value: impl Param<'q>) -> Self {
        let added = match &mut self.args {
            Args::Sqlite(args) => args.add(value),
            Args::Postgres(args) => args.add(value),
        };
        if let Err(error) = added {
            self.bad_argument.get_or_insert(sqlx::Error::Encode(error));
        }
        self
    }

    /// Runs it and returns how many rows it touched.
    pub async fn execute(self) -> Result<u64> {
        on_engine!(self, |exec, text, args| sqlx::query_with(text, args)
            .execute(exec)
            .await
            .map(|done| done.rows_affected()))
    }

    /// The row, if there is one.
    pub async fn optional<R: Record>(self) -> Result<Option<R>> {
        on_engine!(self, |exec, text, args| sqlx::query_as_with(text, args)
            .fetch_optional(exec)
            .await)
    }

    /// The row that must be there.
    pub async fn one<R: Record>(self) -> Result<R> {
        on_engine!(self, |exec, text, args| sqlx::query_as_with(text, args).fetch_one(exec).await)
    }

    /// All rows. Every list a caller can ask for has a limit in its statement.
    pub async fn all<R: Record>(self) -> Result<Vec<R>> {
        on_engine!(self, |exec, text, args| sqlx::query_as_with(text, args).fetch_all(exec).await)
    }
}

/// The first words of a statement: enough to find it, and no value of anybody's.
fn context(sql: &str) -> String {
    sql.split_whitespace().take(6).collect::<Vec<_>>().join(" ")
}
