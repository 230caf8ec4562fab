//! What is personal is sealed, and shown to whom it is shown as before.

use std::sync::Arc;

use actix_web::http::Method;
use actix_web::test::TestRequest;
use auth::{Accounts, OpenError, SCHEMA};
use kernel::Clock;
use kernel::id::CustomerId;
use kernel::ports::{People as _, PersonalRecords, Role};
use platform::audit::Actor;
use platform::module::Schema;
use platform::personal::People;
use platform::sql::{Db, Engine, Postgres, Sql, Sqlite};
use platform::testing::TestKeys;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::authenticator::Authenticator;
use crate::passkeys::register;
use crate::shop::{
    Browser, EMAIL, LetterBox, PASSWORD, Reply, assert_books, cheap, keys, open, open_at,
    open_with_letters, token_of,
};

platform::on_both_engines!(super::SCHEMA =>
    nothing_personal_stands_in_any_table,
    the_staff_is_not_named_in_the_log,
    records_tell_what_is_kept_and_no_secret,
    contacts_are_those_of_accounts,
    a_letter_goes_where_the_account_is,
    accounts_are_not_opened_with_another_secret,
);

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const BROWSER: &str = "Analytical Engine/1.0";
const CLIENT: &str = "203.0.113.77";
pub const MOVED: &str = "countess@example.org";

/// All that stands in the tables of a database, as text in small letters.
pub async fn all_text(db: &Db) -> String {
    let mut all = String::new();
    for table in tables(db).await {
        let rows: Vec<(String,)> = db.query(leak(rows_of(db, &table).await)).all().await.unwrap();
        for (row,) in rows {
            all.push_str(&format!("{table}: {row}\n").to_lowercase());
        }
    }
    all
}

async fn tables(db: &Db) -> Vec<String> {
    let names = Sql::split(
        "select name from sqlite_master where type = 'table'",
        "select cast(tablename as text) from pg_tables where schemaname = current_schema()",
    );
    let rows: Vec<(String,)> = db.query(names).all().await.unwrap();
    assert!(rows.iter().any(|(name,)| name == "customer"), "{rows:?}");
    rows.into_iter().map(|(name,)| name).collect()
}

async fn rows_of(db: &Db, table: &str) -> String {
    if db.engine() == Engine::Postgres {
        return format!("select cast(t as text) from \"{table}\" t");
    }
    let columns = Sql::new("select name from pragma_table_info($1)");
    let columns: Vec<(String,)> = db.query(columns).bind(table).all().await.unwrap();
    let columns: Vec<String> =
        columns.into_iter().map(|(name,)| format!("quote(\"{name}\")")).collect();
    format!("select {} from \"{table}\"", columns.join(" || ', ' || "))
}

fn leak(text: String) -> Sql {
    Sql::new(Box::leak(text.into_boxed_str()))
}

/// Fails when one of these stands somewhere, plain or in hex. They are longer than what chance makes of
/// the letters of something sealed.
pub fn assert_absent(text: &str, words: &[&str]) {
    for word in words.iter().map(|word| word.to_lowercase()) {
        for form in [hex::encode(&word), word] {
            let found = text.lines().find(|line| line.contains(&form));
            assert!(found.is_none(), "{form} is in {found:?}");
        }
    }
}

fn from_somewhere(request: TestRequest) -> TestRequest {
    let client = format!("{CLIENT}:4711").parse().unwrap();
    request.insert_header(("user-agent", BROWSER)).peer_addr(client)
}

pub async fn login(browser: &Browser, email: &str) -> Reply {
    let body = json!({"email": email, "password": PASSWORD});
    browser.send(from_somewhere(TestRequest::post().uri("/v1/auth/login")).set_json(body)).await
}

async fn sign_up(browser: &Browser) -> Reply {
    let body = json!({"email": EMAIL, "password": PASSWORD, "name": "Ada Lovelace"});
    let signed_up = browser.post("/v1/auth/register", body).await;
    assert_eq!(signed_up.status, 201, "{signed_up:?}");
    login(browser, EMAIL).await
}

pub const WORDS: [&str; 10] = [
    EMAIL,
    MOVED,
    "ada@",
    "countess",
    "Lovelace",
    "Analytical",
    CLIENT,
    "\"phone\"",
    "'phone'",
    "nobody",
];

