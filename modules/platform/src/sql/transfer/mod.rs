//! All rows of all modules, from one engine to the other.
//!
//! Migrations make the tables on both, so that a table is a name and columns of seven kinds, and a row is its values as
//! SQLite holds them. What was copied is proved by reading it back: of each table both ends must have as many rows, and
//! the same sum of the digests of their rows, whatever order they come in.
//!
//! Triggers do not fire for rows that are copied, since what they would do was done once, and foreign keys are looked at
//! when all rows are there: tables name each other, and themselves.

mod postgres;
mod row;
mod sqlite;

use std::collections::BTreeSet;
use std::path::PathBuf;

use self::postgres::PostgresEnd;
use self::row::{Column, Digest};
use self::sqlite::SqliteEnd;
use super::value::Cell;
use super::{Error, Result};
use crate::{fault, outbox};

/// How many rows are held in memory at a time.
const PAGE: usize = 2_000;

/// Where the databases of all modules are.
#[derive(Clone)]
pub enum Place {
    /// A file for each.
    Sqlite(Vec<PathBuf>),
    /// A schema for each.
    Postgres {
        /// `postgres://user:password@host/database`.
        url: String,
        /// Their names, in the order of the modules.
        schemas: Vec<String>,
    },
}

/// One end of a transfer: the databases of all modules, each in a transaction.
pub struct End(Side);

enum Side {
    Sqlite(SqliteEnd),
    Postgres(PostgresEnd),
}

/// A table of a module, as both engines have it.
#[derive(Debug, Clone)]
pub struct Table {
    /// The module's place among those of the [`Place`].
    pub module: usize,
    /// The table's name.
    pub name: String,
    columns: Vec<Column>,
}

/// A table that was copied.
#[derive(Debug)]
pub struct Copied {
    /// Which.
    pub table: Table,
    digest: Digest,
}

impl Copied {
    /// How many rows it has.
    pub fn rows(&self) -> u64 {
        self.digest.rows
    }
}

impl Place {
    /// Holds the databases: until the end is dropped nobody else writes to them. Refused with [`Error::Unusable`] when
    /// a program is connected to those of PostgreSQL.
    pub async fn hold(&self) -> Result<End> {
        Ok(End(match self {
            Self::Sqlite(files) => Side::Sqlite(SqliteEnd::held(files)?),
            Self::Postgres { url, schemas } => {
                Side::Postgres(PostgresEnd::held(url, schemas).await?)
            }
        }))
    }

    /// Looks at the databases as they are at one moment, and keeps nobody from writing.
    pub async fn look(&self) -> Result<End> {
        Ok(End(match self {
            Self::Sqlite(files) => Side::Sqlite(SqliteEnd::of_a_moment(files)?),
            Self::Postgres { url, schemas } => {
                Side::Postgres(PostgresEnd::of_a_moment(url, schemas).await?)
            }
        }))
    }

    /// Opens databases that are to be filled. Their tables are there, and nobody works on them.
    pub async fn fill(&self) -> Result<End> {
        Ok(End(match self {
            Self::Sqlite(files) => Side::Sqlite(SqliteEnd::filled(files)?),
            Self::Postgres { url, schemas } => {
                Side::Postgres(PostgresEnd::filled(url, schemas).await?)
            }
        }))
    }
}

impl End {
    /// Keeps what was written to this end, and lets go of it.
    pub async fn keep(self) -> Result<()> {
        match self.0 {
            Side::Sqlite(end) => end.keep(),
            Side::Postgres(end) => end.keep().await,
        }
    }

    /// Marks the databases of an end that is held: from now on no program works on them, since their shop is at this
    /// place. Lets go of them.
    pub async fn leave(self, to: &str) -> Result<()> {
        match self.0 {
            Side::Sqlite(end) => end.leave(to),
            Side::Postgres(end) => end.leave(to).await,
        }
    }

