use actix_web::http::Method;
use auth::{Accounts, SCHEMA};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use chrono::TimeDelta;
use futures_util::future::join_all;
use kernel::ports::{Identity, Role};
use platform::sql::Db;
use serde_json::{Value, json};

use crate::authenticator::Authenticator;
use crate::shop::{Browser, Reply, at_a_standstill, cheap, events, open, open_with_letters};

platform::on_both_engines!(super::SCHEMA =>
    a_passkey_is_made_and_logs_in_without_a_name,
    bad_answers_are_refused,
    an_answer_is_looked_at_once,
    a_second_passkey_needs_the_first,
);

const POST: Method = Method::POST;
const PASSKEYS: &str = "/v1/auth/passkeys";
pub const LOGIN_START: &str = "/v1/auth/passkeys/login/start";
pub const LOGIN_FINISH: &str = "/v1/auth/passkeys/login/finish";

pub async fn start(browser: &Browser, token: &str) -> Reply {
    browser.ask(POST, "/v1/auth/passkeys/register/start", token, Value::Null).await
}

pub async fn finish(browser: &Browser, token: &str, asked: &Value, credential: Value) -> Reply {
    let body = json!({
        "ceremony_id": asked["ceremony_id"], "name": "phone", "credential": credential,
    });
    browser.ask(POST, "/v1/auth/passkeys/register/finish", token, body).await
}

pub async fn register(browser: &Browser, token: &str, device: &mut Authenticator) -> Reply {
    let asked = start(browser, token).await;
    assert_eq!(asked.status, 200, "{asked:?}");
    let made = device.make(&asked.json);
    finish(browser, token, &asked.json, made).await
}

async fn login(browser: &Browser, device: &mut Authenticator) -> Reply {
    let asked = browser.post(LOGIN_START, Value::Null).await;
    assert_eq!(asked.status, 200, "{asked:?}");
    let credential = device.sign(&asked.json);
    let body = json!({"ceremony_id": asked.json["ceremony_id"], "credential": credential});
    browser.post(LOGIN_FINISH, body).await
}

/// An account with a passkey: the shop, a browser, its token by password, its device.
pub async fn with_passkey(db: &Db) -> (Accounts, Browser, String, Authenticator) {
    let accounts = open(db, cheap()).await;
    let browser = Browser::new(&accounts).await;
    let token = browser.enter().await.access_token();
    let mut device = Authenticator::new();
    let made = register(&browser, &token, &mut device).await;
    assert_eq!(made.status, 201, "{made:?}");
    (accounts, browser, token, device)
}

async fn a_passkey_is_made_and_logs_in_without_a_name(db: Db) {
    let (accounts, letters) = open_with_letters(&db, cheap()).await;
    let browser = Browser::new(&accounts).await;
    let entered = browser.enter().await;
    let token = entered.access_token();
    let mut device = Authenticator::new();
    let asked = start(&browser, &token).await;
    let selection = &asked.json["options"]["publicKey"]["authenticatorSelection"];
    assert_eq!(selection["residentKey"], "required");
    assert_eq!(selection["userVerification"], "required");
    let made = device.make(&asked.json);
    let made = finish(&browser, &token, &asked.json, made).await;
    assert_eq!((made.status, &made.json["name"]), (201, &json!("phone")), "{made:?}");
    let told = letters.collect(&accounts, &db).await;
    assert!(told.iter().any(|mail| mail.kind == "factor_added"));

    let session = login(&browser, &mut device).await;
    assert_eq!(session.status, 200, "{session:?}");
    assert_eq!(session.json["customer"], entered.json["customer"]);
    let who = accounts.authenticate(&session.access_token()).await.unwrap();
    assert!(who.is_second_factor() && who.has_stepped_up(db.clock().now()));
    assert_eq!(browser.refresh(&session.refresh_token()).await.status, 200);
    let list = browser.ask(Method::GET, PASSKEYS, &token, Value::Null).await;
    assert!(list.json["items"][0]["last_used_at"].is_string(), "{list:?}");
    let mfa = browser.ask(Method::GET, "/v1/auth/mfa", &token, Value::Null).await;
    assert_eq!(
        mfa.json,
        json!({"totp": false, "recovery_codes": 0, "passkeys": 1, "email": false})
    );

    let path = format!("{PASSKEYS}/{}", made.json["id"].as_str().unwrap());
    let weak = browser.ask(Method::DELETE, &path, &token, Value::Null).await;
    assert_eq!((weak.status, weak.code()), (403, "mfa_required"), "a password is not enough");
    assert_eq!(weak.json["methods"], json!(["totp", "passkey"]));
    let (_, stranger) = browser.enter_as(&accounts, "bob@example.com", Role::Customer).await;
    let other = browser.ask(Method::DELETE, &path, &stranger, Value::Null).await;
    assert_eq!((other.status, other.code()), (404, "not_found"));
    let strong = session.access_token();
    assert_eq!(browser.ask(Method::DELETE, &path, &strong, Value::Null).await.status, 204);
    let gone = login(&browser, &mut device).await;
    assert_eq!((gone.status, gone.code()), (401, "passkey_refused"));
}

