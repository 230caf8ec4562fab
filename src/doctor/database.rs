//! The engine, what it promises as it is set up, and whether it is up to date.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use kernel::{Clock, Timestamp};
use platform::module::Schema;
use platform::sql::{Db, Postgres, Result, Sql, applied};

use super::{Finding, Mark};
use crate::app::{SCHEMAS, open_database};
use crate::settings::{EngineName, Settings};

const ABOUT: &str = "database";
/// The oldest PostgreSQL that Stoa is tested on, as `server_version_num` has it.
const POSTGRES_MIN: i64 = 150_000;
/// By how much the clocks of a node and of the database may differ.
const CLOCKS_MAX: TimeDelta = TimeDelta::milliseconds(500);

const SETTING: Sql = Sql::new("select current_setting($1)");
const VERSION: Sql = Sql::new("select cast(current_setting('server_version_num') as bigint)");
const CONNECTIONS: Sql = Sql::new(
    "select cast(current_setting('max_connections') as bigint)
            - cast(current_setting('superuser_reserved_connections') as bigint)",
);
const NOW: Sql = Sql::new("select clock_timestamp()");
const NAMES: Sql = Sql::new("select cast(nspname as text) from pg_namespace");

/// A setting of PostgreSQL, what it should be, how bad another value is, and why.
const WANTED: [(&str, &str, Mark, &str); 6] = [
    ("fsync", "on", Mark::Bad, "a power cut loses orders that were confirmed, or all of them"),
    ("full_page_writes", "on", Mark::Bad, "a power cut can leave pages that are half written"),
    ("synchronous_commit", "on", Mark::Bad, "a crash loses the last orders that were confirmed"),
    ("autovacuum", "on", Mark::Doubtful, "tables grow without an end"),
    ("server_encoding", "UTF8", Mark::Bad, "names of customers cannot be stored"),
    (
        "default_transaction_isolation",
        "read committed",
        Mark::Doubtful,
        "units of work refuse each other more often than they have to",
    ),
];

pub(super) async fn examine(settings: &Settings) -> Vec<Finding> {
    let examined = match settings.database.engine {
        EngineName::Sqlite => sqlite(settings).await,
        EngineName::Postgres => postgres(settings).await,
    };
    examined.unwrap_or_else(|error| vec![Finding::bad(ABOUT, error.to_string())])
}

async fn sqlite(settings: &Settings) -> Result<Vec<Finding>> {
    let folder = &settings.server.data_dir;
    let is_there = |schema: &Schema| folder.join(format!("{}.db", schema.module)).exists();
    Ok(vec![up_to_date(settings, is_there).await?])
}

async fn postgres(settings: &Settings) -> Result<Vec<Finding>> {
    // This schema is in every database, so that none is made.
    let at = Postgres {
        url: settings.database.url.clone(),
        schema: "public".to_owned(),
        role: None,
        connections: 1,
    };
    let db = Db::postgres("doctor", &at, Clock::system()).await?;
    let mut findings = vec![version(&db).await?];
    for (name, wanted, mark, why) in WANTED {
        let (value,): (String,) = db.query(SETTING).bind(name).one().await?;
        // What several replicas confirm is more than what one disk does.
        let is_more = name == "synchronous_commit" && value.starts_with("remote_");
        if value != wanted && !is_more {
            findings.push(Finding::new(mark, ABOUT, format!("{name} is {value}: {why}")));
        }
    }
    findings.push(connections(&db, settings).await?);
    findings.push(clock(&db).await?);
    let names: Vec<(String,)> = db.query(NAMES).all().await?;
    let names: BTreeSet<String> = names.into_iter().map(|(name,)| name).collect();
    let prefix = &settings.database.schema_prefix;
    let is_there = |schema: &Schema| names.contains(&format!("{prefix}{}", schema.module));
    let known = up_to_date(settings, is_there).await;
    findings.push(known.unwrap_or_else(|error| Finding::bad(ABOUT, error.to_string())));
    db.close().await;
    Ok(findings)
}

async fn version(db: &Db) -> Result<Finding> {
    let (version,): (i64,) = db.query(VERSION).one().await?;
    let shown = format!("PostgreSQL {}.{}", version / 10_000, version % 10_000);
    if version < POSTGRES_MIN {
        let text = format!("{shown} is older than {}", POSTGRES_MIN / 10_000);
        return Ok(Finding::bad(ABOUT, text));
    }
    Ok(Finding::fine(ABOUT, shown))
}

async fn connections(db: &Db, settings: &Settings) -> Result<Finding> {
    let (most,): (i64,) = db.query(CONNECTIONS).one().await?;
    let modules = i64::try_from(SCHEMAS.len()).unwrap_or(i64::MAX);
    let wanted = modules.saturating_mul(settings.database.connections.into());
    let text = format!(
        "this node has up to {wanted} connections ({modules} times database.connections), of {most} that may be"
    );
    Ok(match wanted.saturating_mul(2) {
        _ if wanted > most => Finding::bad(ABOUT, text),
        two_nodes if two_nodes > most => {
            Finding::doubtful(ABOUT, text + ": a second node would have too few")
        }
        _ => Finding::fine(ABOUT, text),
    })
}

async fn clock(db: &Db) -> Result<Finding> {
    let clock = Clock::system();
    let before = clock.now();
    let (there,): (Timestamp,) = db.query(NOW).one().await?;
    let asked = clock.now() - before;
    let differs = (there - before - asked / 2).abs();
    let text = format!("its clock is {} ms from this one", differs.num_milliseconds());
    Ok(if differs > CLOCKS_MAX {
        Finding::bad(ABOUT, text + ": leases end too early or too late; let NTP set both")
    } else {
        Finding::fine(ABOUT, text)
    })
}

/// Whether every module has the tables that this program wants.
async fn up_to_date(settings: &Settings, is_there: impl Fn(&Schema) -> bool) -> Result<Finding> {
    let (mut missing, mut newer) = (0, BTreeSet::new());
    for schema in SCHEMAS {
        if !is_there(&schema) {
            missing += schema.known().count();
            continue;
        }
        let db = open_database(settings, &schema, &Clock::system()).await?;
        let had: BTreeSet<String> = applied(&db).await?.into_iter().collect();
        db.close().await;
        missing += schema.known().filter(|name| !had.contains(*name)).count();
        let known: BTreeSet<&str> = schema.known().collect();
        if had.iter().any(|name| !known.contains(name.as_str())) {
            newer.insert(schema.module);
        }
    }
    let newer: Vec<&str> = newer.into_iter().collect();
    Ok(match (missing, newer.as_slice()) {
        (0, []) => Finding::fine(ABOUT, "every module is up to date"),
        (_, [_, ..]) => {
            let text = format!("a newer program has migrated {}; run that one", newer.join(", "));
            Finding::bad(ABOUT, text)
        }
        (missing, []) => {
            let text = format!(
                "{missing} migrations have not run; the start runs them, or `stoa migrate`"
            );
            Finding::doubtful(ABOUT, text)
        }
    })
}
