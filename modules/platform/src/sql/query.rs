//! A statement with its parameters, on its way to an engine.

use std::error::Error as StdError;

use rusqlite::Connection;
use sqlx::Arguments as _;
use sqlx::postgres::{PgArguments, PgConnection, PgPool};

use super::sqlite::{self, Readers};
use super::value::{Cell, Param, Record};
use super::{Error, Result, Sql, chaos};

/// Where a statement runs.
pub(super) enum Target<'c> {
    Sqlite(&'c mut Connection),
    Readers(&'c Readers),
    Postgres(&'c mut PgConnection),
    Pool(&'c PgPool),
    /// The unit of work of this name has failed.
    Gone(&'static str),
}

/// A statement with its parameters, about to run.
#[must_use = "a query does nothing until it is executed"]
pub struct Query<'c> {
    target: Target<'c>,
    sql: Sql,
    args: Args,
    bad_argument: Option<Box<dyn StdError + Send + Sync>>,
    failed: Option<&'c mut bool>,
}

enum Args {
    Sqlite(Vec<Cell>),
    Postgres(PgArguments),
}

impl Args {
    fn cells(&self) -> &[Cell] {
        match self {
            Self::Sqlite(cells) => cells,
            Self::Postgres(_) => &[],
        }
    }

    fn postgres(&mut self) -> PgArguments {
        match self {
            Self::Sqlite(_) => PgArguments::default(),
            Self::Postgres(args) => std::mem::take(args),
        }
    }
}

impl<'c> Query<'c> {
    pub(super) fn new(target: Target<'c>, sql: Sql, failed: Option<&'c mut bool>) -> Self {
        let args = match target {
            Target::Postgres(_) | Target::Pool(_) => Args::Postgres(PgArguments::default()),
            _ => Args::Sqlite(Vec::new()),
        };
        Self { target, sql, args, bad_argument: None, failed }
    }

    /// Binds the next placeholder.
    pub fn bind<'q>(mut self, value: impl Param<'q>) -> Self {
        let added = match &mut self.args {
            Args::Sqlite(cells) => value.cell().map(|cell| cells.push(cell)),
            Args::Postgres(args) => args.add(value),
        };
        if let Err(error) = added {
            self.bad_argument.get_or_insert(error);
        }
        self
    }

    /// Runs it and returns how many rows it touched.
    pub async fn execute(mut self) -> Result<u64> {
        self.start()?;
        chaos::statement(&mut self.target, self.sql).await?;
        let touched = match &mut self.target {
            Target::Sqlite(conn) => sqlite::execute(conn, self.sql, self.args.cells())?,
            Target::Readers(readers) => {
                let mut reader = readers.take().await?;
                let conn = reader.conn().ok_or(Error::Closed)?;
                sqlite::execute(conn, self.sql, self.args.cells())?
            }
            Target::Postgres(conn) => {
                let query = sqlx::query_with(self.sql.postgres, self.args.postgres());
                let done = query.execute(&mut **conn).await;
                done.map_err(|error| Error::engine(self.sql.context(), error))?.rows_affected()
            }
            Target::Pool(pool) => {
                let query = sqlx::query_with(self.sql.postgres, self.args.postgres());
                let done = query.execute(*pool).await;
                done.map_err(|error| Error::engine(self.sql.context(), error))?.rows_affected()
            }
            Target::Gone(name) => return Err(Error::Aborted(name)),
        };
        self.succeed();
        Ok(touched)
    }

    /// The row, if there is one.
    pub async fn optional<R: Record>(self) -> Result<Option<R>> {
        Ok(self.rows(1).await?.pop())
    }

    /// The row that must be there.
    pub async fn one<R: Record>(self) -> Result<R> {
        let sql = self.sql;
        let missing = || Error::Inconsistent(format!("{}: no row", sql.context()));
        self.rows(1).await?.pop().ok_or_else(missing)
    }

    /// All rows. Every list a caller can ask for has a limit in its statement.
    pub async fn all<R: Record>(self) -> Result<Vec<R>> {
        self.rows(usize::MAX).await
    }

    /// The first `most` rows.
    async fn rows<R: Record>(mut self, most: usize) -> Result<Vec<R>> {
        self.start()?;
        chaos::statement(&mut self.target, self.sql).await?;
        let read = match &mut self.target {
            Target::Sqlite(conn) => sqlite::rows(conn, self.sql, self.args.cells(), most)?,
            Target::Readers(readers) => {
                let mut reader = readers.take().await?;
                let conn = reader.conn().ok_or(Error::Closed)?;
                sqlite::rows(conn, self.sql, self.args.cells(), most)?
            }
            Target::Postgres(conn) => {
                rows_of(&mut **conn, self.sql, self.args.postgres(), most).await?
            }
            Target::Pool(pool) => rows_of(*pool, self.sql, self.args.postgres(), most).await?,
            Target::Gone(name) => return Err(Error::Aborted(name)),
        };
        self.succeed();
        Ok(read)
    }

    /// A unit of work has failed until its statement has succeeded: whoever stops waiting for one
    /// does not know what it did.
    fn start(&mut self) -> Result<()> {
        tracing::trace!(statement = self.sql.context(), request = crate::trace::current());
        if let Some(failed) = &mut self.failed {
            **failed = true;
        }
        match self.bad_argument.take() {
            Some(error) => Err(Error::engine(self.sql.context(), sqlx::Error::Encode(error))),
            None => Ok(()),
        }
    }

    fn succeed(&mut self) {
        if let Some(failed) = &mut self.failed {
            **failed = false;
        }
    }
}

async fn rows_of<'e, R: Record>(
    at: impl sqlx::PgExecutor<'e>,
    sql: Sql,
    args: PgArguments,
    most: usize,
) -> Result<Vec<R>> {
    let query = sqlx::query_with(sql.postgres, args);
    let fetched = if most == 1 {
        query.fetch_optional(at).await.map(|row| row.into_iter().collect())
    } else {
        query.fetch_all(at).await
    };
    let rows = fetched.map_err(|error| Error::engine(sql.context(), error))?;
    rows.iter().map(|row| R::read(&row.into())).collect()
}
