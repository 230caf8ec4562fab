use kernel::{Clock, Event};
use platform::outbox::{last, read_after, sequence};
use platform::sql::{Db, Engine, Sql, Tx};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

platform::on_both_engines!(crate::SCHEMA =>
    an_event_comes_back_as_it_was_told,
    an_aborted_unit_tells_nothing_and_leaves_no_gap,
);

/// What the tests publish.
#[derive(Debug, Serialize, Deserialize)]
pub struct Happened {
    pub subject: Uuid,
    pub note: String,
}

impl Event for Happened {
    const TYPE: &'static str = "test.happened";
    const SOURCE: &'static str = "stoa.order";

    fn subject(&self) -> Uuid {
        self.subject
    }
}

/// Changes an aggregate and tells of it: the version is taken under the lock of its row.
pub async fn change(tx: &mut Tx, subject: Uuid) -> platform::sql::Result<i64> {
    let add = Sql::new(
        "insert into counter (id, n) values ($1, 1)
         on conflict (id) do update set n = counter.n + 1 returning n",
    );
    let (version,): (i64,) = tx.query(add).bind(subject).one().await?;
    tx.emit(&Happened { subject, note: "ü 'x'".to_owned() }, version)?;
    Ok(version)
}

async fn an_event_comes_back_as_it_was_told(db: Db) {
    let subjects: Vec<Uuid> = (0..3).map(|_| Uuid::now_v7()).collect();
    let mut tx = db.begin("test").await.unwrap();
    let now = tx.now();
    for subject in &subjects {
        change(&mut tx, *subject).await.unwrap();
    }
    platform::trace::within("request-1".to_owned(), async {
        tx.emit(&Happened { subject: Uuid::now_v7(), note: String::new() }, 1).unwrap();
    })
    .await;
    tx.commit().await.unwrap();
    sequence(&db).await.unwrap();
    let read = read_after(&db, 0, 10).await.unwrap();
    assert_eq!(read.iter().map(|event| event.pos).collect::<Vec<_>>(), [1, 2, 3, 4]);
    for (event, subject) in read.iter().zip(&subjects) {
        assert_eq!((event.envelope.subject, event.envelope.version), (*subject, 1));
        assert_eq!((event.envelope.time, event.envelope.source.as_str()), (now, "stoa.order"));
        let happened = event.envelope.open::<Happened>().unwrap().unwrap();
        assert_eq!((happened.subject, happened.note.as_str()), (*subject, "ü 'x'"));
    }
    assert_eq!(read[3].envelope.trace, "request-1");
    assert_eq!(last(&db).await.unwrap(), 4);
    assert_eq!(read_after(&db, 1, 2).await.unwrap().len(), 2);
}

async fn an_aborted_unit_tells_nothing_and_leaves_no_gap(db: Db) {
    let subject = Uuid::now_v7();
    for round in 0..6 {
        let mut tx = db.begin("test").await.unwrap();
        change(&mut tx, subject).await.unwrap();
        match round % 3 {
            0 => tx.commit().await.unwrap(),
            1 => drop(tx),
            _ => {
                // The second event of a version is refused with the commit that would write it.
                tx.emit(&Happened { subject, note: String::new() }, 1).unwrap();
                tx.commit().await.unwrap_err();
            }
        }
    }
    sequence(&db).await.unwrap();
    let read = read_after(&db, 0, 10).await.unwrap();
    let seen: Vec<_> = read.iter().map(|event| (event.pos, event.envelope.version)).collect();
    assert_eq!(seen, [(1, 1), (2, 2)]);
}

/// Sequence numbers are not in the order of commits: a place is given only to what is committed.
#[tokio::test]
async fn an_open_unit_is_neither_skipped_nor_waited_for() {
    let clock = Clock::system();
    let Some(db) = platform::testing::database(Engine::Postgres, &crate::SCHEMA, clock).await
    else {
        return;
    };
    let mut open = db.begin("test").await.unwrap();
    let early = Uuid::now_v7();
    let insert = Sql::split(
        "",
        "insert into outbox (id, kind, source, subject, version, trace, time, data)
         values ($1, 'test.happened', 'stoa.order', $1, 1, '', $2, '{}')",
    );
    let now = open.now();
    open.query(insert).bind(early).bind(now).execute().await.unwrap();
    for _ in 0..3 {
        let mut tx = db.begin("test").await.unwrap();
        change(&mut tx, Uuid::now_v7()).await.unwrap();
        tx.commit().await.unwrap();
    }
    assert_eq!(sequence(&db).await.unwrap(), 3);
    assert_eq!(read_after(&db, 0, 10).await.unwrap().len(), 3);
    open.commit().await.unwrap();
    let nodes = (0..8).map(|_| sequence(&db));
    let numbered: usize = futures_util::future::join_all(nodes)
        .await
        .into_iter()
        .map(std::result::Result::unwrap)
        .sum();
    assert_eq!(numbered, 1);
    let read = read_after(&db, 3, 10).await.unwrap();
    assert_eq!((read[0].pos, read[0].envelope.subject), (4, early));
}
