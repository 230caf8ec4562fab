use platform::idempotency::{Answer, Claim, Key, claim, find, finish, forget_old};
use platform::sql::{Db, Sql};

platform::on_both_engines!(crate::SCHEMA =>
    a_storm_of_one_key_has_one_effect,
    another_request_with_the_key_is_refused,
    an_answer_comes_back_byte_for_byte,
    what_is_not_final_is_not_stored,
    old_answers_are_forgotten_and_running_commands_are_not,
);

fn key(name: &str, body: &str) -> Key {
    Key::new("caller", "POST /v1/orders", name, body.as_bytes())
}

fn answer() -> Answer {
    Answer { status: 201, body: "{\"id\": \"ü\",  \"n\":1.50}\n".to_owned() }
}

async fn attempt(db: &Db, key: &Key) -> Claim {
    let mut tx = db.begin("test").await.unwrap();
    let known = claim(&mut tx, key).await.unwrap();
    if known == Claim::Fresh {
        let id = uuid::Uuid::now_v7();
        let sql = Sql::new("insert into counter (id, n) values ($1, 1)");
        tx.query(sql).bind(id).execute().await.unwrap();
        finish(&mut tx, &key.scope, &key.key, &answer()).await.unwrap();
        tx.commit().await.unwrap();
    }
    known
}

async fn a_storm_of_one_key_has_one_effect(db: Db) {
    for round in 0..5 {
        let key = key(&format!("storm-{round}"), "{}");
        let storm = (0..50).map(|_| {
            let (db, key) = (db.clone(), key.clone());
            tokio::spawn(async move { attempt(&db, &key).await })
        });
        let mut fresh = 0;
        for one in futures_util::future::join_all(storm).await {
            match one.unwrap() {
                Claim::Fresh => fresh += 1,
                Claim::Done(done) => assert_eq!(done, answer()),
                Claim::Running => {}
                Claim::Reused => panic!("the request was the same"),
            }
        }
        assert_eq!(fresh, 1);
        assert_eq!(attempt(&db, &key).await, Claim::Done(answer()));
    }
    assert_eq!(crate::number(&db, "select count(*) from counter").await, 5);
}

async fn another_request_with_the_key_is_refused(db: Db) {
    assert_eq!(attempt(&db, &key("a", "{\"n\":1}")).await, Claim::Fresh);
    assert_eq!(attempt(&db, &key("a", "{\"n\":2}")).await, Claim::Reused);
    assert_eq!(Claim::Reused.problem().unwrap().status, 422);
    assert_eq!(Claim::Running.problem().unwrap().status, 409);
    let elsewhere = Key::new("caller", "POST /v1/refunds", "a", b"{\"n\":2}");
    assert_eq!(attempt(&db, &elsewhere).await, Claim::Fresh);
}

async fn an_answer_comes_back_byte_for_byte(db: Db) {
    let key = key("a", "{}");
    assert_eq!(find(&db, &key).await.unwrap(), None);
    let mut tx = db.begin("test").await.unwrap();
    assert_eq!(claim(&mut tx, &key).await.unwrap(), Claim::Fresh);
    tx.commit().await.unwrap();
    assert_eq!(find(&db, &key).await.unwrap(), Some(Claim::Running));
    for body in [answer(), Answer { status: 409, body: "other".to_owned() }] {
        let mut tx = db.begin("test").await.unwrap();
        finish(&mut tx, &key.scope, &key.key, &body).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(find(&db, &key).await.unwrap(), Some(Claim::Done(answer())), "the first stays");
    }
}

async fn what_is_not_final_is_not_stored(db: Db) {
    for status in [100, 199, 429, 500, 503] {
        let mut tx = db.begin("test").await.unwrap();
        let answer = Answer { status, body: String::new() };
        assert!(finish(&mut tx, "s", "k", &answer).await.is_err(), "{status}");
    }
}

async fn old_answers_are_forgotten_and_running_commands_are_not(db: Db) {
    attempt(&db, &key("done", "{}")).await;
    let mut tx = db.begin("test").await.unwrap();
    claim(&mut tx, &key("running", "{}")).await.unwrap();
    tx.commit().await.unwrap();
    let later = db.clock().now() + chrono::TimeDelta::days(31);
    assert_eq!(forget_old(&db, db.clock().now()).await.unwrap(), 0);
    assert_eq!(forget_old(&db, later).await.unwrap(), 1);
    assert_eq!(find(&db, &key("done", "{}")).await.unwrap(), None);
    assert_eq!(find(&db, &key("running", "{}")).await.unwrap(), Some(Claim::Running));
}