async fn nothing_personal_stands_in_any_table(db: Db) {
    let (accounts, letters) = open_with_letters(&db, cheap()).await;
    let browser = Browser::new(&accounts).await;
    let guest = from_somewhere(TestRequest::post().uri("/v1/auth/guest"));
    assert_eq!(browser.send(guest.set_json(Value::Null)).await.status, 201);
    let entered = sign_up(&browser).await;
    let token = entered.access_token();
    assert_eq!(entered.json["customer"]["name"], "Ada Lovelace");
    let refreshed = browser.refresh(&entered.refresh_token()).await;
    assert_eq!(refreshed.json["customer"]["email"], EMAIL);
    let sessions = browser.ask(GET, "/v1/auth/sessions", &token, Value::Null).await;
    let session = &sessions.json["items"][0];
    assert_eq!((&session["user_agent"], &session["address"]), (&json!(BROWSER), &json!(CLIENT)));
    let wrong = json!({"email": EMAIL, "password": "a wrong password"});
    assert_eq!(browser.post("/v1/auth/login", wrong).await.status, 401);
    for email in [EMAIL, "nobody@example.com"] {
        let asked = browser.post("/v1/auth/password/reset", json!({"email": email})).await;
        assert_eq!(asked.status, 202);
    }
    let asked = browser.ask(POST, "/v1/auth/mfa/email", &token, Value::Null).await;
    assert_eq!(asked.status, 202, "{asked:?}");
    assert_absent(&all_text(&db).await, &WORDS);

    move_away(&browser, &token, &accounts, &letters, &db).await;
    let me = browser.me(&token).await.json;
    assert_eq!((&me["email"], &me["name"]), (&json!(MOVED), &json!("Ada Lovelace")));
    assert_eq!(login(&browser, MOVED).await.status, 200);
    assert_eq!(login(&browser, EMAIL).await.status, 401);
    assert_eq!(letters.only(&accounts, &db, "email_changed").await.to, EMAIL);
    assert_absent(&all_text(&db).await, &WORDS);

    let made = register(&browser, &token, &mut Authenticator::new()).await;
    assert_eq!((made.status, &made.json["name"]), (201, &json!("phone")));
    let listed = browser.ask(GET, "/v1/auth/passkeys", &token, Value::Null).await;
    assert_eq!(listed.json["items"][0]["name"], "phone");
    assert_absent(&all_text(&db).await, &WORDS);
    assert_books(&accounts).await;
}

/// Moves an account to another address by the letter to it.
async fn move_away(
    browser: &Browser,
    token: &str,
    accounts: &Accounts,
    letters: &LetterBox,
    db: &Db,
) {
    let change = json!({"email": MOVED, "password": PASSWORD});
    let asked = browser.ask(POST, "/v1/auth/email/change", token, change).await;
    assert_eq!(asked.status, 202, "{asked:?}");
    let link = letters.only(accounts, db, "change_email").await;
    assert_eq!(link.to, MOVED);
    let body = json!({"token": token_of(&link)});
    let moved = browser.ask(POST, "/v1/auth/email/change/confirm", token, body).await;
    assert_eq!(moved.status, 204, "{moved:?}");
}

async fn the_staff_is_not_named_in_the_log(db: Db) {
    const GRACE: &str = "grace@example.com";
    let accounts = open(&db, cheap()).await;
    let browser = Browser::new(&accounts).await;
    let made =
        accounts.create(GRACE, PASSWORD.into(), "Grace Hopper", Role::Admin, &Actor::OPERATOR);
    let id = made.await.unwrap();
    let token = login(&browser, GRACE).await.access_token();
    let staff = browser.ask(GET, "/v1/admin/staff", &token, Value::Null).await;
    let grace = &staff.json["items"][0];
    assert_eq!((&grace["email"], &grace["name"]), (&json!(GRACE), &json!("Grace Hopper")));
    let log = platform::audit::history(&db, id.uuid(), None, 10).await.unwrap();
    assert_eq!(log[0].after, Some(json!({"role": "admin"})));
    assert_absent(&all_text(&db).await, &[GRACE, "Hopper"]);
}

