//! Answers of passkeys that were made for another page, another question or another account, and
//! credentials whose time is over.

use actix_web::cookie::Cookie;
use actix_web::http::Method;
use actix_web::test::TestRequest;
use auth::SCHEMA;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use chrono::TimeDelta;
use kernel::ports::Role;
use platform::sql::{Db, Sql};
use serde_json::{Value, json};

use crate::authenticator::Authenticator;
use crate::passkeys::{LOGIN_FINISH, LOGIN_START, finish, start, with_passkey};
use crate::shop::{Browser, Reply, at_a_standstill, cheap, open};

platform::on_both_engines!(super::SCHEMA =>
    an_answer_is_to_the_question_that_was_asked,
    a_passkey_is_made_for_this_shop_and_this_account,
);

const REFUSED: (u16, &str) = (401, "passkey_refused");
const INVALID: (u16, &str) = (422, "invalid_value");

fn said(reply: &Reply) -> (u16, &str) {
    (reply.status, reply.code())
}

async fn sessions(db: &Db) -> i64 {
    let (count,): (i64,) = db.query(Sql::new("select count(*) from session")).one().await.unwrap();
    count
}

fn spoiled(credential: &Value, member: &str, value: Value) -> Value {
    let mut credential = credential.clone();
    match member.split_once('.') {
        Some((outer, inner)) => credential[outer][inner] = value,
        None => credential[member] = value,
    }
    credential
}

/// The client data of an answer with another member.
fn with_client_data(credential: &Value, member: &str, value: &str) -> Value {
    let text = credential["response"]["clientDataJSON"].as_str().unwrap();
    let mut data: Value = serde_json::from_slice(&BASE64.decode(text).unwrap()).unwrap();
    data[member] = json!(value);
    spoiled(credential, "response.clientDataJSON", json!(BASE64.encode(data.to_string())))
}

async fn an_answer_is_to_the_question_that_was_asked(db: Db) {
    let (_, browser, _, mut device) = with_passkey(&db).await;
    let before = sessions(&db).await;
    let ask = async || browser.post(LOGIN_START, Value::Null).await.json;
    let answer = async |asked: &Value, credential: Value| {
        let body = json!({"ceremony_id": asked["ceremony_id"], "credential": credential});
        browser.post(LOGIN_FINISH, body).await
    };
    // Asked elsewhere: for another domain, with another question, of another time.
    for (name, member, value) in [
        ("another domain", "rpId", json!("evil.example")),
        ("a domain below", "rpId", json!("pay.localhost")),
        ("another question", "challenge", json!(BASE64.encode([7; 32]))),
        ("no question", "challenge", json!("")),
    ] {
        let asked = ask().await;
        let mut elsewhere = asked.clone();
        elsewhere["options"]["publicKey"][member] = value;
        assert_eq!(said(&answer(&asked, device.sign(&elsewhere)).await), REFUSED, "{name}");
    }
    let (first, second) = (ask().await, ask().await);
    assert_eq!(said(&answer(&second, device.sign(&first)).await), REFUSED, "of another ceremony");
    for origin in [
        "http://localhost:8081",
        "https://localhost:8080",
        "http://localhost.evil.example:8080",
        "null",
        "",
    ] {
        let asked = ask().await;
        origin.clone_into(&mut device.origin);
        assert_eq!(said(&answer(&asked, device.sign(&asked)).await), REFUSED, "{origin}");
    }
    "http://localhost:8080".clone_into(&mut device.origin);
    // Put together from a good answer: the signature is over something else.
    for (member, value) in
        [("type", "webauthn.create"), ("origin", "https://evil.example"), ("challenge", "AAAA")]
    {
        let asked = ask().await;
        let changed = with_client_data(&device.sign(&asked), member, value);
        assert_eq!(said(&answer(&asked, changed).await), REFUSED, "{member}");
    }
    // What is no answer at all.
    let asked = ask().await;
    let good = device.sign(&asked);
    for (name, credential) in [
        ("a word", json!("hello")),
        ("a list", json!([good])),
        ("null", Value::Null),
        ("an empty object", json!({})),
        ("no response", spoiled(&good, "response", Value::Null)),
        ("a response that is a word", spoiled(&good, "response", json!("x"))),
        ("no signature", spoiled(&good, "response.signature", Value::Null)),
        ("a signature that is a number", spoiled(&good, "response.signature", json!(1))),
        ("a signature that is no base64", spoiled(&good, "response.signature", json!("!!!"))),
        ("an id that is no base64", spoiled(&good, "rawId", json!("ü"))),
    ] {
        let refused = answer(&asked, credential).await;
        assert_eq!(said(&refused), INVALID, "{name}: {refused:?}");
        let field = refused.json["errors"][0]["field"].as_str().unwrap();
        assert!(field.starts_with("credential"), "{name}: {field}");
    }
    assert_eq!(sessions(&db).await, before, "nobody was let in");
    for (name, credential) in [
        ("an empty signature", spoiled(&good, "response.signature", json!(""))),
        ("data that is cut", spoiled(&good, "response.authenticatorData", json!("AAAA"))),
        ("client data that is no JSON", spoiled(&good, "response.clientDataJSON", json!("AAAA"))),
        ("another id", spoiled(&spoiled(&good, "rawId", json!("AAAA")), "id", json!("AAAA"))),
    ] {
        let refused = answer(&ask().await, credential).await;
        assert_eq!(said(&refused), REFUSED, "{name}: {refused:?}");
    }
    let asked = ask().await;
    let good = device.sign(&asked);
    assert_eq!(answer(&asked, good.clone()).await.status, 200);
    assert_eq!(said(&answer(&asked, good).await), REFUSED, "once");
    assert_eq!(sessions(&db).await, before + 1);
}

