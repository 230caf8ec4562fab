//! Rows go from one engine to the other and back, and are what they were.

use std::time::Duration;

use kernel::Clock;
use platform::bus::Bus;
use platform::outbox::{Published, last, read_after, sequence};
use platform::sql::transfer::{Place, compare, copy};
use platform::sql::{Db, Json, Postgres, Sql, Sqlite, Standing, lift, standing};
use platform::testing::{folder, postgres};
use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::SCHEMA;
use crate::bus::settings;
use crate::outbox::change;
use crate::packing::{all, packed, publish};

const SAMPLE: Sql = Sql::new(
    "insert into sample (id, at, maybe, data, yes, n, word) values ($1, $2, $3, $4, $5, $6, $7)",
);
const PAYLOAD: Sql = Sql::new(
    "insert into unsealed (id, source, kind, subject, at, payload) values ($1, '', '', $1, $2, $3)",
);
const SAMPLES: Sql = Sql::new("select data, word, n, yes from sample order by id");
const PAYLOADS: Sql = Sql::new("select payload from unsealed order by id");

/// A database of each engine, and where they are.
struct Both {
    files: Place,
    sqlite: Db,
    schemas: Place,
    postgres: Db,
}

impl Both {
    async fn new() -> Option<Self> {
        let (url, schema) = (postgres()?, format!("t{}", Uuid::now_v7().simple()));
        let file = folder().join("test.db");
        let at = Sqlite { file: file.clone(), readers: 1 };
        let sqlite = Db::sqlite("test", &at, Clock::system()).await.unwrap();
        let at = Postgres { url: url.clone(), schema: schema.clone(), role: None, connections: 2 };
        let postgres = Db::postgres("test", &at, Clock::system()).await.unwrap();
        let schemas = Place::Postgres { url, schemas: vec![schema] };
        Some(Self { files: Place::Sqlite(vec![file]), sqlite, schemas, postgres })
    }
}

/// Copies, compares and keeps.
async fn carried(from: &Place, to: &Place) -> platform::sql::Result<u64> {
    let (mut from, mut to) = (from.look().await?, to.fill().await?);
    let copied = copy(&mut from, &mut to, |_, _| ()).await?;
    compare(&mut to, &copied).await?;
    to.keep().await?;
    Ok(copied.iter().map(platform::sql::transfer::Copied::rows).sum())
}

/// A row of `sample`, as it is read.
type Sample = (Json<Value>, Option<String>, Option<i64>, bool);
/// The same, and a payload.
type Written = (Value, Option<String>, Option<i64>, bool, Vec<u8>);

async fn write(db: &Db, rows: &[Written]) {
    let mut tx = db.begin("test").await.unwrap();
    let now = tx.now();
    for (data, word, n, yes, payload) in rows {
        let id = Uuid::now_v7();
        let maybe = n.map(|_| now);
        let row = tx.query(SAMPLE).bind(id).bind(now).bind(maybe).bind(Json(data)).bind(*yes);
        row.bind(*n).bind(word.as_deref()).execute().await.unwrap();
        let row = tx.query(PAYLOAD).bind(id).bind(now).bind(payload.as_slice());
        row.execute().await.unwrap();
    }
    tx.commit().await.unwrap();
}

async fn written(db: &Db) -> Vec<Written> {
    let rows: Vec<Sample> = db.query(SAMPLES).all().await.unwrap();
    let payloads: Vec<(Vec<u8>,)> = db.query(PAYLOADS).all().await.unwrap();
    let both = rows.into_iter().zip(payloads);
    both.map(|((data, word, n, yes), (payload,))| (data.0, word, n, yes, payload)).collect()
}

fn events(read: &[Published]) -> Vec<(i64, Uuid)> {
    read.iter().map(|event| (event.pos, event.envelope.id.uuid())).collect()
}

