use actix_web::http::Method;
use auth::SCHEMA;
use chrono::TimeDelta;
use kernel::Permission;
use kernel::ports::{Identity, Proof, Role};
use platform::sql::{Db, Sql};
use serde_json::{Value, json};

use crate::shop::{Browser, at_a_standstill, cheap, keys, open, open_at};

platform::on_both_engines!(super::SCHEMA =>
    a_key_works_until_it_is_revoked,
    a_key_never_does_more_than_its_maker,
    bad_keys_name_the_field,
    what_is_no_key_is_refused,
);

const KEYS: &str = "/v1/admin/api-keys";

fn scanner() -> Value {
    json!({"name": "scanner", "permissions": ["stock.read", "stock.write"], "rate_per_s": 20})
}

async fn a_key_works_until_it_is_revoked(db: Db) {
    let folder = keys();
    let here = open_at(&db, cheap(), &folder).await;
    let there = open_at(&db, cheap(), &folder).await;
    let browser = Browser::new(&here).await;
    let (root, admin) = browser.enter_as(&here, "root@example.com", Role::Admin).await;
    let made = browser.ask(Method::POST, KEYS, &admin, scanner()).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.header("cache-control"), "no-store");
    let key = made.json["key"].as_str().unwrap().to_owned();
    let prefix = made.json["prefix"].as_str().unwrap();
    assert!(key.starts_with(&format!("stoa_{prefix}_")) && key.len() == 59, "{key}");

    for accounts in [&here, &there] {
        let who = accounts.authenticate(&key).await.unwrap();
        assert!(who.may(Permission::StockWrite) && !who.may(Permission::OrdersRead));
        let made_by = root.parse().unwrap();
        assert_eq!(who.proof, Proof::Key { made_by, rate_per_s: Some(20) });
        assert_eq!(who.id.to_string(), made.json["id"].as_str().unwrap());
    }
    let own = browser.ask(Method::GET, "/v1/auth/me", &key, Value::Null).await;
    assert_eq!((own.status, own.code()), (403, "forbidden"), "a key is nobody's account");

    here.poll_revocations().await.unwrap();
    let list = browser.ask(Method::GET, KEYS, &admin, Value::Null).await;
    let shown = &list.json["items"][0];
    assert_eq!(shown["made_by"], json!(root));
    assert!(shown["last_used_at"].is_string(), "{shown}");
    assert!(shown.get("key").is_none() && shown.get("hash").is_none());
    let stored = "select hash, name from api_key";
    let (hash, _): (String, String) = db.query(Sql::new(stored)).one().await.unwrap();
    assert!(!key.contains(&hash) && hash.len() == 64);

    let one = format!("{KEYS}/{}", made.json["id"].as_str().unwrap());
    for _ in 0..2 {
        let revoked = browser.ask(Method::DELETE, &one, &admin, Value::Null).await;
        assert_eq!(revoked.status, 204);
    }
    assert!(here.authenticate(&key).await.is_err(), "at once here");
    there.poll_revocations().await.unwrap();
    assert!(there.authenticate(&key).await.is_err(), "and elsewhere");
    let list = browser.ask(Method::GET, KEYS, &admin, Value::Null).await;
    assert!(list.json["items"][0]["revoked_at"].is_string());

    let id = made.json["id"].as_str().unwrap().parse().unwrap();
    let log = platform::audit::history(&db, id, None, 10).await.unwrap();
    let actions: Vec<&str> = log.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["api_key.revoke", "api_key.create"]);
    assert!(!format!("{log:?}").contains(&key[16..]), "the log does not know the secret");
}

