//! Every named statement of every module is accepted by both engines.

use std::collections::HashSet;

use kernel::Clock;
use platform::guard::Guard;
use platform::module::{STATEMENTS, Schema};
use platform::sql::Engine;
use platform::testing::database;
use stoa::app::SCHEMAS;

async fn prepare_all(engine: Engine) {
    for schema in &SCHEMAS {
        let Some(db) = database(engine, schema, Clock::system()).await else { return };
        let guards = schema.guards.iter().flat_map(Guard::statements);
        let own = schema.statements.iter().chain(STATEMENTS).copied().flatten().copied();
        let mut prepared = 0;
        for (name, sql) in own.chain(guards) {
            let mut tx = db.begin("prepare").await.unwrap();
            let accepted = tx.prepare(sql).await;
            assert!(accepted.is_ok(), "{} {name} on {engine:?}: {accepted:?}", schema.module);
            prepared += 1;
        }
        assert!(prepared > STATEMENTS.len(), "{} has no statements", schema.module);
    }
}

#[tokio::test]
async fn every_statement_prepares_on_sqlite() {
    prepare_all(Engine::Sqlite).await;
}

#[tokio::test]
async fn every_statement_prepares_on_postgres() {
    prepare_all(Engine::Postgres).await;
}

#[test]
fn modules_and_guards_have_names_of_their_own() {
    let modules: HashSet<&str> = SCHEMAS.iter().map(|schema: &Schema| schema.module).collect();
    assert_eq!(modules.len(), SCHEMAS.len());
    let guards: Vec<&str> =
        SCHEMAS.iter().flat_map(|schema| schema.guards).map(|guard| guard.name).collect();
    assert_eq!(guards.iter().collect::<HashSet<_>>().len(), guards.len());
}
