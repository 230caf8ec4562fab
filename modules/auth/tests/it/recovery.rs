//! What letters open.

use actix_web::http::Method;
use auth::{SCHEMA, Settings};
use chrono::TimeDelta;
use futures_util::future::join_all;
use kernel::ports::Role;
use platform::sql::{Db, Sql};
use serde_json::{Value, json};

use crate::shop::{
    Browser, EMAIL, PASSWORD, WINDOW_WITHOUT_END, assert_books, at_a_standstill, cheap, events,
    open_with_letters, token_of,
};

platform::on_both_engines!(super::SCHEMA =>
    an_address_is_verified_by_its_letter,
    a_forgotten_password_is_replaced_by_a_letter,
    strange_addresses_are_answered_alike,
    of_many_uses_of_a_link_one_wins,
    a_password_is_changed_by_the_old_one,
    what_is_told_goes_to_the_address_of_before,
    an_account_moves_to_another_address,
    a_letter_box_is_not_filled,
    what_letters_open_is_stored_and_told_nowhere,
    bad_links_open_nothing,
);

const POST: Method = Method::POST;
const RESET: &str = "/v1/auth/password/reset";
const CONFIRM: &str = "/v1/auth/password/reset/confirm";
const NEW: &str = "another horse battery";

async fn an_address_is_verified_by_its_letter(db: Db) {
    let (accounts, letters) = open_with_letters(&db, cheap()).await;
    let browser = Browser::new(&accounts).await;
    let token = browser.enter().await.access_token();
    assert_eq!(browser.me(&token).await.json["email_verified"], false);
    let letter = letters.only(&accounts, &db, "verify_email").await;
    assert_eq!(letter.to, EMAIL);
    assert!(letter.text.contains("/account/verify-email#token="), "{}", letter.text);

    let again = browser.ask(POST, "/v1/auth/email/verification", &token, Value::Null).await;
    assert_eq!(again.status, 202);
    let newer = letters.only(&accounts, &db, "verify_email").await;
    let body = |letter| json!({"token": token_of(letter)});
    let old = browser.post("/v1/auth/email/verify", body(&letter)).await;
    assert_eq!((old.status, old.code()), (410, "link_invalid"), "a newer letter was written");
    assert_eq!(browser.post("/v1/auth/email/verify", body(&newer)).await.status, 204);
    let twice = browser.post("/v1/auth/email/verify", body(&newer)).await;
    assert_eq!((twice.status, twice.code()), (410, "link_invalid"));
    assert_eq!(browser.me(&token).await.json["email_verified"], true);
    let again = browser.ask(POST, "/v1/auth/email/verification", &token, Value::Null).await;
    assert_eq!(again.status, 202);
    assert!(letters.collect(&accounts, &db).await.is_empty(), "there is nothing to verify");
    let told = [("customer.registered".to_owned(), 1), ("customer.verified".to_owned(), 2)];
    assert_eq!(events(&db).await, told);
    assert_books(&accounts).await;
}

async fn a_forgotten_password_is_replaced_by_a_letter(db: Db) {
    let (accounts, letters) = open_with_letters(&db, cheap()).await;
    let browser = Browser::new(&accounts).await;
    let before = browser.enter().await;
    letters.collect(&accounts, &db).await;
    for _ in 0..2 {
        let asked = browser.post(RESET, json!({"email": " Ada@Example.COM"})).await;
        assert_eq!((asked.status, asked.json), (202, Value::Null));
    }
    let found = letters.collect(&accounts, &db).await;
    assert_eq!(found.len(), 1, "the first was superseded before it was sent");
    let token = token_of(&found[0]);
    let weak = browser.post(CONFIRM, json!({"token": token, "password": "password1"})).await;
    assert_eq!((weak.status, weak.code()), (422, "invalid_value"));
    assert_eq!(weak.json["errors"][0]["field"], "password");
    let done = browser.post(CONFIRM, json!({"token": token, "password": NEW})).await;
    assert_eq!(done.status, 204, "{done:?}");
    let twice = browser.post(CONFIRM, json!({"token": token, "password": NEW})).await;
    assert_eq!((twice.status, twice.code()), (410, "link_invalid"));

    assert_eq!(browser.me(&before.access_token()).await.status, 401, "every session has ended");
    assert_eq!(browser.refresh(&before.refresh_token()).await.status, 401);
    assert_eq!(browser.login(PASSWORD).await.status, 401);
    let login = browser.login(NEW).await;
    assert_eq!(login.status, 200);
    assert_eq!(login.json["customer"]["email_verified"], true, "the letter has arrived");
    let notice = letters.only(&accounts, &db, "password_changed").await;
    assert!(!notice.text.contains("#token="));
    assert_books(&accounts).await;
}

