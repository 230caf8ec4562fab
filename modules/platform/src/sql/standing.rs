//! What keeps a program from working on a database: it is a copy that is not whole yet, or its shop has moved away.
//!
//! It is a table of the database itself, which is there in the commit that makes it true and gone in the one that ends
//! it. A database that was never moved has no trace of it.

use std::fmt::{Display, Formatter};

use super::migrate::render;
use super::{Db, Engine, Error, Result, Sql, Tx};

/// The mark, in the words of migrations.
const TABLE: &str = "create table if not exists moved (
    is_left boolean not null,
    place   text    not null
);
";
const IS_THERE: Sql = Sql::split(
    "select count(*) from sqlite_schema where name = 'moved'",
    "select count(*) from pg_class
      where relnamespace = cast(current_schema() as regnamespace) and relname = 'moved'",
);
const READ: Sql = Sql::new("select is_left, place from moved");
const WRITE: Sql = Sql::new("insert into moved (is_left, place) values ($1, $2)");
const LIFT: Sql = Sql::new("drop table if exists moved");

/// Why nobody works on a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It is being filled from this place, or was when that was killed.
    Unfinished(String),
    /// Its shop is at this place now.
    Left(String),
}

impl Display for Standing {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unfinished(from) => write!(
                f,
                "what is here is a copy of {from} that is not whole: run `stoa move` again"
            ),
            Self::Left(to) => write!(
                f,
                "this shop has moved to {to}: name that place in the settings; docs/moving.md says how to go back"
            ),
        }
    }
}

/// Why nobody works on a database, if so.
pub async fn standing(db: &Db) -> Result<Option<Standing>> {
    within(&mut db.snapshot().await?).await
}

/// Lets programs work on a database again.
pub async fn lift(db: &Db) -> Result<()> {
    let mut tx = db.begin("lift").await?;
    tx.query(LIFT).execute().await?;
    tx.commit().await
}

/// Refuses a database that nobody is to work on.
pub(super) async fn refuse(db: &Db) -> Result<()> {
    standing(db).await?.map_or(Ok(()), |why| Err(refusal(db, &why)))
}

/// The same within a unit of work.
pub(super) async fn refuse_within(tx: &mut Tx) -> Result<()> {
    let why = within(tx).await?;
    why.map_or(Ok(()), |why| Err(refusal(tx.db(), &why)))
}

/// Marks a database that is to be filled from a place. Refused when a shop is in it that was not left.
pub(super) async fn occupy(tx: &mut Tx, is_empty: bool, from: &str) -> Result<()> {
    match within(tx).await? {
        Some(Standing::Unfinished(_) | Standing::Left(_)) => {}
        None if is_empty => {}
        None => {
            let module = tx.db().module();
            return Err(Error::Unusable(format!(
                "{module}: there is something in this database: name one that is empty"
            )));
        }
    }
    tx.query(LIFT).execute().await?;
    tx.script(render(TABLE, tx.db().engine())).await?;
    tx.query(WRITE).bind(false).bind(from).execute().await.map(drop)
}

/// What marks a database whose shop is at another place from now on, for a connection that holds it. Each module may be
/// a role of its own on PostgreSQL, and has to see the mark of whoever moved.
pub(super) fn leaving(engine: Engine, to: &str) -> String {
    let (table, to) = (render(TABLE, engine), to.replace('\'', "''"));
    let (is_left, seen) = match engine {
        Engine::Sqlite => ("1", ""),
        Engine::Postgres => ("true", "grant select on moved to public;"),
    };
    format!(
        "{table} delete from moved; insert into moved (is_left, place) values ({is_left}, '{to}'); {seen}"
    )
}

async fn within(tx: &mut Tx) -> Result<Option<Standing>> {
    let (marks,): (i64,) = tx.query(IS_THERE).one().await?;
    if marks == 0 {
        return Ok(None);
    }
    Ok(tx.query(READ).optional::<(bool, String)>().await?.map(told))
}

fn told((is_left, place): (bool, String)) -> Standing {
    if is_left { Standing::Left(place) } else { Standing::Unfinished(place) }
}

fn refusal(db: &Db, why: &Standing) -> Error {
    Error::Unusable(format!("{}: {why}", db.module()))
}
