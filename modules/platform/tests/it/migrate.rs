use std::time::{Duration, Instant};

use kernel::Clock;
use platform::sql::{Db, Engine, Migration, Postgres, Sql, Sqlite, migrate};
use platform::testing::{folder, postgres};

platform::on_both_engines!(crate::SCHEMA =>
    a_second_run_does_nothing,
    an_edited_one_is_refused_by_name,
    one_of_a_newer_program_is_refused,
    a_failing_one_leaves_nothing,
);

/// How many migrations a database of these tests has: the platform's and one of theirs.
fn applied() -> i64 {
    i64::try_from(platform::MIGRATIONS.len() + 1).unwrap()
}

async fn a_second_run_does_nothing(db: Db) {
    assert!(crate::SCHEMA.migrate(&db).await.unwrap().is_empty());
    assert_eq!(crate::number(&db, "select count(*) from migration").await, applied());
}

async fn an_edited_one_is_refused_by_name(db: Db) {
    let mut all: Vec<Migration> = platform::MIGRATIONS.to_vec();
    all.push(Migration { name: "0002_tests", text: "create table other (id uuid primary key);" });
    let error = migrate(&db, &all).await.unwrap_err().to_string();
    assert!(error.contains("0002_tests was edited"), "{error}");
}

async fn one_of_a_newer_program_is_refused(db: Db) {
    let error = migrate(&db, platform::MIGRATIONS).await.unwrap_err().to_string();
    assert!(error.contains("0002_tests is unknown"), "{error}");
}

async fn a_failing_one_leaves_nothing(db: Db) {
    let good = Migration { name: "0003_good", text: "create table good (id uuid primary key);" };
    let text = "create table half (id uuid primary key);\ninsert into nowhere values (1);";
    let bad = Migration { name: "0004_bad", text };
    let mut all: Vec<Migration> = platform::MIGRATIONS.to_vec();
    all.extend([crate::TABLES, good, bad]);
    migrate(&db, &all).await.unwrap_err();
    assert_eq!(crate::number(&db, "select count(*) from migration").await, applied());
    assert!(db.query(Sql::new("select count(*) from half")).one::<(i64,)>().await.is_err());
    all.pop();
    assert_eq!(migrate(&db, &all).await.unwrap(), ["0003_good"]);
}

/// Nodes that start at the same moment over an empty database: one of them does the work.
async fn together(open: impl AsyncFn() -> Db) {
    let nodes = futures_util::future::join_all((0..6).map(|_| async {
        let db = open().await;
        // Whoever waits for the others too long says so.
        loop {
            match crate::SCHEMA.migrate(&db).await {
                Ok(ran) => break ran.len(),
                Err(error) => assert!(error.is_transient(), "{error:?}"),
            }
        }
    }))
    .await;
    assert_eq!(i64::try_from(nodes.iter().sum::<usize>()).unwrap(), applied(), "{nodes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_start_together_migrate_once_on_sqlite() {
    let file = folder().join("order.db");
    together(async || {
        let at = Sqlite { file: file.clone(), readers: 2 };
        Db::sqlite("order", &at, Clock::system()).await.unwrap()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_start_together_migrate_once_on_postgres() {
    let Some(url) = postgres() else { return };
    let schema = format!("t{}", uuid::Uuid::now_v7().simple());
    together(async || {
        let at = Postgres { url: url.clone(), schema: schema.clone(), role: None, connections: 2 };
        let db = Db::postgres("order", &at, Clock::system()).await.unwrap();
        assert_eq!(db.engine(), Engine::Postgres);
        db
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_waits_for_a_table_holds_nobody_up() {
    const WIDER: Migration =
        Migration { name: "0003_wider", text: "alter table counter add column note text;" };
    const COUNT: Sql = Sql::new("select count(*) from counter");
    let Some(url) = postgres() else { return };
    let schema = format!("t{}", uuid::Uuid::now_v7().simple());
    let open = async || {
        let at = Postgres { url: url.clone(), schema: schema.clone(), role: None, connections: 2 };
        Db::postgres("order", &at, Clock::system()).await.unwrap()
    };
    let db = open().await;
    migrate(&db, &[crate::TABLES]).await.unwrap();
    // Somebody reads for longer than a statement of the shop waits for a table.
    let mut long = open().await.snapshot().await.unwrap();
    long.query(COUNT).one::<(i64,)>().await.unwrap();
    let migrating = tokio::spawn(async move { migrate(&db, &[crate::TABLES, WIDER]).await });
    let (shop, began) = (open().await, Instant::now());
    while began.elapsed() < Duration::from_secs(8) {
        shop.query(COUNT).one::<(i64,)>().await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(!migrating.is_finished(), "the table is read");
    drop(long);
    assert_eq!(migrating.await.unwrap().unwrap(), ["0003_wider"]);
}
