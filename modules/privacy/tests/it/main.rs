//! Keys of people, on both engines.
#![cfg(test)]

use std::sync::Arc;

use async_trait::async_trait;
use kernel::Event;
use kernel::events::{CustomerErased, GuestMerged};
use kernel::id::CustomerId;
use kernel::ports::{DataKey, Keys, PersonKeys, PersonKeysError, Purpose, Unavailable};
use platform::aead;
use platform::audit::Actor;
use platform::bus::Handler;
use platform::sql::{Db, Sql};
use platform::testing::told;
use privacy::{Privacy, SCHEMA};
use secrecy::{ExposeSecret, SecretBox};
use uuid::Uuid;

platform::on_both_engines!(privacy::SCHEMA =>
    every_statement_prepares,
    somebody_has_one_key_whoever_asks,
    a_lost_key_is_not_a_destroyed_one,
    a_key_lies_here_wrapped_for_its_row_alone,
    whoever_is_erased_loses_the_key_and_gets_no_other,
    what_the_law_wants_kept_outlives_the_erasure,
    a_guest_s_key_goes_with_the_account,
    who_was_erased_before_the_guest_was_heard_of_loses_their_keys_too,
    a_key_that_another_node_destroyed_is_not_found,
    keys_are_not_opened_with_what_did_not_wrap_them,
    what_wrapped_before_is_not_needed_after_a_rotation,
);

/// More than are wrapped again with one commit.
const KEYS: u64 = 600;
/// How many of them are made in one go.
const AT_ONCE: u64 = 50;

/// What wraps, in memory: keys that are one byte many times, of which the last wraps.
struct Wrapping(Vec<u8>);

fn wrapping(byte: u8) -> DataKey {
    SecretBox::new(Box::new([byte; 32]))
}

#[async_trait]
impl Keys for Wrapping {
    async fn wrap(&self, purpose: &str, key: &DataKey) -> Result<Vec<u8>, Unavailable> {
        let newest = *self.0.last().unwrap();
        let wrapped = aead::seal(&wrapping(newest), purpose.as_bytes(), key.expose_secret());
        Ok([&[newest], wrapped.unwrap().as_slice()].concat())
    }

    async fn unwrap(&self, purpose: &str, wrapped: &[u8]) -> Result<DataKey, Unavailable> {
        let (by, wrapped) = wrapped.split_first().unwrap();
        let key = self.0.contains(by).then(|| wrapping(*by));
        let opened = key.and_then(|key| aead::open(&key, purpose.as_bytes(), wrapped));
        let opened = opened.ok_or_else(|| Unavailable::new("wrapping", "it was changed"))?;
        Ok(SecretBox::new(Box::new(opened.as_slice().try_into().unwrap())))
    }

    async fn is_newest(&self, wrapped: &[u8]) -> Result<bool, Unavailable> {
        Ok(wrapped.first() == self.0.last())
    }
}

async fn opened(db: &Db, by: &[u8]) -> Result<Privacy, privacy::Error> {
    Privacy::open(db.clone(), Arc::new(Wrapping(by.to_vec()))).await
}

async fn privacy(db: &Db) -> Privacy {
    opened(db, &[7]).await.unwrap()
}

async fn hears(privacy: &Privacy, db: &Db, event: &impl Event) {
    let Handler::Reaction(reaction) = &privacy.subscriptions()[0].handler else {
        panic!("an effect")
    };
    let mut tx = db.begin("test").await.unwrap();
    let now = tx.now();
    reaction.apply(&mut tx, &told(event, now)).await.unwrap();
    tx.commit().await.unwrap();
}

async fn key_of(privacy: &Privacy, person: CustomerId, purpose: Purpose) -> Option<Uuid> {
    privacy.of(person, purpose).await.unwrap().map(|key| key.id)
}

