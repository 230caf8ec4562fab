//! Where the databases of the modules are.

use std::path::Path;
use std::time::Duration;

use kernel::Clock;
use platform::module::Schema;
use platform::replica::Replica;
use platform::sql::{Db, Error, Postgres, Result, Sqlite};

use super::SCHEMAS;
use crate::settings::{Database, EngineName, Settings};

/// Opens the database of one schema, without touching what is in it.
pub async fn open_database(settings: &Settings, schema: &Schema, clock: &Clock) -> Result<Db> {
    let Database { engine, url, readers, .. } = &settings.database;
    match engine {
        EngineName::Sqlite => {
            let file = settings.server.data_dir.join(format!("{}.db", schema.module));
            let at = Sqlite { file, readers: *readers };
            Db::sqlite(schema.module, &at, clock.clone()).await
        }
        EngineName::Postgres => {
            let at = at(&settings.database, schema.module, url);
            Db::postgres(schema.module, &at, clock.clone()).await
        }
    }
}

/// Opens the database of one schema and brings it up to date.
pub async fn open_migrated(settings: &Settings, schema: &Schema, clock: &Clock) -> Result<Db> {
    make_folder(&settings.server.data_dir)?;
    let db = open_database(settings, schema, clock).await?;
    for name in schema.migrate(&db).await? {
        tracing::debug!(module = schema.module, name, "migrated");
    }
    Ok(db)
}

/// Opens the databases of all schemas, in the order of [`SCHEMAS`], and brings them up to date.
pub async fn open_databases(settings: &Settings, clock: &Clock) -> Result<Vec<Db>> {
    let mut databases = Vec::with_capacity(SCHEMAS.len());
    for schema in &SCHEMAS {
        databases.push(open_migrated(settings, schema, clock).await?);
    }
    Ok(databases)
}

pub(super) fn make_folder(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)
        .map_err(|error| Error::Unusable(format!("{}: {error}", folder.display())))
}

/// A module's schema at a server of PostgreSQL.
fn at(database: &Database, module: &str, url: &str) -> Postgres {
    let Database { schema_prefix, role_prefix, connections, .. } = database;
    let role = (!role_prefix.is_empty()).then(|| format!("{role_prefix}{module}"));
    let schema = format!("{schema_prefix}{module}");
    Postgres { url: url.to_owned(), schema, role, connections: *connections }
}

/// Where the catalogue is read beside its database, if there is such a place.
pub(super) fn replica(settings: &Settings, clock: &Clock) -> Result<Option<Replica>> {
    let Database { replica_url, replica_wait_ms, .. } = &settings.database;
    if replica_url.is_empty() {
        return Ok(None);
    }
    let module = catalog::SCHEMA.module;
    let at = at(&settings.database, module, replica_url);
    let wait = Duration::from_millis(*replica_wait_ms);
    Replica::open(module, &at, wait, catalog::STOCK, clock.clone()).map(Some)
}
