use std::collections::HashSet;

use auth::{SCHEMA, Settings};
use chrono::TimeDelta;
use futures_util::future::join_all;
use kernel::ports::Identity;
use platform::sql::Db;

use crate::shop::{
    Browser, Reply, assert_books, at_a_standstill, cheap, events, keys, open, open_at,
};

platform::on_both_engines!(super::SCHEMA =>
    fifty_tabs_get_one_child,
    what_is_no_refresh_token_is_refused,
    tokens_are_stored_only_as_hashes,
    a_storm_of_old_tokens_ends_the_session_once,
    a_logout_elsewhere_is_picked_up,
);

async fn fifty_tabs_get_one_child(db: Db) {
    let accounts = open(&db, auth::Settings { refresh_grace_s: 60, ..cheap() }).await;
    let browser = Browser::new(&accounts).await;
    let mut token = browser.enter().await.refresh_token();
    for _ in 0..3 {
        let replies = join_all((0..50).map(|_| browser.refresh(&token))).await;
        assert!(replies.iter().all(|reply| reply.status == 200), "{replies:?}");
        let children: HashSet<String> = replies.iter().map(Reply::refresh_token).collect();
        assert_eq!(children.len(), 1);
        assert!(!children.contains(&token));
        assert_eq!(browser.me(&replies[0].access_token()).await.status, 200);
        token = children.into_iter().next().unwrap();
    }
    let sql = platform::sql::Sql::new("select count(*) from refresh_token");
    let (stored,): (i64,) = db.query(sql).one().await.unwrap();
    assert_eq!(stored, 4);
    assert_eq!(events(&db).await.len(), 1, "nobody was logged out");
    assert_books(&accounts).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn reuse_ends_the_whole_family() {
    for (db, hand) in at_a_standstill().await {
        let accounts = open(&db, cheap()).await;
        let browser = Browser::new(&accounts).await;
        let login = browser.enter().await;
        let first = browser.refresh(&login.refresh_token()).await;
        hand.advance(TimeDelta::seconds(9));
        let same = browser.refresh(&login.refresh_token()).await;
        assert_eq!(same.refresh_token(), first.refresh_token(), "within the grace");
        let second = browser.refresh(&first.refresh_token()).await;

        // The grandparent has no grace, however early it comes.
        let stolen = browser.refresh(&login.refresh_token()).await;
        assert_eq!((stolen.status, stolen.code()), (401, "unauthenticated"));
        for token in [&login, &first, &second].map(Reply::refresh_token) {
            assert_eq!(browser.refresh(&token).await.status, 401, "no descendant survives");
        }
        for token in [&login, &first, &second].map(Reply::access_token) {
            assert_eq!(browser.me(&token).await.status, 401);
        }
        let told = ["customer.registered", "session.revoked"].map(|kind| (kind.to_owned(), 1));
        assert_eq!(events(&db).await, told);
        assert_books(&accounts).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_parent_has_grace_for_a_moment_only() {
    for (db, hand) in at_a_standstill().await {
        let accounts = open(&db, cheap()).await;
        let browser = Browser::new(&accounts).await;
        let login = browser.enter().await;
        let child = browser.refresh(&login.refresh_token()).await;
        hand.advance(TimeDelta::seconds(10));
        assert_eq!(browser.refresh(&login.refresh_token()).await.status, 401);
        assert_eq!(browser.refresh(&child.refresh_token()).await.status, 401);
        platform::outbox::sequence(&db).await.unwrap();
        let all = platform::outbox::read_after(&db, 0, 10).await.unwrap();
        assert_eq!(all[2].envelope.data["reason"], "refresh_reused");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_session_has_an_end_and_is_then_deleted() {
    for (db, hand) in at_a_standstill().await {
        let accounts = open(&db, Settings { session_s: 3_600, ..cheap() }).await;
        let browser = Browser::new(&accounts).await;
        let login = browser.enter().await;
        assert_eq!(login.cookie("__Host-stoa_refresh").max_age().unwrap().whole_seconds(), 3_600);
        hand.advance(TimeDelta::seconds(3_599));
        let last = browser.refresh(&login.refresh_token()).await;
        assert_eq!(last.cookie("__Host-stoa_refresh").max_age().unwrap().whole_seconds(), 1);
        hand.advance(TimeDelta::seconds(1));
        assert_eq!(browser.refresh(&last.refresh_token()).await.status, 401);
        accounts.prune().await.unwrap();
        for table in ["select count(*) from session", "select count(*) from refresh_token"] {
            let (left,): (i64,) = db.query(platform::sql::Sql::new(table)).one().await.unwrap();
            assert_eq!(left, 0, "{table}");
        }
        assert_eq!(browser.refresh(&last.refresh_token()).await.status, 401);
    }
}

async fn a_storm_of_old_tokens_ends_the_session_once(db: Db) {
    let accounts = open(&db, Settings { refresh_grace_s: 0, ..cheap() }).await;
    let browser = Browser::new(&accounts).await;
    let login = browser.enter().await;
    let child = browser.refresh(&login.refresh_token()).await;
    let old = login.refresh_token();
    let replies = join_all((0..25).map(|_| browser.refresh(&old))).await;
    assert!(replies.iter().all(|reply| reply.status == 401), "{replies:?}");
    assert_eq!(browser.refresh(&child.refresh_token()).await.status, 401);
    assert_eq!(events(&db).await.len(), 2);
    assert_books(&accounts).await;
}

async fn what_is_no_refresh_token_is_refused(db: Db) {
    let accounts = open(&db, cheap()).await;
    let browser = Browser::new(&accounts).await;
    let login = browser.enter().await;
    let unknown = "A".repeat(43);
    for token in ["", "x", &unknown, &login.access_token(), "../../etc", &"A".repeat(4_000)] {
        let reply = browser.refresh(token).await;
        assert_eq!((reply.status, reply.code()), (401, "unauthenticated"), "{token}");
    }
    let without = actix_web::test::TestRequest::post().uri("/v1/auth/refresh");
    assert_eq!(browser.send(without).await.status, 401);
    // A refresh token is no access token.
    assert_eq!(browser.me(&login.refresh_token()).await.status, 401);
    assert_eq!(browser.refresh(&login.refresh_token()).await.status, 200);
}

async fn tokens_are_stored_only_as_hashes(db: Db) {
    let accounts = open(&db, cheap()).await;
    let browser = Browser::new(&accounts).await;
    let login = browser.enter().await;
    let child = browser.refresh(&login.refresh_token()).await.refresh_token();
    let sql = platform::sql::Sql::new("select hash from refresh_token");
    let stored: Vec<(String,)> = db.query(sql).all().await.unwrap();
    assert_eq!(stored.len(), 2);
    for (hash,) in stored {
        assert_eq!(hash.len(), 64);
        assert!(hash != child && hash != login.refresh_token());
        assert_eq!(browser.refresh(&hash).await.status, 401, "a leaked hash opens nothing");
    }
}

async fn a_logout_elsewhere_is_picked_up(db: Db) {
    let folder = keys();
    let here = open_at(&db, cheap(), &folder).await;
    let there = open_at(&db, cheap(), &folder).await;
    let browser = Browser::new(&there).await;
    let login = browser.enter().await;
    let stays = browser.login(crate::shop::PASSWORD).await;
    let token = login.access_token();
    assert!(here.authenticate(&token).await.is_ok(), "nodes share the key");
    assert_eq!(browser.logout(&token).await.status, 204);
    here.poll_revocations().await.unwrap();
    assert!(here.authenticate(&token).await.is_err());
    assert!(here.authenticate(&stays.access_token()).await.is_ok());
    // A node that starts later knows it from the beginning.
    let later = open_at(&db, cheap(), &folder).await;
    assert!(later.authenticate(&token).await.is_err());
    assert!(later.authenticate(&stays.access_token()).await.is_ok());
}
