//! Databases and folders that are not of one time.

use std::fs;

use platform::audit::Actor;
use platform::sql::{Db, Sql};

use super::Place;
use crate::{Error, LogError, store};

platform::on_both_engines!(crate::SCHEMA =>
    an_old_database_does_not_sign_another_log,
    an_old_database_that_grew_does_not_either,
    an_old_module_is_not_sealed_twice,
    a_folder_that_lost_its_checkpoint_is_no_beginning,
    another_key_signs_nothing,
    a_damaged_tile_is_not_built_on,
);

/// As if the log's database were restored from a backup of when it had `size` entries.
async fn restored(db: &Db, size: u64) {
    let triggers: &[&str] = if super::is_sqlite(db) {
        &["drop trigger sealed_kept"]
    } else {
        &["drop trigger sealed_kept on sealed"]
    };
    let undone = [
        format!("delete from sealed where pos >= {size}"),
        format!("update sequencer set head = {size}"),
    ];
    let mut tx = db.begin("test").await.unwrap();
    for text in triggers.iter().map(|text| (*text).to_owned()).chain(undone) {
        tx.query(Sql::new(Box::leak(text.into_boxed_str()))).execute().await.unwrap();
    }
    tx.commit().await.unwrap();
}

async fn an_old_database_does_not_sign_another_log(db: Db) {
    let place = Place::over(db).await;
    place.write(300).await;
    let head = place.sealed().await;
    restored(place.notary.db(), 100).await;
    place.write(1).await;
    let refused = place.notary.seal().await.unwrap_err();
    assert!(matches!(refused, Error::Behind { head: 100, signed: 300 }), "{refused}");
    assert!(refused.to_string().contains("stoa ledger adopt"), "{refused}");
    assert_eq!(place.head().await, head);
    assert_eq!(store::head(place.notary.db()).await.unwrap(), 100, "no place was given out");

    assert_eq!(place.notary.adopt(&Actor::OPERATOR).await.unwrap(), 200);
    assert_eq!(place.notary.adopt(&Actor::OPERATOR).await.unwrap(), 0);
    assert_eq!(place.sealed().await.checkpoint.size, 302, "with that it was adopted");
    assert_eq!(place.notary.strangers().await.unwrap(), (302, Vec::new()));
}

async fn an_old_database_that_grew_does_not_either(db: Db) {
    let place = Place::over(db).await;
    place.write(10).await;
    let head = place.sealed().await;
    // It was restored and went on for a while with another folder.
    restored(place.notary.db(), 4).await;
    let mut tx = place.notary.db().begin("test").await.unwrap();
    let other: Vec<_> =
        (0..9_u8).map(|n| ((uuid::Uuid::now_v7(), "pens.audit".to_owned()), vec![n])).collect();
    store::add(&mut tx, 4, &other).await.unwrap();
    tx.commit().await.unwrap();
    place.write(1).await;
    let refused = place.notary.seal().await.unwrap_err();
    assert!(matches!(refused, Error::Fork { index: 9 }), "{refused}");
    assert_eq!(place.head().await, head);
}

async fn an_old_module_is_not_sealed_twice(db: Db) {
    let place = Place::over(db).await;
    place.write(5).await;
    let waiting = platform::seal::unsealed(&place.pens, 10).await.unwrap();
    place.sealed().await;
    // What was sealed waits again.
    let notes: Vec<_> = waiting.into_iter().map(|unsealed| unsealed.note).collect();
    let mut tx = place.pens.begin("test").await.unwrap();
    platform::seal::note(&mut tx, "audit", &notes).await.unwrap();
    tx.commit().await.unwrap();
    place.sealed().await;
    place.assert_whole(5).await;
}

async fn a_folder_that_lost_its_checkpoint_is_no_beginning(db: Db) {
    let place = Place::over(db).await;
    place.write(3).await;
    place.sealed().await;
    fs::remove_file(place.folder.join("ledger/checkpoint")).unwrap();
    place.write(1).await;
    let refused = place.notary.seal().await.unwrap_err();
    assert!(matches!(refused, Error::Lost { head: 3 }), "{refused}");
}

async fn another_key_signs_nothing(db: Db) {
    let place = Place::over(db).await;
    place.write(3).await;
    place.sealed().await;
    fs::remove_file(place.folder.join("keys/ledger.key")).unwrap();
    place.write(1).await;
    let refused = place.node("another").seal().await.unwrap_err();
    assert!(matches!(refused, Error::Log(LogError::Checkpoint(_))), "{refused}");
}

async fn a_damaged_tile_is_not_built_on(db: Db) {
    let place = Place::over(db).await;
    place.write(7).await;
    let head = place.sealed().await;
    let file = place.folder.join("ledger/tile/0/000.p/7");
    let whole = fs::read(&file).unwrap();
    let mut bytes = whole.clone();
    bytes[40] ^= 1;
    place.write(1).await;
    for damage in [bytes, whole[..100].to_vec()] {
        fs::write(&file, damage).unwrap();
        assert!(place.notary.seal().await.is_err());
        assert_eq!(place.head().await, head);
    }
    fs::write(&file, whole).unwrap();
    place.sealed().await;
    place.assert_whole(8).await;
}
