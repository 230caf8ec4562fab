//! Databases for tests: a file in a folder of its own, a schema of its own on a real server.

mod attack;
mod copies;
mod person_keys;
mod redis;

use std::sync::Arc;

use kernel::clock::Timestamp;
use kernel::id::{CustomerId, EventId, SessionId};
use kernel::ports::{Factor, Principal, Proof, Role};
use kernel::{Clock, Envelope, Event};

use crate::module::Schema;
use crate::personal::People;
use crate::sql::{Db, Engine, Postgres, Sqlite};

pub use attack::attack;
pub use copies::{copy, drop_copy};
pub use person_keys::TestKeys;
pub use redis::RedisServer;

/// The variable that names a PostgreSQL server for tests; `scripts/with-postgres` sets it.
pub const POSTGRES: &str = "STOA_TEST_POSTGRES";

/// Somebody with a role who logged in by password.
pub fn principal(role: Role) -> Principal {
    let (session, auth_time) = (Some(SessionId::new()), Timestamp::UNIX_EPOCH);
    Principal {
        id: CustomerId::new(),
        role: role.word().to_owned(),
        permissions: role.permissions(),
        proof: Proof::Login { session, amr: vec![Factor::Pwd], auth_time },
        group: None,
    }
}

/// A migrated database that nobody else uses. None when the engine is not there, which is a skip on
/// a laptop and a failure under `CI=true`.
///
/// # Panics
/// When the database cannot be made, or PostgreSQL is missing under `CI=true`.
pub async fn database(engine: Engine, schema: &Schema, clock: Clock) -> Option<Db> {
    database_under(Arc::default(), engine, schema, clock).await
}

/// The same, with what is personal in it under these keys.
///
/// # Panics
/// As [`database`] does.
pub async fn database_under(
    keys: Arc<TestKeys>,
    engine: Engine,
    schema: &Schema,
    clock: Clock,
) -> Option<Db> {
    let db = match engine {
        Engine::Sqlite => {
            let file = folder().join(format!("{}.db", schema.module));
            Db::sqlite(schema.module, &Sqlite { file, readers: 4 }, clock).await
        }
        Engine::Postgres => {
            let schema_name = format!("t{}", EventId::new().uuid().simple());
            let at =
                Postgres { url: postgres()?, schema: schema_name, role: None, connections: 16 };
            Db::postgres(schema.module, &at, clock).await
        }
    };
    let db = db.expect("the test database opens");
    db.keep_people(People::new(keys));
    schema.migrate(&db).await.expect("the migrations run");
    Some(db)
}

/// An event as the bus tells it, that happened at `time`.
///
/// # Panics
/// When the event cannot be written as JSON.
pub fn told<E: Event>(event: &E, time: Timestamp) -> Envelope {
    Envelope {
        id: EventId::new(),
        source: E::SOURCE.to_owned(),
        kind: E::TYPE.to_owned(),
        version: 1,
        time,
        subject: event.subject(),
        trace: String::new(),
        data: serde_json::to_value(event).expect("an event is JSON"),
    }
}

/// The address of the PostgreSQL server for tests, if there is one.
///
/// # Panics
/// When there is none under `CI=true`.
#[expect(clippy::disallowed_methods, reason = "tests have no settings")]
pub fn postgres() -> Option<String> {
    let url = std::env::var(POSTGRES).ok();
    let must = std::env::var("CI").is_ok_and(|ci| ci == "true");
    assert!(url.is_some() || !must, "{POSTGRES} is not set; run the tests by `make test`");
    if url.is_none() {
        tracing::warn!("skipped: {POSTGRES} is not set; run the tests by `make test`");
    }
    url
}

/// A folder of its own below the machine's temporary one.
///
/// # Panics
/// When it cannot be made.
pub fn folder() -> std::path::PathBuf {
    let name = format!("stoa-test-{}", EventId::new());
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&folder).expect("a temporary folder can be made");
    folder
}

/// Runs each case once per engine: `on_both_engines!(SCHEMA: case_one, case_two);`. A case is an
/// `async fn(Db)`.
#[macro_export]
macro_rules! on_both_engines {
    ($schema:expr => $($case:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $case() {
                let engine = $crate::sql::Engine::Sqlite;
                let clock = kernel::Clock::system();
                if let Some(db) = $crate::testing::database(engine, &$schema, clock).await {
                    super::$case(db).await;
                }
            })+
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $case() {
                let engine = $crate::sql::Engine::Postgres;
                let clock = kernel::Clock::system();
                if let Some(db) = $crate::testing::database(engine, &$schema, clock).await {
                    super::$case(db).await;
                }
            })+
        }
    };
}
