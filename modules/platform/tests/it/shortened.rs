//! The histories of sagas that ended long ago.

use chrono::TimeDelta;
use kernel::Timestamp;
use platform::saga::{history, shorten};
use platform::sql::{Db, Sql};
use uuid::Uuid;

platform::on_both_engines!(crate::SCHEMA => what_ended_long_ago_keeps_what_did_not_go_as_planned);

const SAGA: Sql = Sql::new(
    "insert into saga (id, kind, subject, trace, state, phase, step, epoch, due_at, deadline,
                       started_at, ended_at)
     values ($1, 'checkout.v1', $2, '', '{}', $3, 0, 1, $4, $4, $4, $5)",
);
const TURN: Sql = Sql::new(
    "insert into saga_history (saga_id, n, step, phase, outcome, at) values ($1, $2, $3, $4, $5, $6)",
);

type Turns<'a> = &'a [(&'a str, &'a str, &'a str)];

const WELL: Turns<'_> = &[
    ("reserve_stock", "forward", "done"),
    ("authorize_payment", "forward", "unknown"),
    ("authorize_payment", "forward", "done"),
    ("confirm", "forward", "done"),
];
const REFUSED: Turns<'_> = &[
    ("reserve_stock", "forward", "done"),
    ("authorize_payment", "forward", "refused"),
    ("reserve_stock", "undoing", "undone"),
];

/// A saga that began at a time, and what it is about.
async fn saga(db: &Db, phase: &str, at: Timestamp, turns: Turns<'_>) -> Uuid {
    let (millis, subject) = (u128::try_from(at.timestamp_millis()).unwrap(), Uuid::now_v7());
    let id = Uuid::from_u128((millis << 80) | (subject.as_u128() & u128::from(u64::MAX)));
    let ended = ["done", "undone"].contains(&phase).then_some(at);
    let mut tx = db.begin("test").await.unwrap();
    let row = tx.query(SAGA).bind(id).bind(subject).bind(phase).bind(at).bind(ended);
    row.execute().await.unwrap();
    for ((step, phase, outcome), n) in turns.iter().zip(1_i64..) {
        let row = tx.query(TURN).bind(id).bind(n).bind(*step).bind(*phase).bind(*outcome).bind(at);
        row.execute().await.unwrap();
    }
    tx.commit().await.unwrap();
    subject
}

async fn told(db: &Db, subject: Uuid) -> Vec<(String, String)> {
    let steps = history(db, subject).await.unwrap();
    steps.into_iter().map(|step| (step.step, step.outcome)).collect()
}

fn words(turns: Turns<'_>) -> Vec<(String, String)> {
    turns.iter().map(|(step, _, outcome)| ((*step).to_owned(), (*outcome).to_owned())).collect()
}

async fn what_ended_long_ago_keeps_what_did_not_go_as_planned(db: Db) {
    let before = db.clock().now() - TimeDelta::days(30);
    let (old, young) = (before - TimeDelta::days(1), before + TimeDelta::days(1));
    let mut many = Vec::new();
    for _ in 0..600 {
        many.push(saga(&db, "done", old, WELL).await);
    }
    let refused = saga(&db, "undone", old, REFUSED).await;
    let open = saga(&db, "forward", old, WELL).await;
    let later = saga(&db, "done", young, WELL).await;
    let mut rounds = 0;
    while shorten(&db, before).await.unwrap() {
        rounds += 1;
    }
    assert_eq!(rounds, 2, "so many that one commit does not look at all");
    for subject in many {
        assert_eq!(told(&db, subject).await, words(&[WELL[1], WELL[3]]));
    }
    assert_eq!(told(&db, refused).await, words(&REFUSED[1..]));
    assert_eq!(told(&db, open).await, words(WELL), "it is under way");
    assert_eq!(told(&db, later).await, words(WELL), "it is young");
    while shorten(&db, young + TimeDelta::days(1)).await.unwrap() {}
    assert_eq!(told(&db, later).await, words(&[WELL[1], WELL[3]]));
}