async fn records_tell_what_is_kept_and_no_secret(db: Db) {
    let accounts = open(&db, cheap()).await;
    let browser = Browser::new(&accounts).await;
    let entered = sign_up(&browser).await;
    let made = register(&browser, &entered.access_token(), &mut Authenticator::new()).await;
    assert_eq!(made.status, 201);
    let ada = accounts.find(" ADA@example.com").await.unwrap().unwrap();
    let records = accounts.records(ada).await.unwrap();
    let account = &records["account"];
    assert!(account["created_at"].is_string());
    for (field, value) in [
        ("email", json!(EMAIL)),
        ("name", json!("Ada Lovelace")),
        ("email_verified", json!(false)),
        ("role", json!("customer")),
        ("group", json!(null)),
    ] {
        assert_eq!(account[field], value, "{field}");
    }
    let session = &records["sessions"][0];
    assert_eq!((&session["user_agent"], &session["address"]), (&json!(BROWSER), &json!(CLIENT)));
    assert!(session["started_at"].is_string() && session["expires_at"].is_string());
    assert_eq!(records["passkeys"][0]["name"], "phone");
    assert!(records["passkeys"][0]["made_at"].is_string());
    let kinds: Vec<&str> = records["letters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|letter| letter["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["verify_email", "factor_added"]);
    let secrets = "select c.password_hash, l.token_hash, c.email_index
                     from customer c join letter l on l.customer_id = c.id";
    let secrets: Vec<(String, String, String)> = db.query(Sql::new(secrets)).all().await.unwrap();
    assert_eq!(secrets.len(), 2);
    let text = records.to_string();
    for (password, token, index) in &secrets {
        assert!(![password, token, index].iter().any(|secret| text.contains(secret.as_str())));
    }
    assert!(!text.contains("p1.") && !text.contains("credential"), "{text}");

    let guest = browser.post("/v1/auth/guest", Value::Null).await;
    let guest: CustomerId = guest.json["customer"]["id"].as_str().unwrap().parse().unwrap();
    let records = accounts.records(guest).await.unwrap();
    assert_eq!(records["account"]["role"], "guest");
    assert_eq!(records["sessions"].as_array().unwrap().len(), 1);
    let nobody = accounts.records(CustomerId::new()).await.unwrap();
    assert_eq!(nobody, nothing_kept());
}

/// The records of whom nothing is kept about.
pub fn nothing_kept() -> Value {
    let factors = json!({"totp": false, "recovery_codes": 0});
    json!({"account": null, "sessions": [], "second_factors": factors, "passkeys": [], "letters": [],
           "api_keys": []})
}

async fn contacts_are_those_of_accounts(db: Db) {
    let accounts = open(&db, cheap()).await;
    let mut people = Vec::new();
    for n in 0..5 {
        let email = format!("n{n}@example.com");
        let made = accounts.create(&email, PASSWORD.into(), "N", Role::Customer, &Actor::SYSTEM);
        people.push((made.await.unwrap(), email));
    }
    let mut ids: Vec<CustomerId> = people.iter().map(|(id, _)| *id).collect();
    ids.push(CustomerId::new());
    let found = accounts.contacts(&ids).await.unwrap();
    assert_eq!(found.len(), 5);
    for (id, email) in &people {
        assert_eq!(&found[id].email, email);
        assert_eq!(accounts.find(email).await.unwrap(), Some(*id));
        assert_eq!(accounts.find(&id.to_string()).await.unwrap(), Some(*id));
    }
    assert_eq!(accounts.find("other@example.com").await.unwrap(), None);
    assert!(accounts.find("no address").await.is_err());
}

/// A letter that waits while its account moves does not go to the new address.
async fn a_letter_goes_where_the_account_is(db: Db) {
    let (accounts, letters) = open_with_letters(&db, cheap()).await;
    let browser = Browser::new(&accounts).await;
    let token = sign_up(&browser).await.access_token();
    let change = json!({"email": MOVED, "password": PASSWORD});
    assert_eq!(browser.ask(POST, "/v1/auth/email/change", &token, change).await.status, 202);
    let link = letters.only(&accounts, &db, "change_email").await;
    let asked = browser.ask(POST, "/v1/auth/mfa/email", &token, Value::Null).await;
    assert_eq!(asked.status, 202, "{asked:?}");
    let body = json!({"token": token_of(&link)});
    let moved = browser.ask(POST, "/v1/auth/email/change/confirm", &token, body).await;
    assert_eq!(moved.status, 204, "{moved:?}");
    let found = letters.collect(&accounts, &db).await;
    let told: Vec<_> = found.iter().map(|mail| (mail.kind.as_str(), mail.to.as_str())).collect();
    assert_eq!(told, [("email_changed", EMAIL)], "and no code to an address of before");
}

