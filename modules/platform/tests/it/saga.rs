use platform::audit::Actor;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use platform::saga::{compensate, history, list, nudge, overdue, retry};
use platform::sql::{Db, Engine, Sql};
use uuid::Uuid;

use crate::errand::{Errand, Fault, World, node, patient};

platform::on_both_engines!(crate::SCHEMA =>
    every_fault_at_every_step_ends_with_clean_books,
    an_undo_that_keeps_failing_is_stuck_until_someone_helps,
    a_node_that_lost_its_lease_records_nothing,
    the_deadline_ends_waiting,
    a_nudge_that_comes_too_early_is_not_lost,
    staff_can_give_a_saga_up,
    giving_up_does_not_overtake_the_step_at_work,
    a_saga_of_a_dropped_unit_never_runs,
    a_restart_takes_up_what_was_left,
);

/// `(phase, sum)`: the sum is 1 when it succeeded, -1 when it was undone, once.
async fn outcome(db: &Db, subject: Uuid) -> (String, i64) {
    let sql = Sql::new(
        "select s.phase, coalesce(t.sum, 0) from saga s left join total t on t.subject = s.subject
          where s.subject = $1",
    );
    db.query(sql).bind(subject).one().await.unwrap()
}

async fn ends(db: &Db, subject: Uuid, phase: &str) {
    crate::until(&format!("the saga is {phase}"), || async {
        outcome(db, subject).await.0 == phase
    })
    .await;
}

const LONG: TimeDelta = TimeDelta::hours(1);

/// T8: every step with every fault.
async fn every_fault_at_every_step_ends_with_clean_books(db: Db) {
    use Fault::{
        Crash, HangForGood, HangOnce, PanicOnce, Reject, UndoFailsOnce, UnknownForGood,
        UnknownOnce, Wait,
    };
    let faults = [
        Reject,
        UnknownOnce,
        UnknownForGood,
        HangOnce,
        HangForGood,
        PanicOnce,
        Wait,
        Crash,
        UndoFailsOnce,
    ];
    for (fault, step) in faults.into_iter().flat_map(|fault| (0..4).map(move |step| (fault, step)))
    {
        let world = World::with(step, fault);
        if fault == UndoFailsOnce {
            // The step after it is refused, so that it is undone.
            world.fault.lock().unwrap().insert(step + 1, Reject);
        }
        let one = node(&db, "one", &world);
        one.coordinator.run().await.unwrap();
        let id = one.start(&db, LONG).await;
        // On SQLite a node that starts is alone: the other one has gone by then.
        let two = node(&db, "two", &world);
        if fault == Crash {
            crate::until("the step hangs", || async { world.hangs() == 1 }).await;
            one.tasks.stop(Duration::ZERO).await;
            two.coordinator.run().await.unwrap();
        } else if fault == Wait {
            crate::until("it waits", || async {
                list(&db, 1).await.unwrap().first().is_some_and(|saga| saga.owner.is_none())
            })
            .await;
            world.heal();
            let mut tx = db.begin("test").await.unwrap();
            assert_eq!(nudge(&mut tx, &[id]).await.unwrap(), 1);
            tx.commit().await.unwrap();
        }
        let undone = matches!(fault, Reject | UnknownForGood | HangForGood)
            || fault == UndoFailsOnce && step < 3;
        let (phase, sum, left) = if undone { ("undone", -1, 0) } else { ("done", 1, 4) };
        ends(&db, id, phase).await;
        assert_eq!(outcome(&db, id).await.1, sum, "{fault:?} at {step}");
        assert_eq!(world.held(), left, "{fault:?} at {step}: {:?}", world.held);
        assert!(!history(&db, id).await.unwrap().is_empty());
        one.stop().await;
        two.stop().await;
    }
    assert!(overdue(&db, db.clock().now()).await.unwrap().holds());
    assert!(list(&db, 10).await.unwrap().is_empty());
}

async fn an_undo_that_keeps_failing_is_stuck_until_someone_helps(db: Db) {
    let world = World::with(1, Fault::UndoFailsForGood);
    world.fault.lock().unwrap().insert(3, Fault::Reject);
    let one = node(&db, "one", &world);
    one.coordinator.run().await.unwrap();
    let id = one.start(&db, LONG).await;
    ends(&db, id, "stuck").await;
    let stuck = list(&db, 10).await.unwrap();
    assert_eq!((stuck[0].phase.as_str(), stuck[0].step), ("stuck", 1));
    assert_eq!(stuck[0].last_error.as_deref(), Some("down"));
    assert!(!overdue(&db, db.clock().now()).await.unwrap().holds());
    assert_eq!(world.held(), 2);
    world.heal();
    assert!(retry(&db, stuck[0].id, &Actor::OPERATOR).await.unwrap());
    ends(&db, id, "undone").await;
    assert_eq!((world.held(), outcome(&db, id).await.1), (0, -1));
    assert!(!retry(&db, stuck[0].id, &Actor::OPERATOR).await.unwrap(), "it has ended");
    let steps = history(&db, id).await.unwrap();
    let words: Vec<_> = steps.iter().map(|s| (s.step.as_str(), s.outcome.as_str())).collect();
    assert_eq!(
        words,
        [
            ("zero", "done"),
            ("one", "done"),
            ("two", "done"),
            ("three", "refused"),
            ("two", "undone"),
            ("one", "failed"),
            ("one", "failed"),
            ("one", "failed"),
            ("one", "undone"),
            ("zero", "undone"),
        ]
    );
    one.stop().await;
}

