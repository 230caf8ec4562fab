//! SQLite's end: a file for each module.

use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::ToSql;
use rusqlite::{Connection, OpenFlags, params_from_iter};

use super::row::Column;
use super::{PAGE, Table};
use crate::sql::moment::Moment;
use crate::sql::sqlite::{BUSY_WAIT_MAX, run};
use crate::sql::standing::leaving;
use crate::sql::value::Cell;
use crate::sql::{Engine, Error, Result};

/// How long a moment is waited for at which nobody writes.
const MOMENT_WAIT_MAX: Duration = Duration::from_mins(1);
/// Names of the tables that shops have, and of their columns.
const COLUMNS: &str = "select t.name, c.name from sqlite_schema t, pragma_table_info(t.name) c
  where t.type = 'table' and t.name not like 'sqlite\\_%' escape '\\'
    and t.name not in ('migration', 'moved')";

pub(super) struct SqliteEnd {
    files: Vec<(PathBuf, Connection)>,
    /// The row of the table that was read last.
    after: i64,
}

impl SqliteEnd {
    /// Takes the writer's lock of each file, and keeps it.
    pub(super) fn held(files: &[PathBuf]) -> Result<Self> {
        let end = Self::open(files)?;
        end.each("hold", |conn| run(conn, "begin immediate"))?;
        Ok(end)
    }

    pub(super) fn of_a_moment(files: &[PathBuf]) -> Result<Self> {
        let snapshots = Moment::of(files, MOMENT_WAIT_MAX)?.into_snapshots();
        Ok(Self { files: snapshots.collect(), after: i64::MIN })
    }

    /// Triggers and foreign keys are off. What is written is on disk when it is kept, and not before.
    pub(super) fn filled(files: &[PathBuf]) -> Result<Self> {
        let end = Self::open(files)?;
        end.each("fill", |conn| {
            conn.pragma_update(None, "foreign_keys", false)?;
            conn.pragma_update(None, "synchronous", "off")?;
            conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false).map(drop)
        })?;
        Ok(end)
    }

    fn open(files: &[PathBuf]) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let open = |file: &PathBuf| {
            let opened = Connection::open_with_flags(file, flags).and_then(|conn| {
                conn.busy_timeout(BUSY_WAIT_MAX)?;
                Ok((file.clone(), conn))
            });
            opened.map_err(|error| Error::engine(format!("open {}", file.display()), error))
        };
        let files: Result<Vec<_>> = files.iter().map(open).collect();
        Ok(Self { files: files?, after: i64::MIN })
    }

    fn each(&self, doing: &str, work: impl Fn(&Connection) -> rusqlite::Result<()>) -> Result<()> {
        self.files.iter().try_for_each(|(file, conn)| {
            work(conn).map_err(|error| Error::engine(format!("{doing} {}", file.display()), error))
        })
    }

    fn conn(&self, table: &Table) -> Result<&Connection> {
        self.files.get(table.module).map(|(_, conn)| conn).ok_or(Error::Closed)
    }

    /// The module, table and name of every column.
    pub(super) fn tables(&self) -> Result<Vec<(usize, String, String)>> {
        let mut found = Vec::new();
        for (module, (_, conn)) in self.files.iter().enumerate() {
            let mut read = || {
                let mut statement = conn.prepare(COLUMNS)?;
                let mut rows = statement.raw_query();
                while let Some(row) = rows.next()? {
                    found.push((module, row.get(0)?, row.get(1)?));
                }
                Ok(())
            };
            read().map_err(|error: rusqlite::Error| Error::engine("columns", error))?;
        }
        Ok(found)
    }

    pub(super) fn empty(&self, tables: &[Table]) -> Result<()> {
        tables.iter().try_for_each(|table| {
            let delete = format!("delete from {}", table.name);
            run(self.conn(table)?, &delete).map_err(|error| failed(table, error))
        })
    }

    pub(super) fn begin(&mut self) {
        self.after = i64::MIN;
    }

    pub(super) fn page(&mut self, table: &Table) -> Result<Vec<Vec<Cell>>> {
        let columns = names(&table.columns);
        let text = format!(
            "select rowid, {columns} from {} where rowid > ?1 order by rowid limit {PAGE}",
            table.name
        );
        let mut page = Vec::new();
        let mut after = self.after;
        let mut statement =
            self.conn(table)?.prepare_cached(&text).map_err(|error| failed(table, error))?;
        let mut rows = statement.query([after]).map_err(|error| failed(table, error))?;
        while let Some(row) = rows.next().map_err(|error| failed(table, error))? {
            after = row.get(0).map_err(|error| failed(table, error))?;
            let cells = table.columns.iter().enumerate();
            let cells = cells.map(|(n, column)| column.kind.read(&row.into(), n + 1));
            page.push(cells.collect::<Result<Vec<Cell>>>()?);
        }
        drop(rows);
        drop(statement);
        self.after = after;
        Ok(page)
    }

    pub(super) fn write(&self, table: &Table, rows: &[Vec<Cell>]) -> Result<()> {
        let places: Vec<String> = (1..=table.columns.len()).map(|n| format!("?{n}")).collect();
        let (columns, places) = (names(&table.columns), places.join(", "));
        let text = format!("insert into {} ({columns}) values ({places})", table.name);
        let conn = self.conn(table)?;
        let write = || {
            run(conn, "begin")?;
            let mut statement = conn.prepare_cached(&text)?;
            for row in rows {
                statement.execute(params_from_iter(row.iter().map(|cell| cell as &dyn ToSql)))?;
            }
            run(conn, "commit")
        };
        write().map_err(|error| failed(table, error))
    }

    /// Refuses rows that name others that are not there.
    pub(super) fn refuse_broken_keys(&self) -> Result<()> {
        for (file, conn) in &self.files {
            let broken =
                conn.query_row("select count(*) from pragma_foreign_key_check", [], |row| {
                    row.get::<_, i64>(0)
                });
            match broken.map_err(|error| Error::engine("foreign keys", error))? {
                0 => {}
                broken => {
                    let told = format!(
                        "{broken} rows of {} name others that are not there",
                        file.display()
                    );
                    return Err(Error::Inconsistent(told));
                }
            }
        }
        Ok(())
    }

    /// Brings what was written to the disk.
    pub(super) fn keep(self) -> Result<()> {
        for (file, conn) in self.files {
            let failed = |error| Error::engine(format!("keep {}", file.display()), error);
            conn.execute_batch("pragma wal_checkpoint(truncate)").map_err(failed)?;
            conn.close().map_err(|(_, error)| failed(error))?;
            let synced = File::open(&file).and_then(|file| file.sync_all());
            synced.map_err(|error| Error::Unusable(format!("{}: {error}", file.display())))?;
        }
        Ok(())
    }

    pub(super) fn leave(self, to: &str) -> Result<()> {
        let mark = leaving(Engine::Sqlite, to);
        self.each("leave", |conn| {
            conn.execute_batch(&mark)?;
            run(conn, "commit")
        })
    }
}

fn names(columns: &[Column]) -> String {
    let names: Vec<String> = columns.iter().map(|column| format!("\"{}\"", column.name)).collect();
    names.join(", ")
}

fn failed(table: &Table, error: rusqlite::Error) -> Error {
    Error::engine(format!("rows of {}", table.name), error)
}
