//! What was published long ago takes little room, and whoever reads does not notice.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use chrono::TimeDelta;
use futures_util::future::try_join_all;
use kernel::Timestamp;
use platform::audit::Actor;
use platform::bus::{self, Bus, Settings, Subscription, dead_letters, replay};
use platform::outbox::{Published, of_subject, read_after, sequence};
use platform::sql::{Db, Engine, Sql};
use uuid::Uuid;

use crate::bus::{HEARD, Poison, heard, settings};
use crate::number;
use crate::outbox::change;

platform::on_both_engines!(crate::SCHEMA =>
    packed_events_are_read_as_rows_are,
    nobody_who_reads_or_writes_meanwhile_notices,
    what_is_young_or_not_handled_or_parked_is_left,
    a_replay_over_packs_builds_the_same,
    a_damaged_pack_is_found,
    a_pack_whose_rows_do_not_end_is_not_made,
);

const ROWS: &str = "select count(*) from outbox";
const PACKS: &str = "select count(*) from outbox_pack";

/// Publishes events of several subjects, fifty in a commit.
pub async fn publish(db: &Db, subjects: &[Uuid], events: usize) {
    let mut left = events;
    while left > 0 {
        let some = left.min(50);
        let mut tx = db.begin("test").await.unwrap();
        for n in 0..some {
            change(&mut tx, subjects[n % subjects.len()]).await.unwrap();
        }
        tx.commit().await.unwrap();
        left -= some;
    }
}

fn ids(subjects: usize) -> Vec<Uuid> {
    let mut ids: Vec<Uuid> = (0..subjects).map(|_| Uuid::now_v7()).collect();
    // Writers who take them in one order do not wait for each other in a circle.
    ids.sort_unstable();
    ids
}

/// When all that is there is old.
fn tomorrow(db: &Db) -> Timestamp {
    db.clock().now() + TimeDelta::days(1)
}

/// Packs what can be packed; how many packs that makes.
pub async fn packed(bus: &Bus, db: &Db) -> usize {
    let mut packs = 0;
    while bus.pack(db, tomorrow(db)).await.unwrap() {
        packs += 1;
    }
    packs
}

pub async fn all(db: &Db) -> Vec<Published> {
    while sequence(db).await.unwrap() > 0 {}
    read_after(db, 0, 100_000).await.unwrap()
}

fn silent(db: &Db) -> Bus {
    Bus::new(vec![db.clone()], vec![], settings("one"))
}

fn heard_by(db: &Db, subscription: Subscription) -> Bus {
    let settings = Settings { batch: 250, ..settings("one") };
    Bus::new(vec![db.clone()], vec![subscription], settings)
}

/// What is broken of the outbox.
async fn broken(db: &Db) -> Vec<String> {
    let checks = bus::verify(&silent(db), std::time::Duration::ZERO).await.unwrap();
    checks.into_iter().flat_map(|check| check.broken).collect()
}

async fn packed_events_are_read_as_rows_are(db: Db) {
    let subjects = ids(40);
    publish(&db, &subjects, 2_310).await;
    let told = all(&db).await;
    assert_eq!(told.len(), 2_310);
    assert_eq!(packed(&silent(&db), &db).await, 2);
    assert_eq!((number(&db, ROWS).await, number(&db, PACKS).await), (310, 2));
    assert_eq!(all(&db).await, told);
    for after in [0, 1, 998, 999, 1_000, 1_001, 1_999, 2_000, 2_001, 2_309, 2_310, 2_311] {
        for limit in [0, 1, 2, 999, 1_000, 1_001, 1_500, 3_000] {
            let read = read_after(&db, after, limit).await.unwrap();
            let (after, limit) = (usize::try_from(after).unwrap(), usize::try_from(limit).unwrap());
            let wanted: Vec<_> = told.iter().skip(after).take(limit).cloned().collect();
            assert_eq!(read, wanted, "{limit} after {after}");
        }
    }
    for subject in subjects.iter().chain([&Uuid::nil()]) {
        let of = told.iter().map(|event| &event.envelope).filter(|event| event.subject == *subject);
        let found = of_subject(&db, *subject).await.unwrap();
        assert!(found.iter().eq(of), "{subject}: {found:?}");
    }
    assert_eq!(broken(&db).await, Vec::<String>::new());
}

