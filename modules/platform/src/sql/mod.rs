//! One SQL text for SQLite and PostgreSQL, with a driver of its own and native types on each.
//!
//! A statement is a constant of its module's `store.rs`, declared with [`statements!`], in the
//! dialect both engines share:
//!
//! - placeholders are `$1`, `$2`, ...; time and ids come from Rust, never from the engine;
//! - "already there" is `on conflict do nothing` and the number of rows touched, never a caught
//!   error: after an error a unit of work is over, on both engines;
//! - `cast(sum(x) as bigint)`, because PostgreSQL sums bigints to numeric;
//! - text is compared bytewise (`C` collation), `nulls last` is always said;
//! - a list of rows goes in as one JSON parameter and comes out of `json_each` or
//!   `jsonb_to_recordset`: a loop of statements is a loop of waits. A time is bound as a parameter
//!   of its own, or inside JSON by [`spell`]. Rows are looked up by a list of keys with `in (select ...)` on SQLite and
//!   `= any(array(select ...))` on PostgreSQL, which takes an array for ten rows and any other list for a hundred.
//!
//! Where the engines truly differ one constant holds both texts, SQLite's first.

mod chaos;
mod db;
mod group;
mod migrate;
mod moment;
mod query;
mod sqlite;
mod standing;
pub mod transfer;
mod turn;
mod unit;
mod value;

pub use db::{Db, Postgres, Sqlite};
pub use migrate::{Migration, applied, is_empty, migrate, occupy, render};
pub use moment::{Moment, refuse_damaged};
/// Reads a struct's fields from the columns of their names.
pub use platform_derive::Record;
pub use query::Query;
pub use standing::{Standing, lift, standing};
pub use unit::{Reads, Tx};
pub use value::{Cell, Column, Json, Param, Record, Row, spell};

use kernel::ports::PersonKeysError;

/// The engine behind a [`Db`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// SQLite, in process.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

/// A statement: one text for both engines, or one for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sql {
    sqlite: &'static str,
    postgres: &'static str,
}

impl Sql {
    /// One text for both engines.
    pub const fn new(text: &'static str) -> Self {
        Self { sqlite: text, postgres: text }
    }

    /// A text for each engine.
    pub const fn split(sqlite: &'static str, postgres: &'static str) -> Self {
        Self { sqlite, postgres }
    }

    /// The text for an engine.
    pub const fn text(&self, engine: Engine) -> &'static str {
        match engine {
            Engine::Sqlite => self.sqlite,
            Engine::Postgres => self.postgres,
        }
    }

    /// Its first words: enough to find it, and no value of anybody's.
    fn context(&self) -> String {
        self.sqlite.split_whitespace().take(6).collect::<Vec<_>>().join(" ")
    }
}

/// Why storage did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The engine refused a statement or went away.
    #[error("storage: {context}")]
    Engine {
        /// What was being done: the first words of a statement, `commit`, ...
        context: String,
        /// What the driver said.
        #[source]
        source: Driver,
    },
    /// The unit of work had failed before; nothing of it is kept.
    #[error("storage: the unit of work {0} failed and was rolled back")]
    Aborted(&'static str),
    /// The group this unit committed with did not reach the disk; nothing of it is kept.
    #[error("storage: the commit did not reach the disk")]
    NotDurable,
    /// The writer or a connection was not free in time.
    #[error("storage: too busy")]
    Busy,
    /// The database was closed, because the program stops.
    #[error("storage: closed")]
    Closed,
    /// The keys of people could not be asked, or one of them is lost.
    #[error("storage: the keys of people")]
    Keys(#[source] PersonKeysError),
    /// It is about somebody who was erased, and whose keys are destroyed.
    #[error("storage: the person was erased")]
    Erased,
    /// A stored row makes no sense to this program.
    #[error("storage: {0}")]
    Inconsistent(String),
    /// The database was opened by something this program will not work with.
    #[error("{0}")]
    Unusable(String),
}

/// What an engine's driver said.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum Driver {
    /// SQLite.
    Sqlite(#[from] rusqlite::Error),
    /// PostgreSQL.
    Postgres(#[from] sqlx::Error),
}

/// The result of asking storage for something.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn engine(context: impl Into<String>, source: impl Into<Driver>) -> Self {
        match source.into() {
            Driver::Postgres(sqlx::Error::PoolTimedOut) => Self::Busy,
            Driver::Postgres(sqlx::Error::PoolClosed) => Self::Closed,
            source => Self::Engine { context: context.into(), source },
        }
    }

    /// Whether the whole use case may be tried again at once: PostgreSQL's serialization failure
    /// (40001) and deadlock (40P01), SQLite's busy.
    pub fn is_conflict(&self) -> bool {
        let Self::Engine { source, .. } = self else { return false };
        match source {
            Driver::Sqlite(error) => sqlite::is_busy(error),
            Driver::Postgres(sqlx::Error::Database(error)) => {
                matches!(error.code().as_deref(), Some("40001" | "40P01"))
            }
            Driver::Postgres(_) => false,
        }
    }

    /// Whether PostgreSQL did not get a lock in time (55P03).
    pub(crate) fn is_lock_timeout(&self) -> bool {
        let Self::Engine { source: Driver::Postgres(sqlx::Error::Database(error)), .. } = self
        else {
            return false;
        };
        error.code().as_deref() == Some("55P03")
    }

    /// Whether it is the machine's state and not the request that made it fail: the same request
    /// may succeed later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Busy | Self::Closed | Self::NotDurable | Self::Aborted(_) => true,
            Self::Keys(error) => matches!(error, PersonKeysError::Unavailable(_)),
            Self::Engine { source: Driver::Sqlite(error), .. } => sqlite::is_transient(error),
            Self::Engine { source: Driver::Postgres(error), .. } => match error {
                sqlx::Error::Database(error) => {
                    error.code().is_some_and(|code| is_transient_code(&code))
                }
                sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed | sqlx::Error::Protocol(_) => true,
                _ => false,
            },
            Self::Inconsistent(_) | Self::Unusable(_) | Self::Erased => false,
        }
    }
}

