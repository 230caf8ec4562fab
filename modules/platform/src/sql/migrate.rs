//! Migrations: one text in PostgreSQL's words, spelled for SQLite STRICT tables on the fly.
//!
//! They run in one unit of work under a lock, so that two nodes that start at once do not race, and
//! a migration that fails leaves nothing behind. A shop that sells is not held up by one that waits: it is given up after
//! a second, and tried again. An applied migration whose text has changed since
//! is refused by its name: what ran once is history and is corrected by a new migration.

use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::{Db, Engine, Error, Result, Sql, Tx, standing};
use crate::backoff;

/// One migration file of a module.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// The file's name without its ending, e.g. `0001_orders`. The order of names is the order.
    pub name: &'static str,
    /// The text.
    pub text: &'static str,
}

/// Embeds `migrations/<module>/<name>.sql` of this repository.
#[macro_export]
macro_rules! migrations {
    ($module:literal: $($name:literal),+ $(,)?) => {
        /// The migrations of this module, oldest first.
        pub const MIGRATIONS: &[$crate::sql::Migration] = &[$($crate::sql::Migration {
            name: $name,
            text: include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"), "/../../migrations/", $module, "/", $name, ".sql"
            )),
        }),+];
    };
}

const HISTORY: &str = "create table if not exists migration (
    name       text        primary key,
    checksum   text        not null,
    applied_at timestamptz not null
);";
/// A migration may take longer than a statement of the shop. It waits for a table shortly at a time: whoever asks for a
/// table that a migration waits for waits behind it.
const PATIENCE: &str = "
set local statement_timeout = '30min'; -- only: postgres
set local lock_timeout = '1s'; -- only: postgres
";
/// For how long a table that others hold is tried again, and how long the shop has it in between.
const LOCK_PATIENCE: Duration = Duration::from_mins(30);
const PAUSE_BASE_MS: u64 = 200;
const PAUSE_MAX_MS: u64 = 5_000;
/// Held to the end of the unit of work; SQLite's writer is a lock already.
const LOCK: Sql = Sql::split(
    "select cast(1 as bigint)",
    "select cast(1 as bigint) from (select pg_advisory_xact_lock(hashtext(current_schema()))) l",
);
const APPLIED: Sql = Sql::new("select name, checksum from migration order by name");
/// Tables and what else is like them.
const RELATIONS: Sql = Sql::split(
    "select count(*) from sqlite_schema",
    "select count(*) from pg_class where relnamespace = cast(current_schema() as regnamespace)",
);
const RECORD: Sql =
    Sql::new("insert into migration (name, checksum, applied_at) values ($1, $2, $3)");

/// Applies the migrations that have not run yet, and returns their names.
///
/// Refused with [`Error::Unusable`] when an applied one was edited, when the database holds one that this program does
/// not know, because a newer program has been here, or when nobody is to work on it.
pub async fn migrate(db: &Db, migrations: &[Migration]) -> Result<Vec<&'static str>> {
    let (began, mut tries) = (Instant::now(), 0);
    loop {
        match try_migrate(db, migrations).await {
            Err(error) if error.is_lock_timeout() && began.elapsed() < LOCK_PATIENCE => {
                tries += 1;
                tracing::info!(module = db.module(), tries, "a migration waits for a table");
                tokio::time::sleep(backoff::pause(tries, PAUSE_BASE_MS, PAUSE_MAX_MS)).await;
            }
            done => return done,
        }
    }
}

async fn try_migrate(db: &Db, migrations: &[Migration]) -> Result<Vec<&'static str>> {
    let mut tx = locked(db).await?;
    standing::refuse_within(&mut tx).await?;
    let ran = apply_missing(&mut tx, migrations).await?;
    tx.commit().await?;
    Ok(ran)
}

/// Makes the tables of a database that is to be filled from a place, and marks it so that nobody works on it. It has to
/// be empty, or such a one already, or one that its shop has left.
pub async fn occupy(db: &Db, migrations: &[Migration], from: &str) -> Result<()> {
    let mut tx = locked(db).await?;
    let (relations,): (i64,) = tx.query(RELATIONS).one().await?;
    standing::occupy(&mut tx, relations == 0, from).await?;
    apply_missing(&mut tx, migrations).await?;
    tx.commit().await
}

/// A unit of work that nobody else's migrations run beside.
async fn locked(db: &Db) -> Result<Tx> {
    let mut tx = db.begin("migrate").await?;
    tx.script(render(PATIENCE, db.engine())).await?;
    tx.query(LOCK).one::<(i64,)>().await?;
    Ok(tx)
}

