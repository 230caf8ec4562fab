//! The sequencer dies at each of its steps, and another one goes on.

use platform::sql::Db;

use super::Place;
use crate::sequencer::Waiting;
use crate::{LogError, Notary, store};

platform::on_both_engines!(crate::SCHEMA =>
    a_death_at_any_step_loses_nothing,
    a_death_at_any_file_loses_nothing,
    whoever_wakes_up_late_signs_nothing,
);

/// More than a bundle, so that full tiles are among the files.
const BEFORE: usize = 250;
const AFTER: usize = 20;

/// What a round does until it dies.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Step {
    Read,
    Assigned,
    Published,
    HalfForgotten,
    Forgotten,
}

async fn until(notary: &Notary, step: Step) {
    let waiting = notary.waiting().await.unwrap();
    if step >= Step::Assigned {
        let head = notary.assign(&waiting).await.unwrap().unwrap();
        if step >= Step::Published {
            notary.publish(head).await.unwrap();
        }
    }
    let some: &[Waiting] = match step {
        Step::HalfForgotten => &waiting[..waiting.len() / 2],
        Step::Forgotten => &waiting,
        _ => &[],
    };
    Notary::forget_sealed(some).await.unwrap();
}

async fn a_death_at_any_step_loses_nothing(db: Db) {
    let place = Place::over(db).await;
    place.write(BEFORE).await;
    let mut written = BEFORE as u64;
    let mut head = place.sealed().await;
    let steps = [Step::Read, Step::Assigned, Step::Published, Step::HalfForgotten, Step::Forgotten];
    for step in steps {
        place.write(2).await;
        place.notary.forget(uuid::Uuid::now_v7(), &platform::audit::Actor::SYSTEM).await.unwrap();
        written += 2;
        until(&place.node("dies"), step).await;
        let next = place.sealed().await;
        assert!(next.checkpoint.size > head.checkpoint.size, "the log never shrinks");
        place.assert_whole(written).await;
        head = next;
    }
}

async fn a_death_at_any_file_loses_nothing(db: Db) {
    let place = Place::over(db).await;
    place.write(BEFORE).await;
    let head = place.sealed().await;
    place.write(AFTER).await;
    until(&place.notary, Step::Assigned).await;
    let size = head.checkpoint.size;
    let leaves = store::leaves(place.notary.db(), size, 1_000).await.unwrap();
    let extension = place.notary.log().extend(&head, leaves).unwrap();
    assert!(extension.files.len() > 4, "bundles and tiles, full and partial");
    for file in &extension.files {
        // One file after the other is there, and the checkpoint knows none of them.
        place.notary.log().write(file).unwrap();
        assert_eq!(place.head().await, head);
    }
    place.sealed().await;
    place.assert_whole((BEFORE + AFTER) as u64).await;
}

async fn whoever_wakes_up_late_signs_nothing(db: Db) {
    let place = Place::over(db).await;
    place.write(5).await;
    let head = place.sealed().await;
    let late = place.node("late");
    place.write(5).await;
    until(&late, Step::Assigned).await;
    let size = head.checkpoint.size;
    let leaves = store::leaves(place.notary.db(), size, 100).await.unwrap();
    place.write(5).await;
    let next = place.sealed().await;
    let refused = late.log().append(&head, leaves);
    assert!(matches!(refused, Err(LogError::Overtaken)), "{refused:?}");
    assert_eq!(place.head().await, next);
    place.assert_whole(15).await;
}
