use actix_web::test::TestRequest;
use auth::{SCHEMA, Settings};
use chrono::TimeDelta;
use futures_util::future::join_all;
use platform::audit::Actor;
use platform::http::ClientAddress;
use platform::sql::Db;
use serde_json::json;

use crate::shop::{
    Browser, EMAIL, PASSWORD, assert_books, at_a_standstill, cheap, keys, open, open_at,
};

platform::on_both_engines!(super::SCHEMA =>
    a_wrong_password_and_an_unknown_account_look_the_same,
    right_passwords_use_nothing_up,
    a_changed_cost_reaches_the_account_at_login,
    a_refused_turn_is_no_guess,
);

async fn a_wrong_password_and_an_unknown_account_look_the_same(db: Db) {
    let accounts = open(&db, cheap()).await;
    let browser = Browser::new(&accounts).await;
    browser.enter().await;
    let wrong = browser.login("a wrong password").await;
    let body = json!({"email": "nobody@example.com", "password": "a wrong password"});
    let unknown = browser.post("/v1/auth/login", body).await;
    assert_eq!((wrong.status, wrong.code()), (401, "invalid_credentials"));
    assert_eq!(unknown.status, 401);
    assert_eq!(wrong.json, unknown.json);
    let headers = |reply: &crate::shop::Reply| {
        let mut all: Vec<String> = reply.headers.iter().map(|h| format!("{h:?}")).collect();
        all.sort();
        all
    };
    assert_eq!(headers(&wrong), headers(&unknown));
}

async fn right_passwords_use_nothing_up(db: Db) {
    let accounts = open(&db, Settings { account_failures_max: 3, ..cheap() }).await;
    let browser = Browser::new(&accounts).await;
    browser.register().await;
    for _ in 0..10 {
        assert_eq!(browser.login(PASSWORD).await.status, 200);
    }
    assert_books(&accounts).await;
}

async fn a_changed_cost_reaches_the_account_at_login(db: Db) {
    let folder = keys();
    let before = open_at(&db, cheap(), &folder).await;
    Browser::new(&before).await.enter().await;
    let after = open_at(&db, Settings { argon2_passes: 2, ..cheap() }, &folder).await;
    let browser = Browser::new(&after).await;
    assert_eq!(browser.login("a wrong password").await.status, 401);
    let cost = |db: Db| async move {
        let sql = platform::sql::Sql::new("select password_hash from customer");
        let (hash,): (String,) = db.query(sql).one().await.unwrap();
        hash.split('$').nth(3).unwrap().to_owned()
    };
    assert_eq!(cost(db.clone()).await, "m=8,t=1,p=1");
    assert_eq!(browser.login(PASSWORD).await.status, 200);
    assert_eq!(cost(db.clone()).await, "m=8,t=2,p=1");
    assert_eq!(browser.login(PASSWORD).await.status, 200);
}

/// With one turn and no patience some of many logins are told to come back; none is counted.
async fn a_refused_turn_is_no_guess(db: Db) {
    let settings = Settings {
        argon2_permits: 1,
        argon2_wait_ms: 0,
        argon2_memory_kib: 4_096,
        account_failures_max: 40,
        ..cheap()
    };
    let accounts = open(&db, settings).await;
    accounts
        .create(EMAIL, PASSWORD.into(), "Ada", kernel::ports::Role::Customer, &Actor::SYSTEM)
        .await
        .unwrap();
    let browser = Browser::new(&accounts).await;
    let replies = join_all((0..40).map(|_| browser.login(PASSWORD))).await;
    assert!(replies.iter().all(|r| r.status == 200 || r.status == 503), "{replies:?}");
    assert!(replies.iter().any(|r| r.status == 503), "nobody had to wait");
    let sql = platform::sql::Sql::new("select cast(sum(failures) as bigint) from login_attempt");
    let (counted,): (i64,) = db.query(sql).one().await.unwrap();
    assert_eq!(counted, 0);
    assert_books(&accounts).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_guesses_never_pass_the_limit() {
    for (db, hand) in at_a_standstill().await {
        let accounts = open(&db, Settings { account_failures_max: 7, ..cheap() }).await;
        let browser = Browser::new(&accounts).await;
        browser.register().await;
        let guess = |n: usize| {
            let client = format!("192.0.2.{n}:4000").parse().unwrap();
            let body = json!({"email": EMAIL, "password": format!("wrong guess {n}")});
            let login = TestRequest::post().uri("/v1/auth/login").peer_addr(client).set_json(body);
            browser.send(login)
        };
        let replies = join_all((1..=100).map(guess)).await;
        let count = |status| replies.iter().filter(|reply| reply.status == status).count();
        assert_eq!((count(401), count(429)), (7, 93), "{replies:?}");
        let refused = replies.iter().find(|reply| reply.status == 429).unwrap();
        assert_eq!(refused.code(), "too_many_attempts");
        assert_eq!(refused.header("retry-after"), "900");

        hand.advance(TimeDelta::seconds(800));
        let right = browser.login(PASSWORD).await;
        assert_eq!(right.status, 429, "the right password is not looked at either");
        assert_eq!(right.header("retry-after"), "100");
        hand.advance(TimeDelta::seconds(100));
        assert_eq!(browser.login(PASSWORD).await.status, 200, "a new window");

        assert!(!accounts.prune().await.unwrap());
        let sql = platform::sql::Sql::new("select count(*) from login_attempt");
        let (left,): (i64,) = db.query(sql).one().await.unwrap();
        assert_eq!(left, 2, "only the windows of now are kept");
        assert_books(&accounts).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_client_cannot_try_many_accounts() {
    for (db, _) in at_a_standstill().await {
        let accounts = open(&db, Settings { address_failures_max: 5, ..cheap() }).await;
        let browser = Browser::new(&accounts).await;
        browser.register().await;
        let guess = |client: &str, n: usize| {
            let body = json!({"email": format!("a{n}@example.com"), "password": "wrong guess"});
            let login = TestRequest::post().uri("/v1/auth/login").set_json(body);
            let request = login.peer_addr(format!("{client}:4000").parse().unwrap());
            browser.send(request)
        };
        let replies = join_all((0..30).map(|n| guess("192.0.2.1", n))).await;
        let checked = replies.iter().filter(|reply| reply.status == 401).count();
        assert_eq!(checked, 5, "{replies:?}");
        assert_eq!(guess("192.0.2.2", 99).await.status, 401, "others may still log in");
        assert_books(&accounts).await;
    }
}

#[tokio::test]
async fn the_edge_says_who_the_client_is() {
    use actix_web::{FromRequest, HttpMessage};

    let request = TestRequest::default().peer_addr("10.0.0.1:1".parse().unwrap()).to_http_request();
    let client = ClientAddress::extract(&request).await.unwrap();
    assert_eq!(client.0.to_string(), "10.0.0.1");
    request.extensions_mut().insert(ClientAddress("192.0.2.9".parse().unwrap()));
    let client = ClientAddress::extract(&request).await.unwrap();
    assert_eq!(client.0.to_string(), "192.0.2.9");
}