#[tokio::test]
async fn events_keep_their_places_and_new_ones_follow() {
    let Some(Both { files, sqlite, schemas, postgres }) = Both::new().await else { return };
    let subject = Uuid::now_v7();
    let happens = |db: Db| async move {
        let mut tx = db.begin("test").await.unwrap();
        change(&mut tx, subject).await.unwrap();
        tx.commit().await.unwrap();
    };
    SCHEMA.migrate(&sqlite).await.unwrap();
    SCHEMA.occupy(&postgres, "here").await.unwrap();
    happens(sqlite.clone()).await;
    happens(sqlite.clone()).await;
    let told = events(&read_after(&sqlite, 0, 10).await.unwrap());
    carried(&files, &schemas).await.unwrap();
    lift(&postgres).await.unwrap();
    assert_eq!(events(&read_after(&postgres, 0, 10).await.unwrap()), told);
    assert_eq!(last(&postgres).await.unwrap(), 2);

    // A number is lost with each unit that fails; places have no holes.
    let mut fails = postgres.begin("test").await.unwrap();
    change(&mut fails, Uuid::now_v7()).await.unwrap();
    fails.prepare(Sql::new("nonsense")).await.unwrap_err();
    drop(fails);
    happens(postgres.clone()).await;
    assert_eq!(sequence(&postgres).await.unwrap(), 1);
    let third = events(&read_after(&postgres, 2, 10).await.unwrap());
    assert_eq!(third[0].0, 3);
    // Two that nobody has numbered when the shop moves.
    happens(postgres.clone()).await;
    happens(postgres.clone()).await;
    let files_again = Both::new().await.unwrap();
    SCHEMA.occupy(&files_again.sqlite, "there").await.unwrap();
    carried(&schemas, &files_again.files).await.unwrap();
    let back = files_again.sqlite;
    lift(&back).await.unwrap();
    let read = read_after(&back, 0, 10).await.unwrap();
    assert_eq!(events(&read)[..3], [told, third].concat());
    let versions: Vec<(i64, i64)> = read.iter().map(|it| (it.pos, it.envelope.version)).collect();
    assert_eq!(versions, [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5)]);
    happens(back.clone()).await;
    assert_eq!(last(&back).await.unwrap(), 6);
    assert_eq!(sequence(&postgres).await.unwrap(), 2, "the source was only read");
}

#[tokio::test]
async fn packs_move_as_they_are() {
    let Some(Both { files, sqlite, schemas, postgres }) = Both::new().await else { return };
    let subjects = [Uuid::now_v7(), Uuid::now_v7()];
    let pack = |db: Db| async move {
        let bus = Bus::new(vec![db.clone()], vec![], settings("one"));
        packed(&bus, &db).await
    };
    SCHEMA.migrate(&sqlite).await.unwrap();
    SCHEMA.occupy(&postgres, "here").await.unwrap();
    publish(&sqlite, &subjects, 1_001).await;
    let told = all(&sqlite).await;
    assert_eq!(pack(sqlite.clone()).await, 1);
    carried(&files, &schemas).await.unwrap();
    lift(&postgres).await.unwrap();
    assert_eq!(all(&postgres).await, told);
    publish(&postgres, &subjects, 1_000).await;
    let told = all(&postgres).await;
    assert_eq!((told.len(), pack(postgres.clone()).await), (2_001, 1));
    let Both { files, sqlite: back, .. } = Both::new().await.unwrap();
    SCHEMA.occupy(&back, "there").await.unwrap();
    carried(&schemas, &files).await.unwrap();
    lift(&back).await.unwrap();
    assert_eq!(all(&back).await, told);
    publish(&back, &subjects, 1).await;
    assert_eq!(last(&back).await.unwrap(), 2_002, "places go on");
}

#[tokio::test]
async fn a_row_that_is_changed_on_the_way_is_found() {
    let Some(Both { files, sqlite, schemas, postgres }) = Both::new().await else { return };
    SCHEMA.migrate(&postgres).await.unwrap();
    SCHEMA.occupy(&sqlite, "there").await.unwrap();
    let row =
        |n| (json!({"a": [1.5, null]}), Some("\\N\t".to_owned()), Some(n), true, vec![0, 255]);
    write(&postgres, &[row(1), row(2)]).await;
    for change in [
        "update sample set n = 3 where n = 2",
        "update sample set n = null where n = 2",
        "update sample set word = 'N' where n = 1",
        "update sample set data = '{\"a\":[1.5,0]}' where n = 1",
        "update sample set at = '2026-11-30T00:00:00.000000+00:00' where n = 1",
        "update unsealed set payload = x'00'",
        "delete from sample where n = 1",
        "insert into counter (id, n) values (x'00112233445566778899aabbccddeeff', 1)",
    ] {
        let mut from = schemas.look().await.unwrap();
        let mut to = files.fill().await.unwrap();
        let copied = copy(&mut from, &mut to, |_, _| ()).await.unwrap();
        let mut tx = sqlite.begin("test").await.unwrap();
        tx.query(Sql::new(change)).execute().await.unwrap();
        tx.commit().await.unwrap();
        let found = compare(&mut to, &copied).await;
        let why = found.expect_err(change).to_string();
        assert!(why.contains("was copied with"), "{change}: {why}");
    }
    // Spelled in another way it is the same.
    let mut from = schemas.look().await.unwrap();
    let mut to = files.fill().await.unwrap();
    let copied = copy(&mut from, &mut to, |_, _| ()).await.unwrap();
    let mut tx = sqlite.begin("test").await.unwrap();
    let spell =
        "update sample set data = '{ \"a\": [15e-1, null] }', at = replace(at, '+00:00', 'Z')";
    tx.query(Sql::new(spell)).execute().await.unwrap();
    tx.commit().await.unwrap();
    compare(&mut to, &copied).await.unwrap();
}