/// Nodes that pack at once, beside some who write and some who read from the first event on again and again.
async fn nobody_who_reads_or_writes_meanwhile_notices(db: Db) {
    let subjects = ids(7);
    publish(&db, &subjects, 1_500).await;
    let written = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..4)
        .map(|_| {
            let (db, subjects) = (db.clone(), subjects.clone());
            tokio::spawn(async move { publish(&db, &subjects, 1_000).await })
        })
        .collect();
    let readers = (0..2).map(|_| tokio::spawn(reads(db.clone(), written.clone())));
    let packers = (0..3).map(|_| tokio::spawn(packs(db.clone(), written.clone())));
    let others: Vec<_> = readers.chain(packers).collect();
    try_join_all(writers).await.unwrap();
    written.store(true, Relaxed);
    try_join_all(others).await.unwrap();
    assert_eq!(all(&db).await.len(), 5_500);
    packed(&silent(&db), &db).await;
    assert_eq!((number(&db, ROWS).await, number(&db, PACKS).await), (500, 5));
    assert_eq!(broken(&db).await, Vec::<String>::new());
}

async fn reads(db: Db, written: Arc<AtomicBool>) {
    loop {
        let is_last = written.load(Relaxed);
        sequence(&db).await.unwrap();
        let mut pos = 0;
        loop {
            let read = read_after(&db, pos, 333).await.unwrap();
            for event in &read {
                assert_eq!(event.pos, pos + 1);
                pos = event.pos;
            }
            if read.is_empty() {
                break;
            }
        }
        assert!(pos >= 1_000, "{pos}");
        if is_last {
            return;
        }
    }
}

async fn packs(db: Db, written: Arc<AtomicBool>) {
    while !written.load(Relaxed) {
        sequence(&db).await.unwrap();
        packed(&silent(&db), &db).await;
        tokio::task::yield_now().await;
    }
}

async fn what_is_young_or_not_handled_or_parked_is_left(db: Db) {
    let subjects = ids(3);
    publish(&db, &subjects, 3_000).await;
    let poison = Poison::default();
    // The 2,000th event is refused for good.
    let (refused, version) = {
        let told = all(&db).await;
        let event = &told[1_999].envelope;
        (event.subject, event.version)
    };
    poison.lock().unwrap().insert((refused, version));
    let subscription = heard(&db, "heard", &poison);
    let bus = heard_by(&db, subscription);
    bus.register().await.unwrap();
    assert!(!bus.pack(&db, tomorrow(&db)).await.unwrap(), "nobody has handled them");
    bus.drain().await.unwrap();
    assert!(!dead_letters(&db, None, 1).await.unwrap().is_empty());
    let before = db.clock().now() - TimeDelta::days(1);
    assert!(!bus.pack(&db, before).await.unwrap(), "they are young");
    assert_eq!(packed(&bus, &db).await, 1);
    assert_eq!(number(&db, ROWS).await, 2_000);
    poison.lock().unwrap().clear();
    crate::until("it is handled", || async {
        bus::redrive(&db, "heard", None, &Actor::OPERATOR).await.unwrap();
        bus.drain().await.unwrap();
        dead_letters(&db, None, 1).await.unwrap().is_empty()
    })
    .await;
    // The newest of all is a row for ever.
    assert_eq!(packed(&bus, &db).await, 1);
    assert_eq!(number(&db, ROWS).await, 1_000);
}

async fn a_replay_over_packs_builds_the_same(db: Db) {
    publish(&db, &ids(20), 1_200).await;
    let subscription = heard(&db, "heard", &Poison::default());
    let bus = heard_by(&db, subscription.clone());
    bus.register().await.unwrap();
    bus.drain().await.unwrap();
    let read = Sql::new("select subject, version from heard order by subject, version");
    let built: Vec<(Uuid, i64)> = db.query(read).all().await.unwrap();
    assert_eq!(built.len(), 1_200);
    assert_eq!(packed(&bus, &db).await, 1);
    replay(&subscription, &Actor::OPERATOR).await.unwrap();
    assert_eq!(number(&db, HEARD).await, 0);
    bus.drain().await.unwrap();
    assert_eq!(db.query(read).all::<(Uuid, i64)>().await.unwrap(), built);
}