async fn every_statement_prepares(db: Db) {
    let mut tx = db.begin("test").await.unwrap();
    for (name, sql) in SCHEMA.statements.iter().copied().flatten() {
        tx.prepare(*sql).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

async fn somebody_has_one_key_whoever_asks(db: Db) {
    let person = CustomerId::new();
    // As many nodes, since one would find the key at hand.
    let asks = (0..8).map(|_| {
        let db = db.clone();
        tokio::spawn(async move {
            privacy(&db).await.of(person, Purpose::Service).await.unwrap().unwrap()
        })
    });
    let mut keys = Vec::new();
    for ask in asks.collect::<Vec<_>>() {
        keys.push(ask.await.unwrap());
    }
    assert!(keys.iter().all(|key| key.id == keys[0].id));
    assert!(keys.iter().all(|key| key.key.expose_secret() == keys[0].key.expose_secret()));
    let other = privacy(&db).await.of(CustomerId::new(), Purpose::Service).await.unwrap().unwrap();
    assert_ne!(other.key.expose_secret(), keys[0].key.expose_secret());
    let found = privacy(&db).await.by_ids(&[other.id, keys[0].id]).await.unwrap();
    assert_eq!(found.len(), 2);
}

async fn a_lost_key_is_not_a_destroyed_one(db: Db) {
    let (node, ada, bob) = (privacy(&db).await, CustomerId::new(), CustomerId::new());
    let key = key_of(&node, ada, Purpose::Service).await.unwrap();
    let gone = key_of(&node, bob, Purpose::Service).await.unwrap();
    node.erase(bob, false).await.unwrap();
    assert_eq!(node.by_ids(&[key, gone]).await.unwrap().len(), 1);
    let strange = Uuid::now_v7();
    let error = node.by_ids(&[key, gone, strange]).await.err().unwrap();
    assert!(matches!(error, PersonKeysError::Unknown { id } if id == strange), "{error}");
}

async fn a_key_lies_here_wrapped_for_its_row_alone(db: Db) {
    let node = privacy(&db).await;
    let key = node.of(CustomerId::new(), Purpose::Service).await.unwrap().unwrap();
    let other = node.of(CustomerId::new(), Purpose::Service).await.unwrap().unwrap();
    let query = db.query(Sql::new("select wrapped from person_key where id = $1"));
    let (wrapped,): (Vec<u8>,) = query.bind(key.id).one().await.unwrap();
    assert!(!wrapped.windows(32).any(|bytes| bytes == key.key.expose_secret()));
    assert!(node.verify().await.unwrap().iter().all(|check| check.holds() && check.rows == 2));

    let mut tx = db.begin("test").await.unwrap();
    let swap = Sql::new("update person_key set wrapped = $2 where id = $1");
    tx.query(swap).bind(other.id).bind(wrapped.as_slice()).execute().await.unwrap();
    tx.commit().await.unwrap();
    assert!(privacy(&db).await.by_ids(&[other.id]).await.is_err(), "another's key");
    let broken = &node.verify().await.unwrap()[0].broken;
    assert_eq!(*broken, [other.id.to_string()]);
}

async fn whoever_is_erased_loses_the_key_and_gets_no_other(db: Db) {
    let (node, ada, bob) = (privacy(&db).await, CustomerId::new(), CustomerId::new());
    let key = key_of(&node, ada, Purpose::Service).await.unwrap();
    let kept = key_of(&node, bob, Purpose::Service).await.unwrap();
    for _ in 0..2 {
        hears(&node, &db, &CustomerErased { customer_id: ada, with_records: false }).await;
        assert_eq!(key_of(&node, ada, Purpose::Service).await, None);
        assert!(node.by_ids(&[key]).await.unwrap().is_empty(), "also of those at hand");
    }
    let left = "select count(*) from person_key where made_for = $1 and wrapped is not null";
    let (left,): (i64,) = db.query(Sql::new(left)).bind(ada.uuid()).one().await.unwrap();
    assert_eq!(left, 0);
    assert_eq!(key_of(&node, bob, Purpose::Service).await, Some(kept));
    // Also of whom nothing was ever kept.
    let nobody = CustomerId::new();
    node.erase(nobody, false).await.unwrap();
    assert_eq!(key_of(&node, nobody, Purpose::Service).await, None);
}

async fn what_the_law_wants_kept_outlives_the_erasure(db: Db) {
    let (node, ada) = (privacy(&db).await, CustomerId::new());
    let records = key_of(&node, ada, Purpose::Records).await.unwrap();
    node.erase(ada, false).await.unwrap();
    assert_eq!(key_of(&privacy(&db).await, ada, Purpose::Records).await, Some(records));
    node.erase(ada, true).await.unwrap();
    assert!(node.by_ids(&[records]).await.unwrap().is_empty());
    assert_eq!(key_of(&node, ada, Purpose::Records).await, None);
}

async fn a_guest_s_key_goes_with_the_account(db: Db) {
    let (node, guest, ada) = (privacy(&db).await, CustomerId::new(), CustomerId::new());
    let key = key_of(&node, guest, Purpose::Service).await.unwrap();
    hears(&node, &db, &GuestMerged { guest_id: guest, customer_id: ada }).await;
    assert_eq!(node.by_ids(&[key]).await.unwrap().len(), 1, "what was sealed still opens");
    // Whoever had not heard of it seals for the guest.
    let records = key_of(&node, guest, Purpose::Records).await.unwrap();
    node.erase(ada, false).await.unwrap();
    assert!(node.by_ids(&[key]).await.unwrap().is_empty());
    assert_eq!(key_of(&node, guest, Purpose::Service).await, None, "and gets no other");
    assert_eq!(node.by_ids(&[records]).await.unwrap().len(), 1);
    node.erase(ada, true).await.unwrap();
    assert!(node.by_ids(&[records]).await.unwrap().is_empty());
}

async fn who_was_erased_before_the_guest_was_heard_of_loses_their_keys_too(db: Db) {
    let node = privacy(&db).await;
    for with_records in [false, true] {
        let (guest, unknown, ada) = (CustomerId::new(), CustomerId::new(), CustomerId::new());
        let key = key_of(&node, guest, Purpose::Service).await.unwrap();
        let records = key_of(&node, guest, Purpose::Records).await.unwrap();
        node.erase(ada, with_records).await.unwrap();
        for guest_id in [guest, unknown] {
            hears(&node, &db, &GuestMerged { guest_id, customer_id: ada }).await;
            assert_eq!(key_of(&node, guest_id, Purpose::Service).await, None);
        }
        assert!(node.by_ids(&[key]).await.unwrap().is_empty());
        assert_eq!(node.by_ids(&[records]).await.unwrap().is_empty(), with_records);
    }
}

async fn a_key_that_another_node_destroyed_is_not_found(db: Db) {
    let ada = CustomerId::new();
    let before = privacy(&db).await;
    let key = key_of(&before, ada, Purpose::Service).await.unwrap();
    privacy(&db).await.erase(ada, false).await.unwrap();
    let other = privacy(&db).await;
    assert!(other.by_ids(&[key]).await.unwrap().is_empty());
    assert_eq!(key_of(&other, ada, Purpose::Service).await, None);
    // One that has it at hand lets it go when it hears of that.
    assert_eq!(before.by_ids(&[key]).await.unwrap().len(), 1);
    hears(&before, &db, &CustomerErased { customer_id: ada, with_records: false }).await;
    assert!(before.by_ids(&[key]).await.unwrap().is_empty());
    assert_eq!(key_of(&before, ada, Purpose::Service).await, None);
}

async fn keys_are_not_opened_with_what_did_not_wrap_them(db: Db) {
    assert!(opened(&db, &[8]).await.is_ok(), "there is none yet");
    assert!(!Privacy::has_keys(&db).await.unwrap());
    key_of(&privacy(&db).await, CustomerId::new(), Purpose::Service).await.unwrap();
    assert!(Privacy::has_keys(&db).await.unwrap());
    let refused = opened(&db, &[8]).await.err().unwrap();
    assert!(matches!(refused, privacy::Error::OtherKeys(_)), "{refused}");
    assert!(opened(&db, &[7]).await.is_ok());
}

async fn what_wrapped_before_is_not_needed_after_a_rotation(db: Db) {
    let (old, gone) = (privacy(&db).await, CustomerId::new());
    let ada = old.of(CustomerId::new(), Purpose::Service).await.unwrap().unwrap();
    for _ in 0..KEYS / AT_ONCE {
        let new = || key_of(&old, CustomerId::new(), Purpose::Records);
        let made = futures_util::future::join_all((0..AT_ONCE).map(|_| new())).await;
        assert!(made.iter().all(Option::is_some));
    }
    let destroyed = key_of(&old, gone, Purpose::Service).await.unwrap();
    old.erase(gone, false).await.unwrap();

    let both = opened(&db, &[7, 8]).await.unwrap();
    assert_eq!(both.rotate(&Actor::OPERATOR).await.unwrap(), KEYS + 1);
    // A node may have made a key without having seen the new one.
    let late = key_of(&old, CustomerId::new(), Purpose::Service).await.unwrap();
    let broken = &opened(&db, &[8]).await.unwrap().verify().await.unwrap()[0].broken;
    assert_eq!(*broken, [late.to_string()]);
    assert_eq!(both.rotate(&Actor::OPERATOR).await.unwrap(), 1);
    assert_eq!(both.rotate(&Actor::OPERATOR).await.unwrap(), 0);

    let new = opened(&db, &[8]).await.unwrap();
    let check = &new.verify().await.unwrap()[0];
    assert!(check.holds() && check.rows == KEYS + 2, "{check:?}");
    let found = new.by_ids(&[ada.id, destroyed]).await.unwrap();
    assert_eq!(found.len(), 1, "the destroyed one stays destroyed");
    assert_eq!(found[0].key.expose_secret(), ada.key.expose_secret());
    let told = "select cast(sum(cast(cast(after as text) as bigint)) as bigint) from audit
                 where action = 'privacy.rotate' and actor_kind = 'operator'";
    let (told,): (i64,) = db.query(Sql::new(told)).one().await.unwrap();
    assert_eq!(told.unsigned_abs(), KEYS + 2, "the audit log has each of them");

    // One that nothing unwraps keeps no other from it.
    let mut tx = db.begin("test").await.unwrap();
    let wound = Sql::new("update person_key set wrapped = $2 where id = $1");
    tx.query(wound).bind(late).bind([7_u8, 0].as_slice()).execute().await.unwrap();
    tx.commit().await.unwrap();
    let last = key_of(&old, CustomerId::new(), Purpose::Service).await.unwrap();
    let error = both.rotate(&Actor::OPERATOR).await.unwrap_err();
    assert!(error.to_string().contains(&late.to_string()), "{error}");
    assert_eq!(opened(&db, &[8]).await.unwrap().by_ids(&[last]).await.unwrap().len(), 1);
}
