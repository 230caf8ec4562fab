use std::collections::HashSet;

use kernel::id::CustomerId;
use platform::audit::{self, Actor, Entry, SOURCE, Sought};
use platform::seal::Note;
use platform::sql::{Db, Sql};
use serde_json::json;
use uuid::Uuid;

use super::Place;
use crate::{Seal, store};

platform::on_both_engines!(crate::SCHEMA =>
    what_is_written_down_is_sealed_once,
    what_was_rolled_back_is_not_sealed,
    what_engines_write_anew_is_still_the_same,
    a_change_is_found_and_a_subject_can_be_forgotten,
    many_nodes_seal_while_others_write,
    a_place_is_never_given_away,
);

async fn what_is_written_down_is_sealed_once(db: Db) {
    let place = Place::over(db).await;
    assert!(place.notary.head().await.unwrap().is_none());
    assert_eq!(place.sealed().await.checkpoint.size, 0);
    place.write(3).await;
    let first = place.sealed().await;
    place.assert_whole(3).await;
    place.write(300).await;
    let second = place.sealed().await;
    place.assert_whole(303).await;
    let log = place.notary.log();
    let proof = log.consistency(first.checkpoint.size, second.checkpoint.size).unwrap();
    let of = |head: &crate::Head| (head.checkpoint.size, head.checkpoint.root);
    assert!(crate::domain::merkle::is_consistent(of(&first), of(&second), &proof));
    assert!(log.file("tile/0/000").unwrap().is_some());
    assert!(log.file("tile/0/000.p/3").unwrap().is_none(), "a full tile replaces what it was");
    assert!(log.file("tile/0/001.p/47").unwrap().is_some());
    assert!(log.file("checkpoint").unwrap().is_none());
}

async fn what_was_rolled_back_is_not_sealed(db: Db) {
    let place = Place::over(db).await;
    let mut tx = place.pens.begin("test").await.unwrap();
    let entry = Entry::created("pen.create", Uuid::now_v7(), &1).unwrap();
    audit::record(&mut tx, &Actor::SYSTEM, &[entry]).await.unwrap();
    drop(tx);
    assert_eq!(place.sealed().await.checkpoint.size, 0);
}

async fn what_engines_write_anew_is_still_the_same(db: Db) {
    let place = Place::over(db).await;
    let odd = json!({
        "z": 1, "a": [1.0, 1e16, 0.1, -0.0, 1e300, 18_446_744_073_709_551_615_u64, null],
        "text": "a\u{7}\"\\\u{1f600}é", "empty": {}, "": [[]], "no": false, "none": null
    });
    let actor = Actor::person(CustomerId::new(), Some("2001:db8::7".parse().unwrap()));
    let entries = [
        Entry::changed("pen.update", Uuid::now_v7(), &json!({"z": 1}), &odd).unwrap(),
        Entry::deleted("pen.delete", Uuid::now_v7(), &json!(null)).unwrap(),
    ];
    let mut tx = place.pens.begin("test").await.unwrap();
    audit::record(&mut tx, &actor, &entries).await.unwrap();
    audit::record(&mut tx, &Actor::OPERATOR, &entries).await.unwrap();
    tx.commit().await.unwrap();
    place.sealed().await;
    place.assert_whole(4).await;
}

async fn notes(place: &Place) -> Vec<Note> {
    let whole = Sought::default();
    let entries = audit::oldest(&place.pens, &whole, whole.first(), 100).await.unwrap();
    entries.iter().map(|entry| entry.note().unwrap()).collect()
}

async fn a_change_is_found_and_a_subject_can_be_forgotten(db: Db) {
    let place = Place::over(db).await;
    let subjects = place.write(4).await;
    let mut all = notes(&place).await;
    let seals =
        async |notes: &[Note]| place.notary.seals(&place.pens, SOURCE, notes).await.unwrap();
    assert_eq!(seals(&all).await, [Seal::Waiting; 4]);
    let head = place.sealed().await;
    let places: HashSet<_> = seals(&all)
        .await
        .into_iter()
        .collect::<Vec<_>>()
        .iter()
        .map(|it| format!("{it:?}"))
        .collect();
    assert_eq!(places.len(), 4);
    let last = all[0].payload.len() - 1;
    all[0].payload[last] ^= 1;
    all[1].kind = "pen.delete".to_owned();
    all[2].at += chrono::TimeDelta::microseconds(1);
    all[3].id = Uuid::now_v7();
    let found = seals(&all).await;
    assert!(
        matches!(found[..3], [Seal::Changed(_), Seal::Changed(_), Seal::Changed(_)]),
        "{found:?}"
    );
    assert_eq!(found[3], Seal::Missing);

    assert!(place.notary.forget(subjects[0], &Actor::OPERATOR).await.unwrap());
    assert!(!place.notary.forget(subjects[0], &Actor::OPERATOR).await.unwrap());
    let found = seals(&notes(&place).await).await;
    assert!(matches!(found[..2], [Seal::Forgotten(_), Seal::Same(_)]), "{found:?}");
    let after = place.sealed().await;
    assert_eq!(after.checkpoint.size, 5, "that it was forgotten is sealed too");
    let proof = place.notary.log().consistency(4, 5).unwrap();
    let of = |head: &crate::Head| (head.checkpoint.size, head.checkpoint.root);
    assert!(crate::domain::merkle::is_consistent(of(&head), of(&after), &proof));
}

async fn many_nodes_seal_while_others_write(db: Db) {
    const WRITERS: usize = 4;
    const EACH: usize = 60;
    let place = Place::over(db).await;
    place.sealed().await;
    let nodes: Vec<_> = ["a", "b", "c"].iter().map(|name| place.node(name)).collect();
    let sealing = nodes.into_iter().map(|node| {
        tokio::spawn(async move {
            for _ in 0..60 {
                // Whoever is overtaken looks again.
                let _ = node.seal().await;
                tokio::task::yield_now().await;
            }
        })
    });
    let sealing: Vec<_> = sealing.collect();
    let writing = (0..WRITERS).map(|_| place.write(EACH));
    futures_util::future::join_all(writing).await;
    for node in sealing {
        node.await.unwrap();
    }
    place.sealed().await;
    place.assert_whole((WRITERS * EACH) as u64).await;
}

async fn a_place_is_never_given_away(db: Db) {
    let place = Place::over(db).await;
    place.write(2).await;
    place.sealed().await;
    let db = place.notary.db();
    let mut attempts = vec!["update sealed set pos = pos + 10", "delete from sealed"];
    if super::is_sqlite(db) {
        attempts.push(
            "insert or replace into sealed select pos, source, randomblob(16), leaf from sealed",
        );
    }
    for forbidden in attempts {
        let mut tx = db.begin("test").await.unwrap();
        let refused = tx.query(Sql::new(forbidden)).execute().await.unwrap_err();
        assert!(format!("{refused:?}").contains("append-only"), "{forbidden}: {refused:?}");
    }
    // Whoever would give out places from an old head is refused.
    let mut tx = db.begin("test").await.unwrap();
    let entry = ((Uuid::now_v7(), "pens.audit".to_owned()), vec![1]);
    assert!(store::add(&mut tx, 1, &[entry]).await.is_err());
}