async fn a_key_never_does_more_than_its_maker(db: Db) {
    let accounts = open(&db, cheap()).await;
    let browser = Browser::new(&accounts).await;
    let (_, admin) = browser.enter_as(&accounts, "root@example.com", Role::Admin).await;
    let (maker, _) = browser.enter_as(&accounts, "sam@example.com", Role::Customer).await;
    let role =
        json!({"name": "keeper", "permissions": ["keys.write", "stock.read", "stock.write"]});
    assert_eq!(browser.ask(Method::POST, "/v1/admin/roles", &admin, role).await.status, 201);
    let give = format!("/v1/admin/staff/{maker}/role");
    browser.ask(Method::PUT, &give, &admin, json!({"role": "keeper"})).await;
    let login = json!({"email": "sam@example.com", "password": crate::shop::PASSWORD});
    let keeper = browser.post("/v1/auth/login", login).await.access_token();

    let more = json!({"name": "thief", "permissions": ["orders.refund", "stock.read"]});
    let refused = browser.ask(Method::POST, KEYS, &keeper, more).await;
    assert_eq!((refused.status, refused.code()), (403, "forbidden"));
    assert_eq!(refused.json["permissions"], json!(["orders.refund"]));
    let made = browser.ask(Method::POST, KEYS, &keeper, scanner()).await;
    let key = made.json["key"].as_str().unwrap().to_owned();
    assert!(accounts.authenticate(&key).await.unwrap().may(Permission::StockWrite));
    let by_key = browser.ask(Method::POST, KEYS, &key, scanner()).await;
    assert_eq!((by_key.status, by_key.code()), (403, "forbidden"), "no key makes keys");

    let less = json!({"permissions": ["keys.write", "stock.read"]});
    let changed = browser.edit(Method::PUT, "/v1/admin/roles/keeper", &admin, "\"1\"", less).await;
    assert_eq!(changed.status, 200);
    let who = accounts.authenticate(&key).await.unwrap();
    assert!(who.may(Permission::StockRead) && !who.may(Permission::StockWrite));
    browser.ask(Method::PUT, &give, &admin, json!({"role": "customer"})).await;
    accounts.poll_revocations().await.unwrap();
    let who = accounts.authenticate(&key).await.unwrap();
    assert!(who.permissions.is_empty(), "whoever left the shop leaves no key behind");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_key_expires_and_its_use_is_noted_once_a_minute() {
    for (db, hand) in at_a_standstill().await {
        let accounts = open(&db, cheap()).await;
        let browser = Browser::new(&accounts).await;
        let (_, admin) = browser.enter_as(&accounts, "root@example.com", Role::Admin).await;
        let end = db.clock().now() + TimeDelta::seconds(300);
        let mut new = scanner();
        new["expires_at"] = json!(end);
        let made = browser.ask(Method::POST, KEYS, &admin, new).await;
        let key = made.json["key"].as_str().unwrap().to_owned();
        let mut noted = Vec::new();
        for _ in 0..10 {
            assert!(accounts.authenticate(&key).await.is_ok());
            accounts.poll_revocations().await.unwrap();
            let list = browser.ask(Method::GET, KEYS, &admin, Value::Null).await;
            noted.push(list.json["items"][0]["last_used_at"].as_str().unwrap().to_owned());
            hand.advance(TimeDelta::seconds(30));
        }
        noted.dedup();
        assert_eq!(noted.len(), 5, "{noted:?}");
        assert!(accounts.authenticate(&key).await.is_err(), "expired");
    }
}

async fn bad_keys_name_the_field(db: Db) {
    let accounts = open(&db, cheap()).await;
    let browser = Browser::new(&accounts).await;
    let (_, admin) = browser.enter_as(&accounts, "root@example.com", Role::Admin).await;
    for (member, value) in [
        ("name", json!("")),
        ("name", json!("a\nb")),
        ("permissions", json!([])),
        ("permissions", json!(["keys.write"])),
        ("permissions", json!(["roles.write", "stock.read"])),
        ("permissions", json!(["stock.eat"])),
        ("rate_per_s", json!(0)),
        ("rate_per_s", json!(100_001)),
        ("rate_per_s", json!(-1)),
        ("expires_at", json!("2020-01-01T00:00:00Z")),
        ("expires_at", json!("soon")),
        ("secret", json!("mine")),
    ] {
        let mut body = scanner();
        body[member] = value;
        let refused = browser.ask(Method::POST, KEYS, &admin, body).await;
        assert_eq!((refused.status, refused.code()), (422, "invalid_value"), "{member}");
        assert!(refused.json["errors"][0]["field"].as_str().unwrap().starts_with(member));
    }
    let unknown = format!("{KEYS}/{}", uuid::Uuid::now_v7());
    for path in [format!("{KEYS}/x"), unknown] {
        let refused = browser.ask(Method::DELETE, &path, &admin, Value::Null).await;
        assert_eq!((refused.status, refused.code()), (404, "not_found"));
    }
}

async fn what_is_no_key_is_refused(db: Db) {
    let accounts = open(&db, cheap()).await;
    let browser = Browser::new(&accounts).await;
    let (_, admin) = browser.enter_as(&accounts, "root@example.com", Role::Admin).await;
    let made = browser.ask(Method::POST, KEYS, &admin, scanner()).await;
    let key = made.json["key"].as_str().unwrap().to_owned();
    let (head, secret) = (&key[..15], &key[16..]);
    let mut other = secret.to_owned().into_bytes();
    other[5] = if other[5] == b'A' { b'B' } else { b'A' };
    let other = String::from_utf8(other).unwrap();
    for bad in [
        "stoa_".to_owned(),
        head.to_owned(),
        format!("{head}_"),
        format!("{head}_{other}"),
        format!("{key}="),
        format!("{key} "),
        key.to_uppercase(),
        key.replacen("stoa_", "stoa__", 1),
        "stoa_' or 1=1 --".to_owned(),
        format!("stoa_{}", "A".repeat(1 << 20)),
    ] {
        assert!(accounts.authenticate(&bad).await.is_err(), "{bad}");
    }
    assert!(accounts.authenticate(&key).await.is_ok());
}
