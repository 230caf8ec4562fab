use std::time::Duration;

use kernel::{Clock, Timestamp};
use platform::random;
use platform::sql::Json;
use platform::sql::{Db, Engine, Error, Postgres, Sql};
use uuid::Uuid;

platform::on_both_engines!(crate::SCHEMA =>
    values_come_back_as_they_went_in,
    times_sort_as_they_passed,
    a_dropped_unit_leaves_nothing,
    after_a_failed_statement_a_unit_is_over,
    after_a_failed_prepare_a_unit_is_over,
    a_statement_nobody_waited_for_ends_its_unit,
    concurrent_increments_are_not_lost,
    a_snapshot_stands_still,
    callers_that_go_away_harm_nobody,
    when_everything_is_taken_begin_says_busy,
    a_closed_database_refuses,
);

const NEW: Sql = Sql::new("insert into counter (id, n) values ($1, 0)");
const ADD: Sql = Sql::new("update counter set n = n + 1 where id = $1");
const READ: Sql = Sql::new("select n from counter where id = $1");
const SLOW: Sql = Sql::split(
    "with recursive c(n) as (select 1 union all select n + 1 from c where n < 500000)
     select max(n) from c",
    "select cast(1 as bigint) from (select pg_sleep(0.2)) s",
);
const COUNT: &str = "select count(*) from counter";

async fn counter(db: &Db) -> Uuid {
    let id = Uuid::now_v7();
    let mut tx = db.begin("test").await.unwrap();
    tx.query(NEW).bind(id).execute().await.unwrap();
    tx.commit().await.unwrap();
    id
}

async fn value(db: &Db, id: Uuid) -> i64 {
    db.query(READ).bind(id).one::<(i64,)>().await.unwrap().0
}

async fn add(db: &Db, id: Uuid) -> platform::sql::Result<()> {
    let mut tx = db.begin("test").await?;
    tx.query(ADD).bind(id).execute().await?;
    tx.commit().await
}

type Sample = (
    Uuid,
    Timestamp,
    Option<Timestamp>,
    Json<serde_json::Value>,
    bool,
    Option<i64>,
    Option<String>,
);

async fn values_come_back_as_they_went_in(db: Db) {
    let at: Timestamp = "2026-02-28T23:59:59.123456Z".parse().unwrap();
    let data = Json(serde_json::json!({"a": [1, "ü", null], "b": 1.5}));
    let full: Sample =
        (Uuid::now_v7(), at, Some(at), data, true, Some(i64::MAX), Some("D'or \"1\" ü".to_owned()));
    let empty: Sample = (Uuid::now_v7(), at, None, Json(serde_json::json!([])), false, None, None);
    for row in [full, empty] {
        let mut tx = db.begin("test").await.unwrap();
        tx.query(Sql::new("insert into sample values ($1, $2, $3, $4, $5, $6, $7)"))
            .bind(row.0)
            .bind(row.1)
            .bind(row.2)
            .bind(row.3.clone())
            .bind(row.4)
            .bind(row.5)
            .bind(row.6.as_deref())
            .execute()
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let sql = Sql::new("select id, at, maybe, data, yes, n, word from sample where id = $1");
        let back: Sample = db.query(sql).bind(row.0).one().await.unwrap();
        assert_eq!(back, row);
    }
}