async fn apply_missing(tx: &mut Tx, migrations: &[Migration]) -> Result<Vec<&'static str>> {
    tx.script(render(HISTORY, tx.db().engine())).await?;
    let applied: Vec<(String, String)> = tx.query(APPLIED).all().await?;
    let module = tx.db().module();
    let refuse =
        |name: &str, why: &str| Err(Error::Unusable(format!("{module}: migration {name} {why}")));
    if let Some((name, _)) =
        applied.iter().find(|(name, _)| migrations.iter().all(|known| known.name != name))
    {
        return refuse(name, "is unknown here: the database belongs to a newer version of Stoa");
    }
    let mut ran = Vec::new();
    for migration in migrations {
        let checksum = hex::encode(Sha256::digest(migration.text));
        match applied.iter().find(|(name, _)| name == migration.name) {
            Some((_, before)) if *before == checksum => {}
            Some(_) => {
                return refuse(migration.name, "was edited after it ran; add a new one instead");
            }
            None => {
                apply(tx, migration, &checksum).await?;
                ran.push(migration.name);
            }
        }
    }
    Ok(ran)
}

/// Whether a database has nothing in it, not even what migrations make.
pub async fn is_empty(db: &Db) -> Result<bool> {
    let (relations,): (i64,) = db.query(RELATIONS).one().await?;
    Ok(relations == 0)
}

/// The names of the migrations that a database has had, in their order. Refused when nobody is to work on it.
pub async fn applied(db: &Db) -> Result<Vec<String>> {
    standing::refuse(db).await?;
    let applied: Vec<(String, String)> = db.query(APPLIED).all().await?;
    Ok(applied.into_iter().map(|(name, _)| name).collect())
}

async fn apply(tx: &mut Tx, migration: &Migration, checksum: &str) -> Result<()> {
    let engine = tx.db().engine();
    tx.script(render(migration.text, engine)).await?;
    let now = tx.now();
    tx.query(RECORD).bind(migration.name).bind(checksum).bind(now).execute().await?;
    Ok(())
}

/// `(PostgreSQL's word, the type in a SQLite STRICT table)`; nothing else is rewritten.
const TYPES: &[(&str, &str)] = &[
    ("uuid", "blob"),
    ("timestamptz", "text"),
    ("jsonb", "text"),
    ("bigint", "integer"),
    ("boolean", "integer"),
    ("bytea", "blob"),
];

/// The text of a migration as an engine wants it. A line that ends in `-- only: postgres` or
/// `-- only: sqlite` is kept for that engine alone.
pub fn render(text: &str, engine: Engine) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        let keep = match line.rsplit_once("-- only: ").map(|(_, only)| only.trim()) {
            Some("postgres") => engine == Engine::Postgres,
            Some("sqlite") => engine == Engine::Sqlite,
            _ => true,
        };
        if keep {
            match engine {
                Engine::Sqlite => to_sqlite(line, &mut out),
                Engine::Postgres => out.push_str(line),
            }
            out.push('\n');
        }
    }
    out
}

fn to_sqlite(line: &str, out: &mut String) {
    if line.trim_end() == ");" {
        out.push_str(") strict;");
        return;
    }
    for (n, part) in line.split('\'').enumerate() {
        if n > 0 {
            out.push('\'');
        }
        // Every other part stands between quotes.
        if n % 2 == 0 { types_to_sqlite(part, out) } else { out.push_str(part) }
    }
}

fn types_to_sqlite(text: &str, out: &mut String) {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut rest = text;
    while !rest.is_empty() {
        let (word, tail) = rest.split_at(rest.find(|c| !is_word(c)).unwrap_or(rest.len()));
        out.push_str(TYPES.iter().find(|(pg, _)| *pg == word).map_or(word, |(_, sqlite)| sqlite));
        let (between, next) = tail.split_at(tail.find(is_word).unwrap_or(tail.len()));
        out.push_str(between);
        rest = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_spelled_for_the_engine_and_names_are_left_alone() {
        let text = "create table t (\n    id uuid primary key,\n    uuid_note text,\n    \
                    at timestamptz not null, -- only: postgres\n    at text, -- only: sqlite\n);\n";
        let sqlite = render(text, Engine::Sqlite);
        assert!(sqlite.contains("id blob primary key"));
        assert!(sqlite.contains("uuid_note text"));
        assert!(!sqlite.contains("timestamptz"));
        assert!(sqlite.contains(") strict;"));
        let values = "    kind text check (kind in ('uuid', 'boolean')), is boolean default true";
        let expected = values.replace("is boolean", "is integer");
        assert_eq!(render(values, Engine::Sqlite).trim_end(), expected);
        let postgres = render(text, Engine::Postgres);
        assert!(postgres.contains("id uuid primary key"));
        assert!(!postgres.contains("-- only: sqlite"));
    }
}