/// The same status, headers and body, and the same statements run.
async fn strange_addresses_are_answered_alike(db: Db) {
    let (accounts, letters) = open_with_letters(&db, cheap()).await;
    let browser = Browser::new(&accounts).await;
    browser.enter().await;
    letters.collect(&accounts, &db).await;
    let known = browser.post(RESET, json!({"email": EMAIL})).await;
    let strange = browser.post(RESET, json!({"email": "nobody@example.com"})).await;
    assert_eq!((known.status, &known.json), (strange.status, &strange.json));
    assert_eq!(format!("{:?}", known.headers), format!("{:?}", strange.headers));
    let found = letters.collect(&accounts, &db).await;
    assert_eq!(found.iter().map(|mail| mail.to.as_str()).collect::<Vec<_>>(), [EMAIL]);
    let written = "select count(*), count(customer_id) from letter where kind <> 'verify_email'";
    let (all, sent): (i64, i64) = db.query(Sql::new(written)).one().await.unwrap();
    assert_eq!((all, sent), (2, 1), "as much is written for a stranger");
}

async fn of_many_uses_of_a_link_one_wins(db: Db) {
    let (accounts, letters) = open_with_letters(&db, cheap()).await;
    let browser = Browser::new(&accounts).await;
    browser.enter().await;
    browser.post(RESET, json!({"email": EMAIL})).await;
    let token = token_of(&letters.only(&accounts, &db, "reset_password").await);
    let replies = join_all((0..50).map(|n| {
        let password = format!("battery number {n} of fifty");
        browser.post(CONFIRM, json!({"token": token, "password": password}))
    }))
    .await;
    let won: Vec<usize> = (0..50).filter(|n| replies[*n].status == 204).collect();
    assert_eq!(won.len(), 1, "{replies:?}");
    assert!(replies.iter().all(|reply| matches!(reply.status, 204 | 410)), "{replies:?}");
    assert_eq!(browser.login(&format!("battery number {} of fifty", won[0])).await.status, 200);
    assert_eq!(letters.collect(&accounts, &db).await.len(), 1, "told once");
}

async fn a_password_is_changed_by_the_old_one(db: Db) {
    let (accounts, letters) =
        open_with_letters(&db, Settings { failure_window_s: WINDOW_WITHOUT_END, ..cheap() }).await;
    let browser = Browser::new(&accounts).await;
    let other = browser.enter().await.access_token();
    let own = browser.login(PASSWORD).await.access_token();
    browser.post(RESET, json!({"email": EMAIL})).await;
    let found = letters.collect(&accounts, &db).await;
    let reset = found.iter().find(|mail| mail.kind == "reset_password").unwrap();
    let change = |old: &str, new: &str| {
        let body = json!({"password": old, "new_password": new});
        browser.ask(POST, "/v1/auth/password/change", &own, body)
    };
    let wrong = change("wrong horse battery", NEW).await;
    assert_eq!((wrong.status, wrong.code()), (401, "invalid_credentials"));
    let weak = change(PASSWORD, "12345678").await;
    assert_eq!((weak.status, weak.code()), (422, "invalid_value"));
    assert_eq!(change(PASSWORD, NEW).await.status, 204);
    assert_eq!(browser.me(&own).await.status, 200, "the session that asked goes on");
    assert_eq!(browser.me(&other).await.status, 401, "the others have ended");
    assert_eq!(browser.login(PASSWORD).await.status, 401);
    assert_eq!(browser.login(NEW).await.status, 200);
    let body = json!({"token": token_of(reset), "password": PASSWORD});
    let late = browser.post(CONFIRM, body).await;
    assert_eq!((late.status, late.code()), (410, "link_invalid"), "older letters open nothing");
    assert_eq!(letters.collect(&accounts, &db).await[0].kind, "password_changed");

    let guest = browser.post("/v1/auth/guest", Value::Null).await.access_token();
    let body = json!({"password": PASSWORD, "new_password": NEW});
    let none = browser.ask(POST, "/v1/auth/password/change", &guest, body.clone()).await;
    assert_eq!((none.status, none.code()), (403, "forbidden"));
    let nobody = browser.post("/v1/auth/password/change", body).await;
    assert_eq!((nobody.status, nobody.code()), (401, "unauthenticated"));
    // Guesses here count as those in a login do, of which there was one.
    for _ in 0..8 {
        assert_eq!(change("wrong horse battery", NEW).await.status, 401);
    }
    let held = change(NEW, PASSWORD).await;
    assert_eq!((held.status, held.code()), (429, "too_many_attempts"));
}