async fn bad_answers_are_refused(db: Db) {
    let (_, browser, _, mut device) = with_passkey(&db).await;
    let flip = |value: &Value| {
        let mut bytes = BASE64.decode(value.as_str().unwrap()).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        json!(BASE64.encode(bytes))
    };
    for member in ["signature", "authenticatorData", "clientDataJSON", "userHandle"] {
        let asked = browser.post(LOGIN_START, Value::Null).await.json;
        let mut credential = device.sign(&asked);
        credential["response"][member] = flip(&credential["response"][member]);
        let body = json!({"ceremony_id": asked["ceremony_id"], "credential": credential});
        let refused = browser.post(LOGIN_FINISH, body).await;
        assert_eq!((refused.status, refused.code()), (401, "passkey_refused"), "{member}");
    }
    device.origin = "https://evil.example".to_owned();
    assert_eq!(login(&browser, &mut device).await.code(), "passkey_refused", "a page of others");
    device.origin = "http://localhost:8080".to_owned();
    device.verifies = false;
    assert_eq!(login(&browser, &mut device).await.code(), "passkey_refused", "nobody's finger");
    device.verifies = true;
    let unknown = login(&browser, &mut Authenticator::new()).await;
    assert_eq!(unknown.code(), "passkey_refused");

    let asked = browser.post(LOGIN_START, Value::Null).await.json;
    for (body, field) in [
        (json!({}), "ceremony_id"),
        (json!({"ceremony_id": "x", "credential": {}}), "ceremony_id"),
        (json!({"ceremony_id": asked["ceremony_id"], "credential": {}}), "credential.id"),
        (json!({"ceremony_id": asked["ceremony_id"], "credential": 1}), "credential"),
        (json!({"ceremony_id": asked["ceremony_id"], "credential": {}, "x": 1}), "x"),
    ] {
        let refused = browser.post(LOGIN_FINISH, body).await;
        assert_eq!((refused.status, refused.code()), (422, "invalid_value"), "{field}");
        assert_eq!(refused.json["errors"][0]["field"], field);
    }
    let body = json!({"ceremony_id": uuid::Uuid::now_v7(), "credential": device.sign(&asked)});
    let unknown = browser.post(LOGIN_FINISH, body).await;
    assert_eq!((unknown.status, unknown.code()), (401, "passkey_refused"));
    device.counter = 5;
    assert_eq!(login(&browser, &mut device).await.status, 200);
    device.counter = 4;
    assert_eq!(login(&browser, &mut device).await.code(), "passkey_refused", "perhaps a copy");
    device.counter = 6;
    assert_eq!(login(&browser, &mut device).await.status, 200);
}

async fn an_answer_is_looked_at_once(db: Db) {
    let (_, browser, _, mut device) = with_passkey(&db).await;
    let before = events(&db).await.len();
    let asked = browser.post(LOGIN_START, Value::Null).await.json;
    let body = json!({"ceremony_id": asked["ceremony_id"], "credential": device.sign(&asked)});
    let replies = join_all((0..50).map(|_| browser.post(LOGIN_FINISH, body.clone()))).await;
    let opened = replies.iter().filter(|reply| reply.status == 200).count();
    assert_eq!(opened, 1, "{replies:?}");
    assert!(replies.iter().all(|reply| reply.status == 200 || reply.code() == "passkey_refused"));
    assert_eq!(events(&db).await.len(), before);
}

async fn a_second_passkey_needs_the_first(db: Db) {
    let (accounts, browser, weak, mut device) = with_passkey(&db).await;
    let refused = start(&browser, &weak).await;
    assert_eq!((refused.status, refused.code()), (403, "mfa_required"));
    let strong = login(&browser, &mut device).await.access_token();
    let asked = start(&browser, &strong).await;
    let known = asked.json["options"]["publicKey"]["excludeCredentials"].as_array().unwrap();
    assert_eq!(known.len(), 1, "a device does not make two");
    let again = device.make(&asked.json);
    let again = finish(&browser, &strong, &asked.json, again).await;
    assert_eq!(again.status, 401, "{again:?}");
    assert_eq!(register(&browser, &strong, &mut Authenticator::new()).await.status, 201);

    // Nobody finishes what somebody else was asked.
    let (_, stranger) = browser.enter_as(&accounts, "bob@example.com", Role::Customer).await;
    let asked = start(&browser, &strong).await;
    let made = Authenticator::new().make(&asked.json);
    let other = finish(&browser, &stranger, &asked.json, made).await;
    assert_eq!((other.status, other.code()), (401, "passkey_refused"));
    let asked = start(&browser, &stranger).await;
    let mut body = json!({"ceremony_id": asked.json["ceremony_id"], "name": ""});
    body["credential"] = Authenticator::new().make(&asked.json);
    let path = "/v1/auth/passkeys/register/finish";
    let unnamed = browser.ask(POST, path, &stranger, body).await;
    assert_eq!((unnamed.status, unnamed.code()), (422, "invalid_value"));
    let guest = browser.post("/v1/auth/guest", Value::Null).await.access_token();
    assert_eq!(start(&browser, &guest).await.code(), "forbidden");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_asked_is_worth_five_minutes() {
    for (db, hand) in at_a_standstill().await {
        let (accounts, browser, _, mut device) = with_passkey(&db).await;
        let asked = browser.post(LOGIN_START, Value::Null).await.json;
        let body = json!({"ceremony_id": asked["ceremony_id"], "credential": device.sign(&asked)});
        hand.advance(TimeDelta::seconds(300));
        let late = browser.post(LOGIN_FINISH, body).await;
        assert_eq!((late.status, late.code()), (401, "passkey_refused"));
        accounts.prune().await.unwrap();
        let left = platform::sql::Sql::new("select count(*) from passkey_ceremony");
        let (left,): (i64,) = db.query(left).one().await.unwrap();
        assert_eq!(left, 0);
    }
}
