//! The replica that pages are read from, if one is named.

use std::time::Duration;

use kernel::Clock;
use platform::sql::{Db, Postgres, Result, Sql};

use super::Finding;
use crate::settings::{Database, Settings};

const ABOUT: &str = "replica";
/// How long it may take to answer here; pages wait less for it.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// Further behind than this it is seldom what pages are read from, in bytes of WAL.
const BEHIND_MAX: i64 = 16 << 20;

const FOLLOWS: Sql = Sql::new("select pg_is_in_recovery()");
const SYSTEM: Sql = Sql::new("select system_identifier from pg_control_system()");
const HAS_SCHEMA: Sql = Sql::new("select exists (select 1 from pg_namespace where nspname = $1)");
const WRITTEN: Sql =
    Sql::new("select cast(pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') as bigint)");
const REPLAYED: Sql =
    Sql::new("select cast(pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0') as bigint)");

pub(super) async fn examine(settings: &Settings) -> Option<Finding> {
    let database = &settings.database;
    if database.replica_url.is_empty() {
        return None;
    }
    Some(compared(database).await.unwrap_or_else(|error| {
        Finding::doubtful(ABOUT, format!("the primary is asked in its place: {error}"))
    }))
}

async fn compared(database: &Database) -> Result<Finding> {
    // This schema is in every database, so that none is made.
    let at = |url: &str| Postgres {
        url: url.to_owned(),
        schema: "public".to_owned(),
        role: None,
        connections: 1,
    };
    let replica = Db::standby("doctor", &at(&database.replica_url), WAIT_MAX, Clock::system())?;
    let (follows,): (bool,) = replica.query(FOLLOWS).one().await?;
    if !follows {
        let text = "database.replica_url is no standby: the primary is asked in its place";
        return Ok(Finding::doubtful(ABOUT, text));
    }
    let primary = Db::postgres("doctor", &at(&database.url), Clock::system()).await?;
    let (there,): (i64,) = replica.query(SYSTEM).one().await?;
    let (here,): (i64,) = primary.query(SYSTEM).one().await?;
    if there != here {
        let text =
            "database.replica_url is a standby of another server: its pages are of another shop";
        return Ok(Finding::bad(ABOUT, text));
    }
    let (written,): (i64,) = primary.query(WRITTEN).one().await?;
    let (replayed,): (i64,) = replica.query(REPLAYED).one().await?;
    let schema = format!("{}{}", database.schema_prefix, catalog::SCHEMA.module);
    let (is_there,): (bool,) = replica.query(HAS_SCHEMA).bind(schema).one().await?;
    primary.close().await;
    replica.close().await;
    let behind = (written - replayed).max(0);
    let text = format!("a standby of the database, {behind} bytes of WAL behind");
    Ok(if behind > BEHIND_MAX {
        Finding::doubtful(ABOUT, text + ": the primary is asked until it has caught up")
    } else if !is_there {
        Finding::doubtful(
            ABOUT,
            text + "; it has no catalogue yet, or database.replica_url names another database",
        )
    } else {
        Finding::fine(ABOUT, text)
    })
}
