//! A module's database: where it is and how to reach it.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use kernel::Clock;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{Connection, SqlSafeStr, Transaction};
use tokio::sync::watch;

use super::group::Writer;
use super::query::Target;
use super::sqlite::{self, Readers};
use super::unit::Conn;
use super::{Engine, Error, Query, Result, Sql, Tx, chaos};
use crate::personal::People;
use crate::queue::QueueDelay;

/// How long a connection may be waited for.
const ACQUIRE_WAIT_MAX: Duration = Duration::from_secs(10);
/// How long PostgreSQL may work on one statement, and how long a unit of work may stand idle.
const STATEMENT_TIME_MAX: &str = "15s";
/// How long a statement of PostgreSQL may wait for a row that another unit of work holds.
const LOCK_WAIT_MAX: &str = "5s";
/// A connection that was idle this long is asked whether it still answers before it is used.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);
/// How many prepared statements a connection keeps: more than a module and the platform have.
const STATEMENTS_KEPT: usize = 256;
/// Several statements that see the same.
const BEGIN_SNAPSHOT: &str = "begin isolation level repeatable read read only";

/// Where a SQLite file is and how many connections may read it.
#[derive(Debug, Clone)]
pub struct Sqlite {
    /// The file.
    pub file: PathBuf,
    /// Connections that read; one more writes.
    pub readers: u32,
}

/// Where a PostgreSQL schema is, who acts there, and how many connections may use it.
#[derive(Clone)]
pub struct Postgres {
    /// `postgres://user:password@host/database`.
    pub url: String,
    /// The schema that holds the module's tables.
    pub schema: String,
    /// The role that acts there, which whoever logs in is a member of; none to act as who logged in.
    pub role: Option<String>,
    /// The most connections.
    pub connections: u32,
}

impl Postgres {
    fn failed(&self, error: sqlx::Error) -> Error {
        Error::engine(format!("connect to schema {}", self.schema), error)
    }

    /// How each connection begins.
    fn options(&self) -> Result<PgConnectOptions> {
        let options: PgConnectOptions = self.url.parse().map_err(|error| self.failed(error))?;
        let options = options.application_name("stoa").statement_cache_capacity(STATEMENTS_KEPT);
        let options = options.options([
            ("search_path", self.schema.as_str()),
            ("statement_timeout", STATEMENT_TIME_MAX),
            ("lock_timeout", LOCK_WAIT_MAX),
            ("idle_in_transaction_session_timeout", STATEMENT_TIME_MAX),
            ("timezone", "UTC"),
        ]);
        let role = self.role.as_deref().map(|role| ("role", role));
        Ok(options.options(role))
    }

    /// Connections, each of which may be waited for so long.
    fn pool(&self, wait: Duration) -> PgPoolOptions {
        PgPoolOptions::new()
            .max_connections(self.connections)
            .acquire_timeout(wait)
            .test_before_acquire(false)
            .before_acquire(|conn, meta| {
                Box::pin(async move {
                    if meta.idle_for >= TRUSTED_IDLE {
                        conn.ping().await?;
                    }
                    Ok(true)
                })
            })
    }
}

/// One module's database, on either engine. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    inner: Arc<Inner>,
}

struct Inner {
    module: &'static str,
    pool: Pool,
    clock: Clock,
    /// How long units of work wait until they begin.
    queue: Arc<QueueDelay>,
    /// Counts commits that carried events.
    published: watch::Sender<u64>,
    /// Counts when events became readable: the commit itself on SQLite, the sequencer's afterwards
    /// on PostgreSQL.
    readable: watch::Sender<u64>,
    /// Counts what this process did that others may wait for.
    told: watch::Sender<u64>,
    /// Counts hints that other processes did something.
    woken: watch::Sender<u64>,
    people: OnceLock<People>,
}

enum Pool {
    /// One writer with grouped commits, and a pool of readers; WAL mode.
    Sqlite {
        writer: Writer,
        readers: Readers,
    },
    Postgres(PgPool),
}

impl Db {
    /// Opens a SQLite file, creating it when it is not there.
    pub async fn sqlite(module: &'static str, at: &Sqlite, clock: Clock) -> Result<Self> {
        sqlite::refuse_old(rusqlite::version())?;
        let file = at.file.clone();
        let opening = tokio::task::spawn_blocking(move || Writer::open(module, &file));
        let writer = opening.await.map_err(|_| Error::Closed)??;
        let readers = Readers::new(&at.file, at.readers);
        Ok(Self::new(module, Pool::Sqlite { writer, readers }, clock))
    }

    /// Connects to a PostgreSQL schema, creating it when it is not there.
    pub async fn postgres(module: &'static str, at: &Postgres, clock: Clock) -> Result<Self> {
        let failed = |error| at.failed(error);
        let pool = at.pool(ACQUIRE_WAIT_MAX).connect_with(at.options()?).await.map_err(failed)?;
        // "if not exists" alone fails when two nodes create it at once. Both statements travel
        // together and so are one transaction, which holds the lock.
        let schema = at.schema.replace(['"', '\''], "");
        // Who may not make one is refused even if it is there.
        let create = format!(
            "select pg_advisory_xact_lock(hashtext('{schema}')); \
             do $$ begin if to_regnamespace('\"{schema}\"') is null then \
             create schema \"{schema}\"; end if; end $$"
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(create)).execute(&pool).await.map_err(failed)?;
        Ok(Self::new(module, Pool::Postgres(pool), clock))
    }

    /// A standby of a PostgreSQL server, with the same schema. It is connected to when it is first asked, within `wait`:
    /// a shop starts without it too.
    pub fn standby(
        module: &'static str,
        at: &Postgres,
        wait: Duration,
        clock: Clock,
    ) -> Result<Self> {
        let options = at.options()?.options([("default_transaction_read_only", "on")]);
        Ok(Self::new(module, Pool::Postgres(at.pool(wait).connect_lazy_with(options)), clock))
    }