/// The first node is held up inside a step while its lease is taken away.
async fn a_node_that_lost_its_lease_records_nothing(db: Db) {
    let world = World::with(1, Fault::HangOnce);
    let zombie = patient(&db, "zombie", &world);
    let id = zombie.start(&db, LONG).await;
    crate::until("the step hangs", || async { world.hangs() == 1 }).await;
    let mut tx = db.begin("test").await.unwrap();
    let now = tx.now();
    tx.query(Sql::new("update saga set due_at = $1 where subject = $2"))
        .bind(now)
        .bind(id)
        .execute()
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let other = node(&db, "other", &world);
    other.coordinator.run().await.unwrap();
    ends(&db, id, "done").await;
    // The zombie's step ends now, and its record is refused.
    world.go_on.notify_one();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(outcome(&db, id).await, ("done".to_owned(), 1));
    let steps = history(&db, id).await.unwrap();
    assert!(steps.iter().all(|step| step.outcome == "done"), "{steps:?}");
    assert_eq!((steps.len(), world.held()), (4, 4));
    zombie.stop().await;
    other.stop().await;
}

async fn the_deadline_ends_waiting(db: Db) {
    let world = World::with(2, Fault::Wait);
    let one = node(&db, "one", &world);
    one.coordinator.run().await.unwrap();
    let id = one.start(&db, TimeDelta::milliseconds(300)).await;
    ends(&db, id, "undone").await;
    assert_eq!((world.held(), outcome(&db, id).await.1), (0, -1));
    one.stop().await;
}

/// The event arrives after the step has looked and before its waiting is recorded.
async fn a_nudge_that_comes_too_early_is_not_lost(db: Db) {
    let world = World::with(0, Fault::WaitSlowly);
    let one = node(&db, "one", &world);
    one.coordinator.run().await.unwrap();
    let id = one.start(&db, LONG).await;
    crate::until("the step has looked", || async { world.hangs() >= 1 }).await;
    world.heal();
    let mut tx = db.begin("test").await.unwrap();
    assert_eq!(nudge(&mut tx, &[id]).await.unwrap(), 1);
    tx.commit().await.unwrap();
    ends(&db, id, "done").await;
    assert_eq!((world.held(), outcome(&db, id).await.1), (4, 1));
    one.stop().await;
}

async fn staff_can_give_a_saga_up(db: Db) {
    let world = World::with(2, Fault::Wait);
    let one = node(&db, "one", &world);
    one.coordinator.run().await.unwrap();
    let id = one.start(&db, LONG).await;
    crate::until("it waits", || async {
        list(&db, 1)
            .await
            .unwrap()
            .first()
            .is_some_and(|saga| saga.step == 2 && saga.owner.is_none())
    })
    .await;
    let saga = list(&db, 1).await.unwrap()[0].id;
    assert!(compensate(&db, saga, &Actor::OPERATOR).await.unwrap());
    ends(&db, id, "undone").await;
    assert_eq!((world.held(), outcome(&db, id).await.1), (0, -1));
    assert!(!compensate(&db, saga, &Actor::OPERATOR).await.unwrap());
    one.stop().await;
}

async fn giving_up_does_not_overtake_the_step_at_work(db: Db) {
    let world = World::with(1, Fault::HangOnce);
    let one = patient(&db, "one", &world);
    one.coordinator.run().await.unwrap();
    let id = one.start(&db, LONG).await;
    crate::until("the step is at work", || async { world.hangs() == 1 }).await;
    let saga = list(&db, 1).await.unwrap().remove(0);
    assert!(compensate(&db, saga.id, &Actor::OPERATOR).await.unwrap());
    let after = list(&db, 1).await.unwrap().remove(0);
    assert_eq!((after.phase.as_str(), after.due_at), ("undoing", saga.due_at));
    world.go_on.notify_one();
    ends(&db, id, "undone").await;
    assert_eq!((world.held(), outcome(&db, id).await.1), (0, -1));
    one.stop().await;
}

async fn a_saga_of_a_dropped_unit_never_runs(db: Db) {
    let world = Arc::new(World::default());
    let one = node(&db, "one", &world);
    one.coordinator.run().await.unwrap();
    let mut tx = db.begin("test").await.unwrap();
    let id = Uuid::now_v7();
    let saga = Errand { id, done: Vec::new() };
    let deadline = tx.now() + LONG;
    let running = one.coordinator.start(&mut tx, id, &saga, deadline).await.unwrap();
    drop(tx);
    assert!(!running.settled(Duration::from_secs(5)).await);
    one.start(&db, LONG).await;
    crate::until("the other one is done", || async { world.held() == 4 }).await;
    assert!(world.held.lock().unwrap().iter().all(|(saga, _)| *saga != id));
    one.stop().await;
}

/// On SQLite nobody else can be at work, so a restart waits for no lease.
async fn a_restart_takes_up_what_was_left(db: Db) {
    let world = World::with(2, Fault::Crash);
    let before = patient(&db, "one", &world);
    let id = before.start(&db, LONG).await;
    crate::until("the step hangs", || async { world.hangs() == 1 }).await;
    before.stop().await;
    let mut tx = db.begin("test").await.unwrap();
    // On PostgreSQL the lease has to end first.
    let sql = match db.engine() {
        Engine::Sqlite => Sql::new("update saga set due_at = deadline"),
        Engine::Postgres => Sql::new("update saga set due_at = started_at"),
    };
    tx.query(sql).execute().await.unwrap();
    tx.commit().await.unwrap();
    let after = node(&db, "one", &world);
    after.coordinator.run().await.unwrap();
    ends(&db, id, "done").await;
    assert_eq!((world.held(), outcome(&db, id).await.1), (4, 1));
    after.stop().await;
}
