//! A shop of before, whose tables are plain, is opened by a program that seals.

use auth::SCHEMA;
use futures_util::future::join_all;
use kernel::id::CustomerId;
use kernel::ports::PersonalRecords;
use platform::module::Schema;
use platform::sql::{Db, Engine, Json, Sql};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::passkeys::with_passkey;
use crate::personal::{MOVED, WORDS, all_text, assert_absent, login, with_keys};
use crate::shop::{Browser, EMAIL, cheap, keys, open_at};

/// As many accounts as do not go into one batch.
const BEFORE: usize = 450;

/// What an account of before needs to log in with a password or a passkey.
async fn made_elsewhere() -> (String, String, Value) {
    let (db, _) = with_keys(Engine::Sqlite, &SCHEMA).await.unwrap();
    drop(with_passkey(&db).await);
    let made = "select c.password_hash, p.credential_id, p.credential
                  from customer c join passkey p on p.customer_id = c.id";
    let (hash, credential_id, Json(credential)) = db.query(Sql::new(made)).one().await.unwrap();
    (hash, credential_id, credential)
}

async fn fill(db: &Db) -> CustomerId {
    let (hash, credential_id, credential) = made_elsewhere().await;
    let mut tx = db.begin("before").await.unwrap();
    let now = tx.now();
    let account = "insert into customer (id, email, name, role, password_hash, version, created_at)
                   values ($1, $2, $3, 'customer', $4, 1, $5)";
    let ids: Vec<Uuid> = (0..BEFORE).map(|_| Uuid::now_v7()).collect();
    for (n, id) in ids.iter().enumerate() {
        // Whoever looks at what is sealed may not take a name for it.
        let name = if n % 2 == 0 { "p1.Lovelace" } else { "plain:Lovelace" };
        let email = if n == 0 { EMAIL.to_owned() } else { format!("ada{n}@example.com") };
        let row = tx.query(Sql::new(account)).bind(*id).bind(email.as_str()).bind(name);
        row.bind(hash.as_str()).bind(now).execute().await.unwrap();
    }
    let ada = ids[0];
    let guest = "insert into customer (id, role, version, created_at) values ($1, 'guest', 0, $2)";
    tx.query(Sql::new(guest)).bind(Uuid::now_v7()).bind(now).execute().await.unwrap();
    let session =
        "insert into session (id, customer_id, amr, auth_time, user_agent, address, started_at,
                                        expires_at, generation, rotated_at, version)
                   values ($1, $2, $3, $4, 'Analytical', '203.0.113.77', $4, $5, 1, $4, 0)";
    let login = tx.query(Sql::new(session)).bind(Uuid::now_v7()).bind(ada).bind(Json(["pwd"]));
    login.bind(now).bind(now + chrono::TimeDelta::hours(1)).execute().await.unwrap();
    let letter =
        "insert into letter (id, customer_id, kind, address, token_hash, written_at, expires_at)
                  values ($1, $2, $3, $4, $3, $5, $6)";
    for (kind, address) in [("verify_email", EMAIL), ("email_changed", MOVED)] {
        let row =
            tx.query(Sql::new(letter)).bind(Uuid::now_v7()).bind(ada).bind(kind).bind(address);
        row.bind(now).bind(now + chrono::TimeDelta::hours(1)).execute().await.unwrap();
    }
    let passkey = "insert into passkey (id, customer_id, credential_id, name, credential, made_at)
                   values ($1, $2, $3, 'phone', $4, $5)";
    let row = tx.query(Sql::new(passkey)).bind(Uuid::now_v7()).bind(ada);
    let row = row.bind(credential_id.as_str()).bind(Json(&credential)).bind(now);
    row.execute().await.unwrap();
    tx.commit().await.unwrap();
    ada.into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_plain_is_sealed_before_anybody_comes() {
    const OLD: Schema = Schema { migrations: SCHEMA.migrations.split_at(5).0, ..SCHEMA };
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let Some((db, people)) = with_keys(engine, &OLD).await else { continue };
        let ada = fill(&db).await;
        let gone = "select id from customer where email = 'ada7@example.com'";
        let (gone,): (Uuid,) = db.query(Sql::new(gone)).one().await.unwrap();
        people.destroy(gone.into());
        assert_eq!(SCHEMA.migrate(&db).await.unwrap(), ["0006_personal"]);
        let folder = keys();
        let nodes = join_all((0..3).map(|_| open_at(&db, cheap(), &folder))).await;
        let text = all_text(&db).await;
        assert_absent(&text, &WORDS);
        assert_absent(&text, &["plain:", "ada7@"]);

        let accounts = open_at(&db, cheap(), &folder).await;
        let browser = Browser::new(&accounts).await;
        for email in [EMAIL, "ada1@example.com", "ada449@example.com"] {
            let entered = login(&browser, email).await;
            assert_eq!((entered.status, &entered.json["customer"]["email"]), (200, &json!(email)));
        }
        assert_eq!(login(&browser, "ada7@example.com").await.status, 401, "erased before");
        assert_eq!(nodes[1].find(EMAIL).await.unwrap(), Some(ada));
        let records = accounts.records(ada).await.unwrap();
        assert_eq!(records["account"]["name"], "p1.Lovelace");
        assert_eq!(records["passkeys"][0]["name"], "phone");
        assert_eq!(records["letters"].as_array().unwrap().len(), 2);
        let named = accounts.find("ada1@example.com").await.unwrap().unwrap();
        let records = accounts.records(named).await.unwrap();
        assert_eq!(records["account"]["name"], "plain:Lovelace");
        let taken = browser.register().await;
        assert_eq!((taken.status, taken.code()), (409, "email_taken"));
    }
}
