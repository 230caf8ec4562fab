//! PostgreSQL's end: a schema for each module, and one transaction over all of them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Connection as _};

use super::row::{Column, Kind, add_line};
use super::{PAGE, Table};
use crate::outbox;
use crate::sql::standing::leaving;
use crate::sql::value::Cell;
use crate::sql::{Engine, Error, Result};

/// How long connections of a program that has ended are waited for.
const OTHERS_WAIT_MAX: Duration = Duration::from_secs(3);
/// How often they are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// As [`crate::sql::migrate`] and whoever connects has it: nobody comes meanwhile.
const LOCK: &str =
    "select pg_advisory_xact_lock(hashtext(name)) from unnest($1::text[]) as t(name)";
const OTHERS: &str = "select count(*) from pg_stat_activity
  where datname = current_database() and application_name = 'stoa' and pid <> pg_backend_pid()";
/// Keeps others from writing; what not even its owner changes is only added to beside something else.
const HOLD: &str = "do $$ declare held regclass; begin
  for held in select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
               where n.nspname = any('{<schemas>}') and c.relkind = 'r'
                 and has_table_privilege(c.oid, 'update, delete, truncate')
  loop
    execute format('lock table %s in exclusive mode', held);
  end loop; end $$";
const COLUMNS: &str =
    "select cast(n.nspname as text), cast(c.relname as text), cast(a.attname as text),
       format_type(a.atttypid, null), a.attidentity <> ''
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  join pg_attribute a on a.attrelid = c.oid
 where n.nspname = any($1) and c.relkind = 'r' and c.relname not in ('migration', 'moved')
   and a.attnum > 0 and not a.attisdropped
 order by array_position($1, cast(n.nspname as text)), c.relname, a.attnum";
const FOREIGN_KEYS: &str = "select cast(cast(conrelid as regclass) as text), quote_ident(conname),
       pg_get_constraintdef(oid)
  from pg_constraint
 where contype = 'f' and connamespace in (select oid from pg_namespace where nspname = any($1))
 order by conname";

/// Tables that not even who owns them may empty, and their owners.
const KEPT: &str = "select format('%I.%I', n.nspname, c.relname),
       quote_ident(pg_get_userbyid(c.relowner))
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
 where n.nspname = any($1) and c.relkind = 'r' and not has_table_privilege(c.oid, 'truncate')
 order by n.nspname, c.relname";

pub(super) struct PostgresEnd {
    conn: PgConnection,
    schemas: Vec<String>,
    /// Foreign keys that are let go of: their table, name and definition.
    keys: Vec<(String, String, String)>,
    /// Tables that their owners may empty meanwhile, with these.
    lent: Vec<(String, String)>,
}

impl PostgresEnd {
    /// Waits until nobody else is connected, and keeps it so.
    pub(super) async fn held(url: &str, schemas: &[String]) -> Result<Self> {
        let mut end = Self::locked(url, schemas).await?;
        end.is_alone().await?;
        // A node that was cut off and comes back writes nothing until this ends.
        let lock = HOLD.replace("<schemas>", &end.schemas.join(","));
        end.script(lock).await?;
        Ok(end)
    }