/// SQLite keeps times as text: its order must be the order of time for every number of digits.
async fn times_sort_as_they_passed(db: Db) {
    let begin: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let steps = [0, 1, 10, 999, 1_000, 1_001, 10_000, 500_000, 500_100, 999_999, 1_000_000];
    let mut tx = db.begin("test").await.unwrap();
    for micros in steps.iter().rev() {
        tx.query(Sql::new("insert into sample values ($1, $2, null, $3, $4, $5, null)"))
            .bind(Uuid::now_v7())
            .bind(begin + chrono::TimeDelta::microseconds(*micros))
            .bind(Json(serde_json::json!(1)))
            .bind(true)
            .bind(*micros)
            .execute()
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    let rows: Vec<(i64,)> =
        db.query(Sql::new("select n from sample order by at")).all().await.unwrap();
    assert_eq!(rows.into_iter().map(|(n,)| n).collect::<Vec<_>>(), steps);
}

async fn a_dropped_unit_leaves_nothing(db: Db) {
    let mut tx = db.begin("test").await.unwrap();
    tx.query(NEW).bind(Uuid::now_v7()).execute().await.unwrap();
    drop(tx);
    let id = counter(&db).await;
    assert_eq!(crate::number(&db, COUNT).await, 1);
    assert_eq!(value(&db, id).await, 0);
}

async fn after_a_failed_statement_a_unit_is_over(db: Db) {
    let id = counter(&db).await;
    let mut tx = db.begin("test").await.unwrap();
    tx.query(ADD).bind(id).execute().await.unwrap();
    let twice = tx.query(NEW).bind(id).execute().await.unwrap_err();
    assert!(!twice.is_transient() && !twice.is_conflict(), "{twice:?}");
    assert!(matches!(tx.query(ADD).bind(id).execute().await, Err(Error::Aborted("test"))));
    assert!(matches!(tx.commit().await, Err(Error::Aborted("test"))));
    assert_eq!(value(&db, id).await, 0);
    add(&db, id).await.unwrap();
    assert_eq!(value(&db, id).await, 1);
}

/// PostgreSQL answers COMMIT of a failed transaction with a silent ROLLBACK.
async fn after_a_failed_prepare_a_unit_is_over(db: Db) {
    let id = counter(&db).await;
    let mut tx = db.begin("test").await.unwrap();
    tx.query(ADD).bind(id).execute().await.unwrap();
    tx.prepare(Sql::new("select nothing from nowhere")).await.unwrap_err();
    assert!(matches!(tx.commit().await, Err(Error::Aborted("test"))));
    assert_eq!(value(&db, id).await, 0);
}

async fn a_statement_nobody_waited_for_ends_its_unit(db: Db) {
    let id = counter(&db).await;
    let mut tx = db.begin("test").await.unwrap();
    tx.query(ADD).bind(id).execute().await.unwrap();
    {
        let mut statement = Box::pin(tx.query(SLOW).one::<(i64,)>());
        let polled =
            std::future::poll_fn(|cx| std::task::Poll::Ready(statement.as_mut().poll(cx))).await;
        // SQLite has run it by then: there is nothing that could be left.
        assert_eq!(polled.is_pending(), db.engine() == Engine::Postgres);
        if polled.is_ready() {
            return;
        }
    }
    assert!(matches!(tx.query(ADD).bind(id).execute().await, Err(Error::Aborted(_))));
    assert!(matches!(tx.commit().await, Err(Error::Aborted(_))));
    assert_eq!(value(&db, id).await, 0);
}

async fn concurrent_increments_are_not_lost(db: Db) {
    let id = counter(&db).await;
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let db = db.clone();
            tokio::spawn(async move {
                for _ in 0..5 {
                    add(&db, id).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(value(&db, id).await, 320);
}

async fn a_snapshot_stands_still(db: Db) {
    let id = counter(&db).await;
    let mut snapshot = db.snapshot().await.unwrap();
    let (before,): (i64,) = snapshot.query(READ).bind(id).one().await.unwrap();
    for _ in 0..3 {
        add(&db, id).await.unwrap();
        let (now,): (i64,) = snapshot.query(READ).bind(id).one().await.unwrap();
        assert_eq!(now, before);
    }
    assert_eq!(value(&db, id).await, 3);
}

/// Units are dropped at random points: nothing acknowledged is lost and the writer stays usable.
async fn callers_that_go_away_harm_nobody(db: Db) {
    let id = counter(&db).await;
    let tasks: Vec<_> = (0..24)
        .map(|_| {
            let db = db.clone();
            tokio::spawn(async move {
                let (mut kept, mut unknown) = (0, 0);
                for n in 0..30 {
                    let patience = Duration::from_micros(random::between(1, 3_000));
                    let goes_away = async {
                        // Some do as soon as they have to wait, so that some do however fast the disk is.
                        if n % 4 > 0 {
                            tokio::time::sleep(patience).await;
                        }
                    };
                    let answer = tokio::select! {
                        biased;
                        answer = add(&db, id) => Some(answer),
                        () = goes_away => None,
                    };
                    match answer {
                        Some(Ok(())) => kept += 1,
                        Some(Err(error)) => assert!(error.is_transient(), "{error:?}"),
                        None => unknown += 1,
                    }
                }
                (kept, unknown)
            })
        })
        .collect();
    let (mut kept, mut unknown) = (0, 0);
    for task in tasks {
        let (k, u) = task.await.unwrap();
        kept += k;
        unknown += u;
    }
    add(&db, id).await.unwrap();
    let stored = value(&db, id).await - 1;
    assert!(stored >= kept && stored <= kept + unknown, "{kept} <= {stored} <= {kept}+{unknown}");
    assert!(unknown > 0);
}

async fn when_everything_is_taken_begin_says_busy(db: Db) {
    let units = if db.engine() == Engine::Sqlite { 1 } else { 16 };
    let mut held = Vec::new();
    for _ in 0..units {
        held.push(db.begin("test").await.unwrap());
    }
    let error = db.begin("test").await.err().unwrap();
    assert!(matches!(error, Error::Busy), "{error:?}");
    assert!(error.is_transient());
    drop(held);
    counter(&db).await;
}

async fn a_closed_database_refuses(db: Db) {
    let id = counter(&db).await;
    db.close().await;
    assert!(add(&db, id).await.unwrap_err().is_transient());
    assert!(db.ping().await.is_err());
}

/// The connection of a unit of work ends in its middle.
#[tokio::test]
async fn a_lost_connection_ends_one_unit_only() {
    let clock = Clock::system();
    let Some(db) = platform::testing::database(Engine::Postgres, &crate::SCHEMA, clock).await
    else {
        return;
    };
    let id = counter(&db).await;
    let mut tx = db.begin("test").await.unwrap();
    tx.query(ADD).bind(id).execute().await.unwrap();
    let (pid,): (i64,) =
        tx.query(Sql::new("select cast(pg_backend_pid() as bigint)")).one().await.unwrap();
    let end = Sql::new("select pg_terminate_backend(cast($1 as integer))");
    let (ended,): (bool,) =
        db.query(Sql::split("", end.text(Engine::Postgres))).bind(pid).one().await.unwrap();
    assert!(ended);
    let error = tx.query(ADD).bind(id).execute().await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    assert!(tx.commit().await.is_err());
    for _ in 0..20 {
        add(&db, id).await.unwrap();
    }
    assert_eq!(value(&db, id).await, 20);
}

/// A connection that is given back in the middle of `BEGIN` is in a transaction that nobody commits: what is written
/// there on its own, and is said to be, would be lost.
#[tokio::test]
async fn what_is_written_after_a_begin_that_was_cut_off_is_kept() {
    let Some(url) = platform::testing::postgres() else { return };
    let schema = format!("t{}", Uuid::now_v7().simple());
    let at = Postgres { url, schema, role: None, connections: 1 };
    let [db, other] = [open(&at).await, open(&at).await];
    crate::SCHEMA.migrate(&db).await.unwrap();
    let id = counter(&db).await;
    for polls in 1..=60 {
        let mut begins = Box::pin(db.begin("test"));
        for _ in 0..polls {
            tokio::select! {
                biased;
                _ = &mut begins => break,
                () = tokio::task::yield_now() => {}
            }
        }
        drop(begins);
        db.query(ADD).bind(id).execute().await.unwrap();
        assert_eq!(value(&other, id).await, polls, "after {polls} polls");
    }
}

async fn open(at: &Postgres) -> Db {
    Db::postgres(crate::SCHEMA.module, at, Clock::system()).await.unwrap()
}
