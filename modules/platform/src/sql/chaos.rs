//! Where faults meet the databases. PostgreSQL says of itself what a fault is to say: it ends the connection, or raises the
//! error. SQLite rolls back as it does by itself on an error of its disk, which takes the whole group along.

#[cfg(feature = "chaos")]
pub(super) use active::{begin, commit, committed, statement};
#[cfg(not(feature = "chaos"))]
pub(super) use nothing::{begin, commit, committed, statement};

#[cfg(not(feature = "chaos"))]
mod nothing {
    use std::future::{Ready, ready};

    use super::super::query::Target;
    use super::super::unit::Conn;
    use super::super::{Engine, Result, Sql};

    #[inline]
    pub fn begin() -> Ready<Result<()>> {
        ready(Ok(()))
    }

    #[inline]
    pub fn statement(_target: &mut Target<'_>, _sql: Sql) -> Ready<Result<()>> {
        ready(Ok(()))
    }

    #[inline]
    pub fn commit(_conn: &mut Conn) -> Ready<Result<()>> {
        ready(Ok(()))
    }

    #[inline]
    #[expect(clippy::unnecessary_wraps, reason = "it fails where there is chaos")]
    pub const fn committed(_engine: Engine) -> Result<()> {
        Ok(())
    }
}

#[cfg(feature = "chaos")]
mod active {
    use std::io;

    use futures_util::future::BoxFuture;
    use rusqlite::{Connection, ffi};

    use super::super::query::Target;
    use super::super::unit::Conn;
    use super::super::{Engine, Error, Result, Sql, sqlite};
    use crate::chaos::{Kind, pause, strikes};

    /// What an engine says.
    #[derive(Clone, Copy)]
    enum Said {
        /// Another unit of work was in the way.
        Conflict,
        /// The connection is lost, or the file cannot be read or written.
        Broken,
        /// There is no room.
        Full,
    }

    impl Said {
        const fn sqlite(self) -> i32 {
            match self {
                Self::Conflict => ffi::SQLITE_BUSY,
                Self::Broken => ffi::SQLITE_IOERR,
                Self::Full => ffi::SQLITE_FULL,
            }
        }

        const fn postgres(self) -> &'static str {
            match self {
                Self::Conflict => {
                    "do $$ begin raise 'chaos' using errcode = 'serialization_failure'; end $$"
                }
                Self::Broken => "select pg_terminate_backend(pg_backend_pid())",
                Self::Full => "do $$ begin raise 'chaos' using errcode = 'disk_full'; end $$",
            }
        }
    }

    impl Sql {
        fn writes(&self) -> bool {
            let first = self.sqlite.split_whitespace().next();
            first.is_some_and(|word| matches!(word, "insert" | "update" | "delete"))
                || self.sqlite.contains("insert into ")
        }
    }

    /// Before a unit of work.
    pub fn begin() -> BoxFuture<'static, Result<()>> {
        Box::pin(async {
            pause(Kind::Latency).await;
            if strikes(Kind::Errors).is_some() { Err(Error::Busy) } else { Ok(()) }
        })
    }

    /// Before a statement.
    pub fn statement<'t>(target: &'t mut Target<'_>, sql: Sql) -> BoxFuture<'t, Result<()>> {
        Box::pin(before(target, sql))
    }

    async fn before(target: &mut Target<'_>, sql: Sql) -> Result<()> {
        pause(Kind::Latency).await;
        let strike = if strikes(Kind::Errors).is_some() {
            Said::Conflict
        } else if strikes(Kind::Drops).is_some() {
            Said::Broken
        } else if sql.writes() && strikes(Kind::FullDisk).is_some() {
            Said::Full
        } else {
            return Ok(());
        };
        let failed = |error| Err(Error::engine(sql.context(), error));
        match target {
            Target::Sqlite(conn) => Err(on_sqlite(Some(&mut **conn), strike, sql.context())),
            Target::Readers(_) => Err(on_sqlite(None, strike, sql.context())),
            Target::Postgres(conn) => {
                let said = sqlx::raw_sql(strike.postgres()).execute(&mut **conn).await;
                failed(said.err().unwrap_or_else(lost))
            }
            Target::Pool(pool) => {
                let said = sqlx::raw_sql(strike.postgres()).execute(*pool).await;
                failed(said.err().unwrap_or_else(lost))
            }
            Target::Gone(name) => Err(Error::Aborted(name)),
        }
    }

    /// Before a commit.
    pub fn commit(conn: &mut Conn) -> BoxFuture<'_, Result<()>> {
        Box::pin(before_commit(conn))
    }

    async fn before_commit(conn: &mut Conn) -> Result<()> {
        if strikes(Kind::Drops).is_none() {
            return Ok(());
        }
        match conn {
            Conn::Writer(unit) => Err(on_sqlite(unit.conn(), Said::Broken, "commit".to_owned())),
            Conn::Reader(_) => Ok(()),
            Conn::Postgres(tx) => {
                let said = sqlx::raw_sql(Said::Broken.postgres()).execute(&mut **tx).await;
                Err(Error::engine("commit", said.err().unwrap_or_else(lost)))
            }
        }
    }

    /// After a commit: the connection to PostgreSQL may be lost before the answer comes. SQLite always knows.
    pub fn committed(engine: Engine) -> Result<()> {
        if engine == Engine::Postgres && strikes(Kind::Drops).is_some() {
            return Err(Error::engine("commit", lost()));
        }
        Ok(())
    }

    fn lost() -> sqlx::Error {
        sqlx::Error::Io(io::ErrorKind::ConnectionReset.into())
    }

    fn on_sqlite(conn: Option<&mut Connection>, said: Said, context: String) -> Error {
        if let Some(conn) = conn
            && !matches!(said, Said::Conflict)
            && !conn.is_autocommit()
            && let Err(error) = sqlite::run(conn, "rollback")
        {
            return Error::engine(context, error);
        }
        let code = ffi::Error::new(said.sqlite());
        Error::engine(context, rusqlite::Error::SqliteFailure(code, Some("chaos".to_owned())))
    }
}