    async fn is_alone(&mut self) -> Result<()> {
        let began = Instant::now();
        loop {
            // Else a transaction sees those of its first look for ever.
            self.script("select pg_stat_clear_snapshot()".to_owned()).await?;
            let others = sqlx::query_as(OTHERS).fetch_one(&mut self.conn).await;
            let (others,): (i64,) = others.map_err(|error| Error::engine("others", error))?;
            if others == 0 {
                return Ok(());
            }
            if began.elapsed() > OTHERS_WAIT_MAX {
                return Err(Error::Unusable(format!(
                    "{others} connections of stoa are open to the database: stop all nodes first"
                )));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    pub(super) async fn of_a_moment(url: &str, schemas: &[String]) -> Result<Self> {
        let mut end = Self::connect(url, schemas).await?;
        end.script("begin isolation level repeatable read read only".to_owned()).await?;
        Ok(end)
    }

    pub(super) async fn filled(url: &str, schemas: &[String]) -> Result<Self> {
        Self::locked(url, schemas).await
    }

    async fn locked(url: &str, schemas: &[String]) -> Result<Self> {
        let mut end = Self::connect(url, schemas).await?;
        end.script("begin".to_owned()).await?;
        let locked = sqlx::query(LOCK).bind(&end.schemas).execute(&mut end.conn).await;
        locked.map_err(|error| Error::engine("lock", error))?;
        Ok(end)
    }

    async fn connect(url: &str, schemas: &[String]) -> Result<Self> {
        let failed = |error| Error::engine("connect", error);
        let options: PgConnectOptions = url.parse().map_err(failed)?;
        let options = options.application_name("stoa move").options([
            ("statement_timeout", "0"),
            ("idle_in_transaction_session_timeout", "0"),
            ("lock_timeout", "30s"),
            ("timezone", "UTC"),
        ]);
        let conn = PgConnection::connect_with(&options).await.map_err(failed)?;
        let schemas = schemas.iter().map(|name| name.replace(['"', '\''], "")).collect();
        Ok(Self { conn, schemas, keys: Vec::new(), lent: Vec::new() })
    }

    async fn script(&mut self, text: String) -> Result<()> {
        let context: String = text.chars().take(40).collect();
        let ran = sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut self.conn).await;
        ran.map(drop).map_err(|error| Error::engine(context, error))
    }

    fn schema(&self, table: &Table) -> &str {
        self.schemas.get(table.module).map_or("", String::as_str)
    }

    /// The name of a table, with its schema.
    fn name(&self, table: &Table) -> String {
        format!("\"{}\".\"{}\"", self.schema(table), table.name)
    }

    /// The tables that both engines have. What orders events is PostgreSQL's alone.
    pub(super) async fn tables(&mut self) -> Result<Vec<Table>> {
        let columns: Vec<(String, String, String, String, bool)> = sqlx::query_as(COLUMNS)
            .bind(&self.schemas)
            .fetch_all(&mut self.conn)
            .await
            .map_err(|error| Error::engine("columns", error))?;
        let mut tables: BTreeMap<(usize, String), Vec<Column>> = BTreeMap::new();
        for (schema, table, name, kind, is_counted) in columns {
            if outbox::is_of_sequencer(&table, &name) {
                continue;
            }
            let module = self.schemas.iter().position(|known| *known == schema);
            let column = Column { name, kind: Kind::of(&kind)?, is_counted };
            tables.entry((module.unwrap_or_default(), table)).or_default().push(column);
        }
        let tables = tables.into_iter();
        Ok(tables.map(|((module, name), columns)| Table { module, name, columns }).collect())
    }

    /// Triggers, foreign keys and rights are as they were after [`Self::finish`], in the same transaction.
    pub(super) async fn empty(&mut self, tables: &[Table]) -> Result<()> {
        let keys = sqlx::query_as(FOREIGN_KEYS).bind(&self.schemas).fetch_all(&mut self.conn).await;
        self.keys = keys.map_err(|error| Error::engine("foreign keys", error))?;
        let lent = sqlx::query_as(KEPT).bind(&self.schemas).fetch_all(&mut self.conn).await;
        self.lent = lent.map_err(|error| Error::engine("rights", error))?;
        let keys = self.keys.iter();
        let drop = keys.map(|(table, key, _)| format!("alter table {table} drop constraint {key}"));
        let mut script: Vec<String> = drop.collect();
        let lent = self.lent.iter();
        script.extend(lent.map(|(table, owner)| format!("grant truncate on {table} to {owner}")));
        for table in tables {
            script.push(format!("alter table {} disable trigger user", self.name(table)));
        }
        let names: Vec<String> = tables.iter().map(|table| self.name(table)).collect();
        script.push(format!("truncate {}", names.join(", ")));
        self.script(script.join("; ")).await
    }

    pub(super) async fn finish(&mut self, tables: &[Table]) -> Result<()> {
        let keys = self.keys.iter();
        let add =
            keys.map(|(table, key, is)| format!("alter table {table} add constraint {key} {is}"));
        let mut script: Vec<String> = add.collect();
        let lent = self.lent.iter();
        let back = lent.map(|(table, owner)| format!("revoke truncate on {table} from {owner}"));
        script.extend(back);
        for table in tables {
            let name = self.name(table);
            script.push(format!("alter table {name} enable trigger user; analyze {name}"));
            for Column { name: column, .. } in table.columns.iter().filter(|it| it.is_counted) {
                script.push(format!(
                    "select setval(pg_get_serial_sequence('{name}', '{column}'),
                            coalesce(max({column}), 0) + 1, false) from {name}"
                ));
            }
        }
        script.extend(self.schemas.iter().map(|schema| outbox::go_on(schema)));
        self.script(script.join("; ")).await
    }

    pub(super) async fn begin(&mut self, table: &Table) -> Result<()> {
        let columns = names(table.columns.iter());
        let rows = if table.name == outbox::TABLE {
            outbox::in_places(self.schema(table))
        } else {
            self.name(table)
        };
        self.script(format!("declare page no scroll cursor for select {columns} from {rows}")).await
    }

    pub(super) async fn page(&mut self, table: &Table) -> Result<Vec<Vec<Cell>>> {
        // Not prepared for good: the next table has other columns.
        let fetch = sqlx::query(AssertSqlSafe(format!("fetch {PAGE} from page"))).persistent(false);
        let rows = fetch.fetch_all(&mut self.conn).await;
        let rows = rows.map_err(|error| Error::engine(format!("rows of {}", table.name), error))?;
        if rows.is_empty() {
            self.script("close page".to_owned()).await?;
        }
        let read = |row: &PgRow| {
            let columns = table.columns.iter().enumerate();
            columns.map(|(n, column)| column.kind.read(&row.into(), n)).collect()
        };
        rows.iter().map(read).collect()
    }

    pub(super) async fn write(&mut self, table: &Table, rows: &[Vec<Cell>]) -> Result<()> {
        let failed = |error| Error::engine(format!("rows of {}", table.name), error);
        // An event has its place as well as its number, and they are the same from here on.
        let is_outbox = table.name == outbox::TABLE;
        let columns = || table.columns.iter();
        let mut written = names(columns());
        if is_outbox {
            written += ", pos";
        }
        let copy = format!("copy {} ({written}) from stdin", self.name(table));
        let mut lines = String::new();
        for row in rows {
            let cells = columns().zip(row);
            let again = columns().zip(row).filter(|(column, _)| is_outbox && column.is_counted);
            add_line(&mut lines, cells.chain(again));
        }
        let mut stream = self.conn.copy_in_raw(&copy).await.map_err(failed)?;
        stream.send(lines.into_bytes()).await.map_err(failed)?;
        stream.finish().await.map(drop).map_err(failed)
    }

    pub(super) async fn keep(mut self) -> Result<()> {
        self.script("commit".to_owned()).await?;
        self.conn.close().await.map_err(|error| Error::engine("close", error))
    }

    pub(super) async fn leave(mut self, to: &str) -> Result<()> {
        self.is_alone().await?;
        let mark = leaving(Engine::Postgres, to);
        let schemas = self.schemas.iter();
        let marks = schemas.map(|schema| format!("set local search_path to \"{schema}\"; {mark}"));
        let marks = marks.collect::<Vec<_>>().join("; ");
        self.script(marks).await?;
        self.keep().await
    }
}

fn names<'c>(columns: impl Iterator<Item = &'c Column>) -> String {
    let names: Vec<String> = columns.map(|column| format!("\"{}\"", column.name)).collect();
    names.join(", ")
}