/// Whoever takes an account over would move it away at once.
async fn what_is_told_goes_to_the_address_of_before(db: Db) {
    let (accounts, letters) = open_with_letters(&db, cheap()).await;
    let browser = Browser::new(&accounts).await;
    let own = browser.enter().await.access_token();
    letters.collect(&accounts, &db).await;
    for (old, new) in [(PASSWORD, NEW), (NEW, PASSWORD)] {
        let body = json!({"password": old, "new_password": new});
        let changed = browser.ask(POST, "/v1/auth/password/change", &own, body).await;
        assert_eq!(changed.status, 204, "{changed:?}");
    }
    let mut tx = db.begin("test.move").await.unwrap();
    let moved = Sql::new("update customer set email_index = 'elsewhere'");
    tx.query(moved).execute().await.unwrap();
    tx.commit().await.unwrap();
    let found = letters.collect(&accounts, &db).await;
    let told: Vec<_> = found.iter().map(|mail| (mail.kind.as_str(), mail.to.as_str())).collect();
    assert_eq!(told, [("password_changed", EMAIL); 2], "none takes the other's place");
}

async fn an_account_moves_to_another_address(db: Db) {
    let (accounts, letters) = open_with_letters(&db, cheap()).await;
    let browser = Browser::new(&accounts).await;
    let other = browser.enter().await.access_token();
    let own = browser.login(PASSWORD).await.access_token();
    browser.enter_as(&accounts, "taken@example.com", Role::Customer).await;
    letters.collect(&accounts, &db).await;
    let ask = |email: &str, password: &str| {
        let body = json!({"email": email, "password": password});
        browser.ask(POST, "/v1/auth/email/change", &own, body)
    };
    let wrong = ask("ada@example.org", "wrong horse battery").await;
    assert_eq!((wrong.status, wrong.code()), (401, "invalid_credentials"));
    let bad = ask("ada", PASSWORD).await;
    assert_eq!((bad.status, bad.code()), (422, "invalid_value"));
    assert_eq!(ask("taken@example.com", PASSWORD).await.status, 202);
    let found = letters.collect(&accounts, &db).await;
    let told: Vec<_> = found.iter().map(|mail| (mail.kind.as_str(), mail.to.as_str())).collect();
    assert_eq!(told, [("email_changing", EMAIL)], "nobody learns that it is taken");

    assert_eq!(ask("ada@example.org", PASSWORD).await.status, 202);
    let found = letters.collect(&accounts, &db).await;
    let told: Vec<_> = found.iter().map(|mail| (mail.kind.as_str(), mail.to.as_str())).collect();
    assert_eq!(told.len(), 2);
    assert!(told.contains(&("email_changing", EMAIL)));
    assert!(told.contains(&("change_email", "ada@example.org")));
    assert_eq!(browser.me(&own).await.json["email"], EMAIL, "not before it is confirmed");
    let link = found.iter().find(|mail| mail.kind == "change_email").unwrap();
    let body = json!({"token": token_of(link)});
    let confirm = "/v1/auth/email/change/confirm";
    assert_eq!(browser.ask(POST, confirm, &own, body.clone()).await.status, 204);
    let twice = browser.ask(POST, confirm, &own, body).await;
    assert_eq!((twice.status, twice.code()), (410, "link_invalid"));
    let me = browser.me(&own).await.json;
    assert_eq!((&me["email"], &me["email_verified"]), (&json!("ada@example.org"), &json!(true)));
    assert_eq!(browser.me(&other).await.status, 401, "the other sessions have ended");
    assert_eq!(browser.login(PASSWORD).await.status, 401, "the old address is nobody's");
    let notice = letters.only(&accounts, &db, "email_changed").await;
    assert_eq!(notice.to, EMAIL);
    assert_books(&accounts).await;
}

