//! What a module is to the composition root: its schema, and where its database is.

use crate::guard::Guard;
use crate::sql::{Db, Migration, Result, Sql, migrate, occupy};

/// A module's tables and the statements over them.
#[derive(Debug, Clone, Copy)]
pub struct Schema {
    /// The module, e.g. `order`.
    pub module: &'static str,
    /// Its migrations, oldest first.
    pub migrations: &'static [Migration],
    /// Its named statements; one test prepares each of them on both engines.
    pub statements: &'static [&'static [(&'static str, Sql)]],
    /// Its limited quantities; one adversary attacks each of them on both engines.
    pub guards: &'static [Guard],
}

impl Schema {
    /// Brings a database up to date: the platform's tables, then the module's own. Returns the
    /// names of the migrations that ran.
    pub async fn migrate(&self, db: &Db) -> Result<Vec<&'static str>> {
        migrate(db, &self.all()).await
    }

    /// Makes the tables of a database that is to be filled from a place, with a mark that nobody works on it.
    pub async fn occupy(&self, db: &Db, from: &str) -> Result<()> {
        occupy(db, &self.all(), from).await
    }

    fn all(&self) -> Vec<Migration> {
        crate::MIGRATIONS.iter().chain(self.migrations).copied().collect()
    }

    /// The names of the migrations this program knows.
    pub fn known(&self) -> impl Iterator<Item = &'static str> {
        crate::MIGRATIONS.iter().chain(self.migrations).map(|migration| migration.name)
    }
}

/// The platform's own statements, which every module's database can prepare.
pub const STATEMENTS: &[&[(&str, Sql)]] = &[
    crate::audit::STATEMENTS,
    crate::audit::LOG_STATEMENTS,
    crate::bus::STATEMENTS,
    crate::bus::VERIFY_STATEMENTS,
    crate::idempotency::STATEMENTS,
    crate::outbox::STATEMENTS,
    crate::outbox::PACK_STATEMENTS,
    crate::replica::STATEMENTS,
    crate::saga::STATEMENTS,
    crate::saga::SHORTEN_STATEMENTS,
    crate::seal::STATEMENTS,
];
