use kernel::id::CustomerId;
use platform::audit::{Actor, Entry, history, record};
use platform::sql::{Db, Sql};
use serde_json::json;
use uuid::Uuid;

platform::on_both_engines!(crate::SCHEMA =>
    what_was_done_is_told_newest_first,
    no_entry_can_be_changed_or_deleted,
);

async fn what_was_done_is_told_newest_first(db: Db) {
    let subject = Uuid::now_v7();
    let actor = Actor { id: Some(CustomerId::new()), address: Some("192.0.2.7".parse().unwrap()) };
    let mut tx = db.begin("test").await.unwrap();
    let made = Entry::created("lamp.create", subject, &json!({"price": 1})).unwrap();
    record(&mut tx, &Actor::SYSTEM, &[made]).await.unwrap();
    let (before, after) = (json!({"price": 1, "name": "A"}), json!({"price": 2, "name": "A"}));
    let entries = [
        Entry::changed("lamp.update", subject, &before, &after).unwrap(),
        Entry::deleted("lamp.delete", subject, &after).unwrap(),
        Entry::created("lamp.create", Uuid::now_v7(), &after).unwrap(),
    ];
    record(&mut tx, &actor, &entries).await.unwrap();
    tx.commit().await.unwrap();

    let told = history(&db, subject, None, 10).await.unwrap();
    let actions: Vec<&str> = told.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["lamp.delete", "lamp.update", "lamp.create"]);
    assert_eq!(told[1].before, Some(json!({"price": 1})));
    assert_eq!(told[1].after, Some(json!({"price": 2})));
    assert_eq!(told[1].actor, actor.id.map(CustomerId::uuid));
    assert_eq!(told[1].address.as_deref(), Some("192.0.2.7"));
    assert_eq!((told[2].actor, told[0].after.clone()), (None, None));
    let older = history(&db, subject, Some(told[0].seq), 1).await.unwrap();
    assert_eq!(older, told[1..2]);
}

async fn no_entry_can_be_changed_or_deleted(db: Db) {
    let mut tx = db.begin("test").await.unwrap();
    let made = Entry::created("lamp.create", Uuid::now_v7(), &1).unwrap();
    record(&mut tx, &Actor::SYSTEM, &[made]).await.unwrap();
    tx.commit().await.unwrap();
    for forbidden in ["update audit set action = 'x'", "delete from audit"] {
        let mut tx = db.begin("test").await.unwrap();
        let refused = tx.query(Sql::new(forbidden)).execute().await.unwrap_err();
        let why = format!("{refused:?}");
        assert!(why.contains("append-only"), "{why}");
    }
}
