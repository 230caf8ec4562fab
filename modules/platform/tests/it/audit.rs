use chrono::TimeDelta;
use kernel::id::CustomerId;
use platform::audit::{
    Action, Actor, ActorKind, Entry, Recorded, Sought, Who, history, newest, oldest, record,
};
use platform::sql::{Db, Engine, Sql};
use serde_json::json;
use uuid::Uuid;

platform::on_both_engines!(crate::SCHEMA =>
    what_was_done_is_told_newest_first,
    every_kind_of_actor_is_told,
    entries_are_found_by_what_is_sought,
    no_entry_can_be_changed_or_deleted,
);

async fn what_was_done_is_told_newest_first(db: Db) {
    let subject = Uuid::now_v7();
    let actor = Actor::person(CustomerId::new(), Some("192.0.2.7".parse().unwrap()));
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
    assert_eq!(actions(&told), ["lamp.delete", "lamp.update", "lamp.create"]);
    assert_eq!(told[1].before, Some(json!({"price": 1})));
    assert_eq!(told[1].after, Some(json!({"price": 2})));
    assert_eq!(told[1].actor, actor.id().map(CustomerId::uuid));
    assert_eq!(told[1].address.as_deref(), Some("192.0.2.7"));
    assert_eq!((told[2].actor, told[0].after.clone()), (None, None));
    let older = history(&db, subject, Some(told[0].place()), 1).await.unwrap();
    assert_eq!(older, told[1..2]);
}

fn actions(told: &[Recorded]) -> Vec<&str> {
    told.iter().map(|entry| entry.action.as_str()).collect()
}

async fn every_kind_of_actor_is_told(db: Db) {
    let (id, made_by) = (CustomerId::new(), CustomerId::new());
    let key = Actor { who: Who::Key { id, made_by }, address: None };
    let subject = Uuid::now_v7();
    for actor in [Actor::person(id, None), key, Actor::OPERATOR, Actor::SYSTEM] {
        let mut tx = db.begin("test").await.unwrap();
        record(&mut tx, &actor, &[Entry::done("lamp.light", subject, &json!({})).unwrap()])
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }
    let told = history(&db, subject, None, 10).await.unwrap();
    let told: Vec<_> = told
        .iter()
        .rev()
        .map(|entry| (entry.actor_kind.unwrap(), entry.actor, entry.key_made_by))
        .collect();
    let (id, made_by) = (Some(id.uuid()), Some(made_by.uuid()));
    let expected = [
        (ActorKind::Person, id, None),
        (ActorKind::ApiKey, id, made_by),
        (ActorKind::Operator, None, None),
        (ActorKind::Shop, None, None),
    ];
    assert_eq!(told, expected);
}

async fn entries_are_found_by_what_is_sought(db: Db) {
    let actors = [CustomerId::new(), CustomerId::new()];
    let subjects = [Uuid::now_v7(), Uuid::now_v7()];
    let all = ["lamp.create", "lamp.update", "pen.create"];
    for n in 0..60 {
        let mut tx = db.begin("test").await.unwrap();
        let entry = Entry::done(all[n % 3], subjects[n / 3 % 2], &json!({})).unwrap();
        record(&mut tx, &Actor::person(actors[n % 2], None), &[entry]).await.unwrap();
        tx.commit().await.unwrap();
    }
    let whole = Sought::default();
    let everything = newest(&db, &whole, whole.last(), 100).await.unwrap();
    assert_eq!(everything.len(), 60);

    let middle = everything[30].at;
    let (actor, subject) = (Some(actors[0].uuid()), Some(subjects[1]));
    let action = |text| Some(Action::read(text));
    let seeks = [
        Sought { actor, ..whole.clone() },
        Sought { subject, ..whole.clone() },
        Sought { action: action("lamp.update"), ..whole.clone() },
        Sought { action: action("lamp"), ..whole.clone() },
        Sought { actor, subject, action: action("lamp"), ..whole.clone() },
        Sought { actor, action: action("pen.create"), ..whole.clone() },
        Sought { action: action("lam"), ..whole.clone() },
        whole.clone().between(Some(middle), None),
        Sought { actor, ..whole.clone() }.between(None, Some(middle)),
        whole.clone().between(Some(middle), Some(middle + TimeDelta::microseconds(1))),
    ];
    for sought in seeks {
        let is_sought = |entry: &Recorded| {
            let family = |family: &str| entry.action.split('.').next() == Some(family);
            sought.actor.is_none_or(|actor| entry.actor == Some(actor))
                && sought.subject.is_none_or(|subject| entry.subject == subject)
                && entry.at >= sought.from
                && entry.at < sought.to
                && match &sought.action {
                    None => true,
                    Some(Action::One(action)) => entry.action == *action,
                    Some(Action::Family(name)) => family(name),
                }
        };
        let expected: Vec<Recorded> =
            everything.iter().filter(|entry| is_sought(entry)).cloned().collect();
        let (mut backwards, mut before) = (Vec::new(), sought.last());
        let (mut forwards, mut after) = (Vec::new(), sought.first());
        loop {
            let back = newest(&db, &sought, before, 7).await.unwrap();
            let forth = oldest(&db, &sought, after, 7).await.unwrap();
            let (Some(last), Some(first)) = (back.last(), forth.last()) else { break };
            (before, after) = (last.place(), first.place());
            backwards.extend(back);
            forwards.extend(forth);
        }
        assert_eq!(backwards, expected, "{sought:?}");
        forwards.reverse();
        assert_eq!(forwards, expected, "{sought:?}");
    }
}

async fn no_entry_can_be_changed_or_deleted(db: Db) {
    let mut tx = db.begin("test").await.unwrap();
    let made = Entry::created("lamp.create", Uuid::now_v7(), &1).unwrap();
    record(&mut tx, &Actor::SYSTEM, &[made]).await.unwrap();
    tx.commit().await.unwrap();
    let overwrite = "insert or replace into audit (seq, at, trace, action, subject)
                     select seq, at, trace, 'x', subject from audit";
    let mut attempts = vec!["update audit set action = 'x'", "delete from audit"];
    attempts.push(match db.engine() {
        Engine::Sqlite => overwrite,
        Engine::Postgres => "truncate audit",
    });
    for forbidden in attempts {
        let mut tx = db.begin("test").await.unwrap();
        let refused = tx.query(Sql::new(forbidden)).execute().await.unwrap_err();
        let why = format!("{refused:?}");
        assert!(why.contains("append-only"), "{forbidden}: {why}");
    }
    let whole = Sought::default();
    let kept = newest(&db, &whole, whole.last(), 10).await.unwrap();
    assert_eq!(actions(&kept), ["lamp.create"]);
}