    /// The tables of both engines; PostgreSQL knows more of their columns than SQLite.
    async fn tables(&mut self, other: &mut Self) -> Result<Vec<Table>> {
        match (&mut self.0, &mut other.0) {
            (Side::Sqlite(sqlite), Side::Postgres(postgres))
            | (Side::Postgres(postgres), Side::Sqlite(sqlite)) => {
                let tables = postgres.tables().await?;
                refuse_others(&tables, &sqlite.tables()?)?;
                Ok(tables)
            }
            _ => Err(Error::Unusable("a shop moves from one engine to the other".to_owned())),
        }
    }

    /// Lets go of what keeps rows from being copied, and of the rows that migrations made.
    async fn empty(&mut self, tables: &[Table]) -> Result<()> {
        match &mut self.0 {
            Side::Sqlite(end) => end.empty(tables),
            Side::Postgres(end) => end.empty(tables).await,
        }
    }

    /// Makes again what [`Self::empty`] let go of, and what belongs to the rows.
    async fn finish(&mut self, tables: &[Table]) -> Result<()> {
        match &mut self.0 {
            Side::Sqlite(end) => end.refuse_broken_keys(),
            Side::Postgres(end) => end.finish(tables).await,
        }
    }

    /// Begins to read a table.
    async fn begin(&mut self, table: &Table) -> Result<()> {
        match &mut self.0 {
            Side::Sqlite(end) => {
                end.begin();
                Ok(())
            }
            Side::Postgres(end) => end.begin(table).await,
        }
    }

    /// The next rows of the table; none at its end.
    async fn page(&mut self, table: &Table) -> Result<Vec<Vec<Cell>>> {
        match &mut self.0 {
            Side::Sqlite(end) => end.page(table),
            Side::Postgres(end) => end.page(table).await,
        }
    }

    async fn write(&mut self, table: &Table, rows: &[Vec<Cell>]) -> Result<()> {
        match &mut self.0 {
            Side::Sqlite(end) => end.write(table, rows),
            Side::Postgres(end) => end.write(table, rows).await,
        }
    }
}

/// Copies all rows; `told` hears of each table, with the number of its rows that are copied by then.
pub async fn copy(
    from: &mut End,
    to: &mut End,
    mut told: impl FnMut(&Table, u64),
) -> Result<Vec<Copied>> {
    let tables = from.tables(to).await?;
    to.empty(&tables).await?;
    let mut copied = Vec::with_capacity(tables.len());
    for table in &tables {
        let mut digest = Digest::default();
        from.begin(table).await?;
        loop {
            let rows = from.page(table).await?;
            if rows.is_empty() {
                break;
            }
            digest.add(&rows);
            let is_forgotten = table.name == outbox::TABLE && fault::bug("move_forgets_an_event");
            let skipped = usize::from(is_forgotten);
            to.write(table, rows.get(skipped..).unwrap_or_default()).await?;
            told(table, digest.rows);
        }
        copied.push(Copied { table: table.clone(), digest });
    }
    fault::point("within", "move");
    to.finish(&tables).await?;
    Ok(copied)
}

/// Reads what was copied, and compares it. An end that has other rows is [`Error::Inconsistent`].
pub async fn compare(to: &mut End, copied: &[Copied]) -> Result<()> {
    for Copied { table, digest } in copied {
        let mut found = Digest::default();
        to.begin(table).await?;
        loop {
            let rows = to.page(table).await?;
            if rows.is_empty() {
                break;
            }
            found.add(&rows);
        }
        if found != *digest {
            return Err(Error::Inconsistent(format!(
                "{} was copied with {} rows and has {}, or others: nothing has moved",
                table.name, digest.rows, found.rows
            )));
        }
    }
    Ok(())
}

/// Refuses engines that have other tables or columns than each other.
fn refuse_others(tables: &[Table], others: &[(usize, String, String)]) -> Result<()> {
    let columns = tables.iter().flat_map(|table| {
        table.columns.iter().map(|column| (table.module, table.name.clone(), column.name.clone()))
    });
    let (these, others): (BTreeSet<_>, BTreeSet<_>) =
        (columns.collect(), others.iter().cloned().collect());
    match these.symmetric_difference(&others).next() {
        None => Ok(()),
        Some((_, table, column)) => Err(Error::Unusable(format!(
            "{table}.{column} is not there on both engines: migrate both by this program"
        ))),
    }
}