async fn a_letter_box_is_not_filled(db: Db) {
    let (accounts, letters) =
        open_with_letters(&db, Settings { failure_window_s: WINDOW_WITHOUT_END, ..cheap() }).await;
    let browser = Browser::new(&accounts).await;
    browser.enter().await;
    letters.collect(&accounts, &db).await;
    for email in [EMAIL, "nobody@example.com"] {
        let replies = join_all((0..20).map(|_| browser.post(RESET, json!({"email": email})))).await;
        let count = |status| replies.iter().filter(|reply| reply.status == status).count();
        assert_eq!((count(202), count(429)), (5, 15), "{email}");
        let over = replies.iter().find(|reply| reply.status == 429).unwrap();
        assert_eq!(over.code(), "too_many_attempts");
        assert!(over.header("retry-after").parse::<u64>().unwrap() > 0);
    }
}

async fn what_letters_open_is_stored_and_told_nowhere(db: Db) {
    let (accounts, letters) = open_with_letters(&db, cheap()).await;
    let browser = Browser::new(&accounts).await;
    browser.enter().await;
    browser.post(RESET, json!({"email": EMAIL})).await;
    let tokens: Vec<String> = letters.collect(&accounts, &db).await.iter().map(token_of).collect();
    assert_eq!(tokens.len(), 2);
    platform::outbox::sequence(&db).await.unwrap();
    let told = format!("{:?}", platform::outbox::read_after(&db, 0, 100).await.unwrap());
    let stored = "select token_hash, email_index from letter";
    let stored: Vec<(String, String)> = db.query(Sql::new(stored)).all().await.unwrap();
    for token in &tokens {
        assert!(!told.contains(token) && !told.contains(EMAIL), "{told}");
        assert!(stored.iter().all(|(hash, _)| hash != token && hash.len() == 64));
        let by_hash = browser.post("/v1/auth/email/verify", json!({"token": stored[0].0})).await;
        assert_eq!(by_hash.status, 410, "a leaked hash opens nothing");
    }
}

async fn bad_links_open_nothing(db: Db) {
    let (accounts, letters) = open_with_letters(&db, cheap()).await;
    let browser = Browser::new(&accounts).await;
    browser.enter().await;
    let good = token_of(&letters.only(&accounts, &db, "verify_email").await);
    let unknown = "A".repeat(43);
    let long = "A".repeat(100_000);
    for token in ["", "x", "../../etc", "' or 1=1 --", &unknown, &long, &format!("{good}A")] {
        for path in ["/v1/auth/email/verify", "/v1/auth/email/change/confirm"] {
            let reply = browser.post(path, json!({"token": token})).await;
            assert_eq!((reply.status, reply.code()), (410, "link_invalid"), "{path} {token}");
        }
        let reply = browser.post(CONFIRM, json!({"token": token, "password": NEW})).await;
        assert_eq!((reply.status, reply.code()), (410, "link_invalid"), "{token}");
    }
    // A link opens what it was written for and nothing else.
    let reply = browser.post(CONFIRM, json!({"token": good, "password": NEW})).await;
    assert_eq!((reply.status, reply.code()), (410, "link_invalid"));
    for (path, body, field) in [
        ("/v1/auth/email/verify", json!({"token": 1}), "token"),
        ("/v1/auth/email/verify", json!({}), "token"),
        (RESET, json!({"email": "ada"}), "email"),
        (RESET, json!({"mail": EMAIL}), "mail"),
        (CONFIRM, json!({"token": good, "password": "a"}), "token"),
    ] {
        let reply = browser.post(path, body).await;
        if path == CONFIRM {
            assert_eq!(reply.status, 410);
            continue;
        }
        assert_eq!((reply.status, reply.code()), (422, "invalid_value"), "{path}");
        assert_eq!(reply.json["errors"][0]["field"], field);
    }
    assert_eq!(browser.post("/v1/auth/email/verify", json!({"token": good})).await.status, 204);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_link_closes_after_its_time() {
    for (db, hand) in at_a_standstill().await {
        let (accounts, letters) = open_with_letters(&db, cheap()).await;
        let browser = Browser::new(&accounts).await;
        browser.enter().await;
        browser.post(RESET, json!({"email": EMAIL})).await;
        let token = token_of(&letters.only(&accounts, &db, "reset_password").await);
        hand.advance(TimeDelta::seconds(3_600));
        let late = browser.post(CONFIRM, json!({"token": token, "password": NEW})).await;
        assert_eq!((late.status, late.code()), (410, "link_invalid"));
        hand.advance(TimeDelta::days(8));
        accounts.prune().await.unwrap();
        let (left,): (i64,) =
            db.query(Sql::new("select count(*) from letter")).one().await.unwrap();
        assert_eq!(left, 0);
    }
}
