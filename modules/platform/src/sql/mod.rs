//! One SQL text for SQLite and PostgreSQL, with sqlx's own drivers and native types on each.
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
//!   `jsonb_to_recordset`: a loop of statements is a loop of waits. A time is always bound as a
//!   parameter of its own, never inside JSON, where it is spelled in a way that does not sort.
//!
//! Where the engines truly differ one constant holds both texts, SQLite's first.

mod db;
mod group;
mod migrate;
mod unit;

pub use db::{Db, Postgres, Sqlite};
pub use migrate::{Migration, migrate, render};
pub use unit::{Query, Tx};

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
}

/// A value both engines can bind: `Uuid`, `Timestamp`, `Json<T>`, `i64`, `&str`, `bool`, options.
pub trait Param<'q>:
    sqlx::Encode<'q, sqlx::Sqlite>
    + sqlx::Type<sqlx::Sqlite>
    + sqlx::Encode<'q, sqlx::Postgres>
    + sqlx::Type<sqlx::Postgres>
{
}
impl<'q, T> Param<'q> for T where
    T: sqlx::Encode<'q, sqlx::Sqlite>
        + sqlx::Type<sqlx::Sqlite>
        + sqlx::Encode<'q, sqlx::Postgres>
        + sqlx::Type<sqlx::Postgres>
{
}

/// A row type: `#[derive(sqlx::FromRow)]` is generic over the row, so it satisfies both engines.
pub trait Record:
    for<'r> sqlx::FromRow<'r, sqlx::sqlite::SqliteRow>
    + for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow>
    + Send
    + Unpin
{
}
impl<T> Record for T where
    T: for<'r> sqlx::FromRow<'r, sqlx::sqlite::SqliteRow>
        + for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow>
        + Send
        + Unpin
{
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
        source: sqlx::Error,
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
    /// A stored row makes no sense to this program.
    #[error("storage: {0}")]
    Inconsistent(String),
    /// The database was opened by something this program will not work with.
    #[error("{0}")]
    Unusable(String),
}

/// The result of asking storage for something.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn engine(context: impl Into<String>, source: sqlx::Error) -> Self {
        match source {
            sqlx::Error::PoolTimedOut => Self::Busy,
            source => Self::Engine { context: context.into(), source },
        }
    }

    /// Whether the whole use case may be tried again at once: PostgreSQL's serialization failure
    /// (40001) and deadlock (40P01), SQLite's busy.
    pub fn is_conflict(&self) -> bool {
        let Self::Engine { source: sqlx::Error::Database(error), .. } = self else { return false };
        matches!(error.code().as_deref(), Some("40001" | "40P01" | "5" | "517" | "261"))
    }

    /// Whether it is the machine's state and not the request that made it fail: the same request
    /// may succeed later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Busy | Self::NotDurable | Self::Aborted(_) => true,
            Self::Engine { source, .. } => match source {
                sqlx::Error::Database(error) => {
                    error.code().is_some_and(|code| is_transient_code(&code))
                }
                sqlx::Error::Io(_)
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed
                | sqlx::Error::Protocol(_) => true,
                _ => false,
            },
            Self::Inconsistent(_) | Self::Unusable(_) => false,
        }
    }
}

/// PostgreSQL's codes have five characters, SQLite's are numbers of at most four digits.
fn is_transient_code(code: &str) -> bool {
    if code.len() == 5 {
        // The classes of lost connections, conflicts, missing resources and shutdowns; then: no
        // lock in time, idle for too long, a server that has become a replica.
        return ["08", "40", "53", "57"].iter().any(|class| code.starts_with(class))
            || matches!(code, "55P03" | "25P03" | "25006");
    }
    // Busy, locked, I/O error, disk full, cannot open.
    matches!(code.parse::<i64>().map(|code| code & 0xff), Ok(5 | 6 | 10 | 13 | 14))
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
        for code in ["5", "517", "6", "10", "778", "13", "14", "08006", "40P01", "53100", "57P01"] {
            assert!(is_transient_code(code), "{code}");
        }
        assert!(is_transient_code("55P03"));
        // 22021, a character that text cannot hold, would be SQLite's "busy" by its low byte.
        for code in ["19", "2067", "1555", "22021", "23505", "23514", "42601", "1"] {
            assert!(!is_transient_code(code), "{code}");
        }
    }
}