    fn new(module: &'static str, pool: Pool, clock: Clock) -> Self {
        let [published, readable, told, woken] = std::array::from_fn(|_| watch::channel(0).0);
        let (queue, people) = (Arc::default(), OnceLock::new());
        let inner = Inner { module, pool, clock, queue, published, readable, told, woken, people };
        Self { inner: Arc::new(inner) }
    }

    /// The module whose database this is, e.g. `order`.
    pub fn module(&self) -> &'static str {
        self.inner.module
    }

    /// The engine behind it.
    pub fn engine(&self) -> Engine {
        match self.inner.pool {
            Pool::Sqlite { .. } => Engine::Sqlite,
            Pool::Postgres(_) => Engine::Postgres,
        }
    }

    /// The clock of the house.
    pub fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    /// Says under whose keys what is personal in it is sealed. What was said first stays.
    pub fn keep_people(&self, people: People) {
        let _ = self.inner.people.set(people);
    }

    /// The keys under which what is personal in it is sealed.
    pub fn people(&self) -> Result<&People> {
        let missing = || Error::Unusable(format!("{} has no keys of people", self.module()));
        self.inner.people.get().ok_or_else(missing)
    }

    /// How long units of work wait until they begin: for SQLite's writer, or for a connection.
    pub fn queue(&self) -> &QueueDelay {
        &self.inner.queue
    }

    /// Begins a unit of work. `name` is what it is, e.g. `order.place`: for logs, metrics and
    /// fault points.
    pub async fn begin(&self, name: &'static str) -> Result<Tx> {
        chaos::begin().await?;
        let waits = self.inner.queue.join();
        let conn = match &self.inner.pool {
            Pool::Sqlite { writer, .. } => writer.begin().await.map(Conn::Writer),
            Pool::Postgres(pool) => {
                transaction(pool, None).await.map_err(|error| Error::engine("begin", error))
            }
        };
        waits.pass();
        Ok(Tx::new(conn?, self.clone(), name))
    }

    /// Begins a read-only snapshot for several statements that must agree with each other. It
    /// never takes SQLite's writer.
    pub async fn snapshot(&self) -> Result<Tx> {
        let conn = match &self.inner.pool {
            Pool::Sqlite { readers, .. } => {
                let mut reader = readers.take().await?;
                reader.begin()?;
                Conn::Reader(reader)
            }
            Pool::Postgres(pool) => transaction(pool, Some(BEGIN_SNAPSHOT))
                .await
                .map_err(|error| Error::engine("begin snapshot", error))?,
        };
        Ok(Tx::new(conn, self.clone(), "snapshot"))
    }

    /// One statement that reads, on its own.
    pub fn query(&self, sql: Sql) -> Query<'_> {
        match &self.inner.pool {
            Pool::Sqlite { readers, .. } => Query::new(Target::Readers(readers), sql, None),
            Pool::Postgres(pool) => Query::new(Target::Pool(pool), sql, None),
        }
    }

    /// Whether the engine answers.
    pub async fn ping(&self) -> Result<()> {
        self.query(Sql::new("select cast(1 as bigint)")).one::<(i64,)>().await.map(drop)
    }

    /// Closes every connection, after the writer has finished its group.
    pub async fn close(&self) {
        match &self.inner.pool {
            Pool::Sqlite { writer, readers } => {
                readers.close();
                writer.close().await;
            }
            Pool::Postgres(pool) => pool.close().await,
        }
    }

    /// Changes whenever a commit published events. A hint: polling stays the truth.
    pub fn published(&self) -> watch::Receiver<u64> {
        self.inner.published.subscribe()
    }

    /// Changes whenever there are new events to read. A hint: polling stays the truth.
    pub fn readable(&self) -> watch::Receiver<u64> {
        self.inner.readable.subscribe()
    }

    /// Changes whenever this process did something that others may wait for: it published events, or handled some.
    pub fn told(&self) -> watch::Receiver<u64> {
        self.inner.told.subscribe()
    }

    /// Changes whenever there is a hint that another process did something.
    pub fn woken(&self) -> watch::Receiver<u64> {
        self.inner.woken.subscribe()
    }

    /// Wakes whoever waits for something to happen, since another process says that it did.
    pub fn wake(&self) {
        for waits in [&self.inner.woken, &self.inner.published, &self.inner.readable] {
            waits.send_modify(|count| *count += 1);
        }
    }

    /// Tells other processes that events were handled.
    pub(crate) fn tell_handled(&self) {
        self.inner.told.send_modify(|count| *count += 1);
    }

    pub(super) fn tell_published(&self) {
        self.inner.published.send_modify(|count| *count += 1);
        self.inner.told.send_modify(|count| *count += 1);
        if self.engine() == Engine::Sqlite {
            self.tell_readable();
        }
    }

    pub(crate) fn tell_readable(&self) {
        self.inner.readable.send_modify(|count| *count += 1);
    }
}

/// Begins a transaction on a connection of its own. Whoever stops waiting for `BEGIN` does not stop it: sqlx 0.9.0 gives
/// a connection back in the middle of it as if it were free, and what is written there next is never committed (its issue
/// 4393).
async fn transaction(pool: &PgPool, begin: Option<&'static str>) -> sqlx::Result<Conn> {
    let conn = pool.acquire().await?;
    let begins = tokio::spawn(Transaction::begin(conn, begin.map(SqlSafeStr::into_sql_str)));
    begins.await.unwrap_or(Err(sqlx::Error::WorkerCrashed)).map(Conn::Postgres)
}