async fn a_passkey_is_made_for_this_shop_and_this_account(db: Db) {
    let (accounts, browser, _, mut ada_s) = with_passkey(&db).await;
    let (_, bob) = browser.enter_as(&accounts, "bob@example.com", Role::Customer).await;
    let none = async || {
        let list = browser.ask(Method::GET, "/v1/auth/passkeys", &bob, Value::Null).await;
        assert_eq!(list.json["items"], json!([]));
    };
    let asked = start(&browser, &bob).await.json;
    let copied = finish(&browser, &bob, &asked, ada_s.make(&asked)).await;
    assert_eq!(said(&copied), (409, "conflict"), "it is another account's: {copied:?}");
    for (name, member) in [("another question", "challenge"), ("another domain", "rp")] {
        let asked = start(&browser, &bob).await.json;
        let mut elsewhere = asked.clone();
        elsewhere["options"]["publicKey"][member] = match member {
            "rp" => json!({"id": "evil.example", "name": "Evil"}),
            _ => json!(BASE64.encode([7; 32])),
        };
        let made = Authenticator::new().make(&elsewhere);
        assert_eq!(said(&finish(&browser, &bob, &asked, made).await), REFUSED, "{name}");
    }
    for (name, spoil) in [("a page of others", true), ("nobody's finger", false)] {
        let mut device = Authenticator::new();
        if spoil {
            "https://evil.example".clone_into(&mut device.origin);
        }
        device.verifies = spoil;
        let asked = start(&browser, &bob).await.json;
        let made = device.make(&asked);
        assert_eq!(said(&finish(&browser, &bob, &asked, made).await), REFUSED, "{name}");
    }
    let asked = start(&browser, &bob).await.json;
    let good = Authenticator::new().make(&asked);
    for (name, credential) in [
        ("a word", json!("x")),
        ("no response", spoiled(&good, "response", json!({}))),
        ("no base64", spoiled(&good, "response.attestationObject", json!("!"))),
    ] {
        assert_eq!(said(&finish(&browser, &bob, &asked, credential).await), INVALID, "{name}");
    }
    none().await;
    let cut = spoiled(&good, "response.attestationObject", json!("AAAA"));
    assert_eq!(said(&finish(&browser, &bob, &asked, cut).await), REFUSED, "no attestation");
    none().await;
    assert_eq!(said(&finish(&browser, &bob, &asked, good).await), REFUSED, "asked once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_has_expired_opens_nothing() {
    for (db, hand) in at_a_standstill().await {
        let accounts = open(&db, cheap()).await;
        let browser = Browser::new(&accounts).await;
        let login = browser.enter().await;
        let (_, admin) = browser.enter_as(&accounts, "root@example.com", Role::Admin).await;
        let end = db.clock().now() + TimeDelta::seconds(60);
        let key = json!({"name": "old", "permissions": ["stock.read"], "expires_at": end});
        let key = browser.ask(Method::POST, "/v1/admin/api-keys", &admin, key).await;
        let key = key.json["key"].as_str().unwrap().to_owned();
        let by_cookie = || {
            let cookie = Cookie::new("__Host-stoa_session", login.access_token());
            browser.send(TestRequest::get().uri("/v1/auth/me").cookie(cookie))
        };
        assert_eq!(by_cookie().await.status, 200);
        assert_eq!(
            said(&browser.me(&key).await),
            (403, "forbidden"),
            "known, and nobody's account"
        );
        hand.advance(TimeDelta::seconds(60));
        assert_eq!(said(&browser.me(&key).await), (401, "unauthenticated"));
        hand.advance(TimeDelta::seconds(840));
        assert_eq!(said(&by_cookie().await), (401, "unauthenticated"));
        assert_eq!(said(&browser.me(&login.access_token()).await), (401, "unauthenticated"));
        assert_eq!(
            browser.refresh(&login.refresh_token()).await.status,
            200,
            "the session goes on"
        );
        hand.advance(TimeDelta::days(30));
        assert_eq!(said(&browser.refresh(&login.refresh_token()).await), (401, "unauthenticated"));
    }
}