/// Else nobody could log in, and nobody would be told why.
async fn accounts_are_not_opened_with_another_secret(db: Db) {
    let folder = keys();
    let before = open_at(&db, cheap(), &folder).await;
    Browser::new(&before).await.enter().await;
    let letters = || Arc::new(LetterBox::default());
    let other = Accounts::open(db.clone(), cheap(), &keys(), letters()).await;
    assert!(matches!(other, Err(OpenError::OtherSecret { .. })));
    assert!(Accounts::open(db.clone(), cheap(), &folder, letters()).await.is_ok());
    let ada = before.find(EMAIL).await.unwrap().unwrap();
    assert!(before.erase(ada, false, &Actor::OPERATOR).await.unwrap());
    assert!(Accounts::open(db, cheap(), &keys(), letters()).await.is_ok(), "there is nobody");
}

/// A database whose keys of people the test has in its hand.
pub async fn with_keys(engine: Engine, schema: &Schema) -> Option<(Db, Arc<TestKeys>)> {
    let db = match engine {
        Engine::Sqlite => {
            let file = platform::testing::folder().join("auth.db");
            Db::sqlite("auth", &Sqlite { file, readers: 4 }, Clock::system()).await
        }
        Engine::Postgres => {
            let url = platform::testing::postgres()?;
            let at = Postgres {
                url,
                schema: format!("t{}", Uuid::now_v7().simple()),
                role: None,
                connections: 16,
            };
            Db::postgres("auth", &at, Clock::system()).await
        }
    };
    let (db, keys) = (db.unwrap(), Arc::new(TestKeys::default()));
    db.keep_people(People::new(keys.clone()));
    schema.migrate(&db).await.unwrap();
    Some((db, keys))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whose_key_is_destroyed_is_shown_as_nobody() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let Some((db, keys)) = with_keys(engine, &SCHEMA).await else { continue };
        let (accounts, letters) = open_with_letters(&db, cheap()).await;
        let browser = Browser::new(&accounts).await;
        let (_, admin) = browser.enter_as(&accounts, "root@example.com", Role::Admin).await;
        let (sam, _) = browser.enter_as(&accounts, "sam@example.com", Role::Staff).await;
        let entered = sign_up(&browser).await;
        let made = register(&browser, &entered.access_token(), &mut Authenticator::new()).await;
        assert_eq!(made.status, 201);
        let (sam, ada) = (sam.parse().unwrap(), accounts.find(EMAIL).await.unwrap().unwrap());
        for person in [sam, ada] {
            keys.destroy(person);
        }
        let me = browser.me(&entered.access_token()).await;
        assert_eq!(
            (me.status, &me.json["email"], &me.json["name"]),
            (200, &json!(null), &json!(null))
        );
        let again = browser.refresh(&entered.refresh_token()).await;
        assert_eq!((again.status, &again.json["customer"]["email"]), (200, &json!(null)));
        assert_eq!(login(&browser, EMAIL).await.status, 401);
        assert!(accounts.contacts(&[ada, sam]).await.unwrap().is_empty());
        let staff = browser.ask(GET, "/v1/admin/staff", &admin, Value::Null).await;
        let emails: Vec<&Value> =
            staff.json["items"].as_array().unwrap().iter().map(|one| &one["email"]).collect();
        assert_eq!(emails, [&json!("root@example.com"), &json!(null)]);
        let records = accounts.records(ada).await.unwrap();
        assert_eq!(records["account"]["email"], json!(null));
        assert_eq!(records["passkeys"][0]["name"], "");
        assert_eq!(records["sessions"][0].get("address"), None);
        let sent = letters.collect(&accounts, &db).await;
        assert!(sent.iter().all(|mail| mail.to == "root@example.com"));
    }
}