/// A database of a place that has one, with nobody else connected to it.
async fn open(place: &Place) -> platform::sql::Result<Db> {
    match place {
        Place::Sqlite(files) => {
            let at = Sqlite { file: files[0].clone(), readers: 1 };
            Db::sqlite("test", &at, Clock::system()).await
        }
        Place::Postgres { url, schemas } => {
            let (url, schema) = (url.clone(), schemas[0].clone());
            let at = Postgres { url, schema, role: None, connections: 1 };
            Db::postgres("test", &at, Clock::system()).await
        }
    }
}

async fn a_place_is_marked(place: Place) {
    let db = open(&place).await.unwrap();
    SCHEMA.occupy(&db, "there").await.unwrap();
    assert_eq!(standing(&db).await.unwrap(), Some(Standing::Unfinished("there".to_owned())));
    let why = SCHEMA.migrate(&db).await.unwrap_err().to_string();
    assert!(why.contains("a copy of there that is not whole"), "{why}");
    // Again, as after a kill.
    SCHEMA.occupy(&db, "there").await.unwrap();
    lift(&db).await.unwrap();
    SCHEMA.migrate(&db).await.unwrap();
    let why = SCHEMA.occupy(&db, "there").await.unwrap_err().to_string();
    assert!(why.contains("there is something in this database"), "{why}");
    db.close().await;

    place.hold().await.unwrap().leave("it's there").await.unwrap();
    let db = open(&place).await.unwrap();
    assert_eq!(standing(&db).await.unwrap(), Some(Standing::Left("it's there".to_owned())));
    let why = SCHEMA.migrate(&db).await.unwrap_err().to_string();
    assert!(why.contains("this shop has moved to it's there"), "{why}");
    assert!(platform::sql::applied(&db).await.is_err());
    lift(&db).await.unwrap();
    db.close().await;

    // Who holds it keeps others out, and leaves no trace when it is dropped.
    let held = place.hold().await.unwrap();
    let comes = async { SCHEMA.migrate(&open(&place).await?).await };
    let came = tokio::time::timeout(Duration::from_millis(300), comes).await;
    assert!(!matches!(came, Ok(Ok(_))), "{came:?}");
    drop(held);
    let db = open(&place).await.unwrap();
    assert_eq!(standing(&db).await.unwrap(), None);
    SCHEMA.migrate(&db).await.unwrap();
}

#[tokio::test]
async fn a_file_is_marked() {
    a_place_is_marked(Place::Sqlite(vec![folder().join("test.db")])).await;
}

#[tokio::test]
async fn a_schema_is_marked() {
    let Some(url) = platform::testing::copy("stoa_empty", |_| {}) else { return };
    a_place_is_marked(Place::Postgres { url: url.clone(), schemas: vec!["test".to_owned()] }).await;
    // Who is connected is in the way.
    let place = Place::Postgres { url: url.clone(), schemas: vec!["test".to_owned()] };
    let db = open(&place).await.unwrap();
    let why = place.hold().await.err().unwrap().to_string();
    assert!(why.contains("stop all nodes first"), "{why}");
    db.close().await;
    platform::testing::drop_copy(&url);
}

/// JSON as programs write it; PostgreSQL has no NUL in texts.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i32>().prop_map(|number| json!(f64::from(number) + 0.25)),
        "[^\\x00]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[^\\x00]{0,4}", inner, 0..4)
                .prop_map(|fields| json!(fields)),
        ]
    })
}

#[test]
fn whatever_is_written_comes_back() {
    let row = (
        any_json(),
        prop::option::of("[^\\x00]{0,8}"),
        prop::option::of(any::<i64>()),
        any::<bool>(),
        prop::collection::vec(any::<u8>(), 0..9),
    );
    let rows = prop::collection::vec(row, 0..40);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let Some(there) = runtime.block_on(Both::new()) else { return };
    let back = runtime.block_on(Both::new()).unwrap();
    runtime.block_on(async {
        SCHEMA.migrate(&there.sqlite).await.unwrap();
        SCHEMA.occupy(&there.postgres, "files").await.unwrap();
        SCHEMA.occupy(&back.sqlite, "schemas").await.unwrap();
    });
    let config =
        ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(rows in rows)| {
        runtime.block_on(async {
            write(&there.sqlite, &rows).await;
            let expected = written(&there.sqlite).await;
            let carried_there = carried(&there.files, &there.schemas).await.unwrap();
            let carried_back = carried(&there.schemas, &back.files).await.unwrap();
            assert_eq!(carried_there, carried_back);
            assert_eq!(written(&there.postgres).await, expected);
            assert_eq!(written(&back.sqlite).await, expected);
        });
    });
}