/// PostgreSQL's classes of lost connections, conflicts, missing resources and shutdowns; then: no
/// lock in time, idle for too long, a server that has become a replica.
fn is_transient_code(code: &str) -> bool {
    ["08", "40", "53", "57"].iter().any(|class| code.starts_with(class))
        || matches!(code, "55P03" | "25P03" | "25006")
}

/// How often [`retry`] runs a use case that meets a conflict.
const CONFLICT_TRIES_MAX: u32 = 4;

/// Runs a whole use case again, after a short random pause, when it lost against a concurrent one.
/// Use cases are pure up to their commit, so running one again is safe.
pub async fn retry<T, E, F>(mut attempt: impl FnMut() -> F) -> std::result::Result<T, E>
where
    E: AsConflict,
    F: Future<Output = std::result::Result<T, E>>,
{
    let mut tries = 1;
    loop {
        match attempt().await {
            Err(error) if error.is_conflict() && tries < CONFLICT_TRIES_MAX => {
                tokio::time::sleep(crate::backoff::pause(tries, 5, 100)).await;
                tries += 1;
            }
            outcome => return outcome,
        }
    }
}

/// Errors that know whether they are a conflict, for [`retry`].
pub trait AsConflict {
    /// Whether a concurrent unit of work was in the way.
    fn is_conflict(&self) -> bool;
}

impl AsConflict for Error {
    fn is_conflict(&self) -> bool {
        Self::is_conflict(self)
    }
}

/// The beginning of a SQLite statement over the rows of its parameter `$1`, a JSON list of objects:
/// they are `given`, with `key` and `value`. Each is unpacked once, and not again for every column that
/// is read of it.
#[macro_export]
macro_rules! json_rows {
    () => {
        "with given as materialized (select key, value from jsonb_each($1)) "
    };
}

/// Declares a module's statements and lists them as `STATEMENTS`, so that one test prepares every
/// one of them on both engines. Two texts are SQLite's and PostgreSQL's.
#[macro_export]
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $first:expr $(, $second:expr)?;)+) => {
        $($(#[$doc])* pub(crate) const $name: $crate::sql::Sql =
            $crate::statements!(@one $first $(, $second)?);)+
        /// Every statement of this file, by name.
        pub const STATEMENTS: &[(&str, $crate::sql::Sql)] = &[$((stringify!($name), $name)),+];
    };
    (@one $both:expr) => { $crate::sql::Sql::new($both) };
    (@one $sqlite:expr, $postgres:expr) => { $crate::sql::Sql::split($sqlite, $postgres) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_told_from_the_request() {
        for code in ["08006", "40P01", "53100", "57P01", "55P03"] {
            assert!(is_transient_code(code), "{code}");
        }
        for code in ["22021", "23505", "23514", "42601"] {
            assert!(!is_transient_code(code), "{code}");
        }
    }
}