async fn a_damaged_pack_is_found(db: Db) {
    let subjects = ids(5);
    publish(&db, &subjects, 2_001).await;
    assert_eq!(all(&db).await.len(), 2_001);
    assert_eq!(packed(&silent(&db), &db).await, 2);
    let body = Sql::new("select body, digest from outbox_pack where first_pos = 1");
    let (whole, digest): (Vec<u8>, Vec<u8>) = db.query(body).one().await.unwrap();
    let set = Sql::new("update outbox_pack set body = $1, digest = $2 where first_pos = 1");
    let write = |body: Vec<u8>, digest: Vec<u8>| {
        let db = db.clone();
        async move {
            let mut tx = db.begin("test").await.unwrap();
            tx.query(set).bind(body).bind(digest).execute().await.unwrap();
            tx.commit().await.unwrap();
        }
    };
    let mut changed = whole.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    write(changed, digest.clone()).await;
    assert!(broken(&db).await.join("\n").contains("their pack was changed"));
    read_after(&db, 0, 10).await.unwrap_err();
    of_subject(&db, subjects[0]).await.unwrap_err();
    assert_eq!(read_after(&db, 1_000, 10).await.unwrap().len(), 10, "others are read");
    // What belongs to other places.
    let body = Sql::new("select body, digest from outbox_pack where first_pos = 1001");
    let (other, of_other): (Vec<u8>, Vec<u8>) = db.query(body).one().await.unwrap();
    write(other, of_other).await;
    assert!(broken(&db).await.join("\n").contains("not found by their subjects"));
    write(whole, digest).await;
    assert_eq!(broken(&db).await, Vec::<String>::new());

    let gone = [
        ("delete from packed_subject where pack = 1001", ["not found by their subjects"; 2]),
        (
            "delete from outbox_pack where first_pos = 1001",
            ["1000 packed of 2001", "no row behind 1000 packed"],
        ),
    ];
    for (wound, words) in gone {
        let mut tx = db.begin("test").await.unwrap();
        assert!(tx.query(Sql::new(wound)).execute().await.unwrap() > 0, "{wound}");
        tx.commit().await.unwrap();
        let broken = broken(&db).await.join("\n");
        assert!(words.iter().all(|words| broken.contains(words)), "{wound}: {broken}");
    }
    // Also for whoever reads: nothing takes the place of what is lost.
    let read = read_after(&db, 990, 20).await.unwrap();
    assert_eq!(read.iter().map(|event| event.pos).max(), Some(2_001));
    assert_eq!(read.len(), 11);
}

async fn a_pack_whose_rows_do_not_end_is_not_made(db: Db) {
    publish(&db, &ids(5), 1_100).await;
    let told = all(&db).await;
    let stays = Sql::split(
        "create trigger stays before delete on outbox when old.seq = 500
         begin select raise(ignore); end",
        "create rule stays as on delete to outbox where old.pos = 500 do instead nothing",
    );
    let mut tx = db.begin("test").await.unwrap();
    tx.query(stays).execute().await.unwrap();
    tx.commit().await.unwrap();
    let error = silent(&db).pack(&db, tomorrow(&db)).await.unwrap_err().to_string();
    assert!(error.contains("999 of them"), "{error}");
    assert_eq!((number(&db, ROWS).await, number(&db, PACKS).await), (1_100, 0));
    assert_eq!(all(&db).await, told);
}

/// Whoever was slower changes nothing, also if its rows are not there any more.
#[tokio::test]
async fn a_row_that_is_gone_is_not_packed() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let clock = kernel::Clock::system();
        let Some(db) = platform::testing::database(engine, &crate::SCHEMA, clock).await else {
            continue;
        };
        publish(&db, &ids(5), 1_100).await;
        assert_eq!(all(&db).await.len(), 1_100);
        let lose =
            Sql::split("delete from outbox where seq = 500", "delete from outbox where pos = 500");
        let mut tx = db.begin("test").await.unwrap();
        tx.query(lose).execute().await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(packed(&silent(&db), &db).await, 0);
        assert_eq!(number(&db, ROWS).await, 1_099);
        assert_eq!(broken(&db).await.len(), 1 + 1, "the gap, and the version of its subject");
    }
}
