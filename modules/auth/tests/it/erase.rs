//! Somebody is erased.

use actix_web::http::Method;
use auth::{AccountError, Accounts, SCHEMA};
use chrono::TimeDelta;
use futures_util::future::join_all;
use kernel::Permission;
use kernel::id::CustomerId;
use kernel::ports::{Identity, IdentityError, People, PersonalRecords, Role};
use platform::audit::Actor;
use platform::sql::{Db, Sql, Tx};
use serde_json::{Value, json};

use crate::factors::Scene;
use crate::passkeys::{LOGIN_FINISH, LOGIN_START, with_passkey};
use crate::personal::{all_text, assert_absent, nothing_kept};
use crate::shop::{
    Browser, EMAIL, PASSWORD, assert_books, cheap, events, keys, open, open_at, open_with_letters,
};

platform::on_both_engines!(super::SCHEMA =>
    who_is_erased_is_gone_and_the_address_is_free,
    whoever_is_erased_twice_is_told_of_once,
    records_may_go_later,
    the_last_admin_stays,
    of_all_admins_at_once_one_stays,
    what_the_staff_had_is_gone,
    guests_and_strangers_are_erased,
    no_session_begins_beside_an_erasure,
    no_letter_is_written_beside_an_erasure,
    a_passkey_opens_nothing_any_more,
);

const GET: Method = Method::GET;
const POST: Method = Method::POST;

async fn ada(accounts: &Accounts) -> CustomerId {
    accounts.find(EMAIL).await.unwrap().unwrap()
}

async fn who_is_erased_is_gone_and_the_address_is_free(db: Db) {
    let folder = keys();
    let there = open_at(&db, cheap(), &folder).await;
    let here = open_at(&db, cheap(), &folder).await;
    let browser = Browser::new(&here).await;
    let entered = browser.enter().await;
    let (id, token) = (ada(&here).await, entered.access_token());
    assert!(there.authenticate(&token).await.is_ok());

    assert!(here.erase(id, false, &Actor::OPERATOR).await.unwrap());
    assert_eq!(browser.me(&token).await.status, 401);
    there.poll_revocations().await.unwrap();
    assert!(matches!(there.authenticate(&token).await, Err(IdentityError::Refused)));
    assert_eq!(browser.refresh(&entered.refresh_token()).await.status, 401);
    let refused = browser.login(PASSWORD).await;
    assert_eq!((refused.status, refused.code()), (401, "invalid_credentials"));
    assert_eq!(here.find(EMAIL).await.unwrap(), None);
    assert!(here.contacts(&[id]).await.unwrap().is_empty());
    let mut records = here.records(id).await.unwrap();
    assert_eq!(records["sessions"][0].as_object().unwrap().len(), 4, "when and how, not where");
    records["sessions"] = json!([]);
    assert_eq!(records, nothing_kept());

    let told = [
        ("customer.registered".to_owned(), 1),
        ("session.revoked".to_owned(), 1),
        ("customer.erased".to_owned(), 2),
    ];
    assert_eq!(events(&db).await, told);
    let log = platform::audit::history(&db, id.uuid(), None, 10).await.unwrap();
    assert_eq!((log.len(), log[0].action.as_str()), (1, "customer.erase"));
    assert_eq!(log[0].after, Some(json!({"with_records": false})));
    let left = "select email_index, personal, password_hash from customer";
    let left: (String, String, Option<String>) = db.query(Sql::new(left)).one().await.unwrap();
    assert_eq!(left, (format!("erased:{id}"), "erased".to_owned(), None));

    browser.enter().await;
    assert_ne!(ada(&here).await, id, "somebody else by the same address");
    assert_books(&here).await;
}

async fn whoever_is_erased_twice_is_told_of_once(db: Db) {
    let (accounts, letters) = open_with_letters(&db, cheap()).await;
    let browser = Browser::new(&accounts).await;
    browser.enter().await;
    let id = ada(&accounts).await;
    let erased = join_all((0..8).map(|_| accounts.erase(id, true, &Actor::OPERATOR))).await;
    let erased: Vec<bool> = erased.into_iter().map(Result::unwrap).collect();
    assert_eq!(erased.iter().filter(|done| **done).count(), 1, "{erased:?}");
    let before = all_text(&db).await;
    assert!(!accounts.erase(id, false, &Actor::OPERATOR).await.unwrap());
    assert!(!accounts.erase(id, true, &Actor::OPERATOR).await.unwrap());
    assert_eq!(all_text(&db).await, before, "nothing was changed");
    assert!(letters.collect(&accounts, &db).await.is_empty(), "no letter goes to them");
    assert_books(&accounts).await;
}

async fn records_may_go_later(db: Db) {
    let accounts = open(&db, cheap()).await;
    let id = CustomerId::new();
    for (with_records, does) in [(false, true), (false, false), (true, true), (true, false)] {
        let done = accounts.erase(id, with_records, &Actor::OPERATOR).await.unwrap();
        assert_eq!(done, does, "{with_records}");
    }
    let told = [("customer.erased".to_owned(), 1), ("customer.erased".to_owned(), 2)];
    assert_eq!(events(&db).await, told);
    assert_books(&accounts).await;
}

async fn the_last_admin_stays(db: Db) {
    let accounts = open(&db, cheap()).await;
    let browser = Browser::new(&accounts).await;
    let (root, token) = browser.enter_as(&accounts, "root@example.com", Role::Admin).await;
    let (other, _) = browser.enter_as(&accounts, "other@example.com", Role::Admin).await;
    let (root, other) = (root.parse().unwrap(), other.parse().unwrap());
    assert!(!accounts.is_last_admin(root).await.unwrap());
    assert!(accounts.erase(other, false, &Actor::OPERATOR).await.unwrap());
    assert!(accounts.is_last_admin(root).await.unwrap());
    let refused = accounts.erase(root, false, &Actor::OPERATOR).await;
    assert!(matches!(refused, Err(AccountError::LastAdmin)), "{refused:?}");
    assert_eq!(browser.me(&token).await.status, 200);
    let staff = browser.ask(GET, "/v1/admin/staff", &token, Value::Null).await;
    assert_eq!(staff.json["items"].as_array().unwrap().len(), 1, "who was erased works no more");
    let give = format!("/v1/admin/staff/{other}/role");
    let given = browser.ask(Method::PUT, &give, &token, json!({"role": "admin"})).await;
    assert_eq!(given.status, 404, "{given:?}");
    assert_books(&accounts).await;
}

async fn of_all_admins_at_once_one_stays(db: Db) {
    let accounts = open(&db, cheap()).await;
    let mut admins = Vec::new();
    for n in 0..6 {
        let email = format!("root{n}@example.com");
        let made = accounts.create(&email, PASSWORD.into(), "R", Role::Admin, &Actor::SYSTEM);
        admins.push(made.await.unwrap());
    }
    let erased =
        join_all(admins.iter().map(|id| accounts.erase(*id, false, &Actor::OPERATOR))).await;
    let stay = erased.iter().filter(|done| matches!(done, Err(AccountError::LastAdmin))).count();
    let gone = erased.iter().filter(|done| matches!(done, Ok(true))).count();
    assert_eq!((stay, gone), (1, 5), "{erased:?}");
    assert_books(&accounts).await;
}

async fn what_the_staff_had_is_gone(db: Db) {
    let accounts = open(&db, cheap()).await;
    let browser = Browser::new(&accounts).await;
    let (_, admin) = browser.enter_as(&accounts, "root@example.com", Role::Admin).await;
    let (sam, _) = browser.enter_as(&accounts, "sam@example.com", Role::Customer).await;
    let new = json!({"name": "photographer", "permissions": ["products.read"]});
    assert_eq!(browser.ask(POST, "/v1/admin/roles", &admin, new).await.status, 201);
    let give = format!("/v1/admin/staff/{sam}/role");
    let given = browser.ask(Method::PUT, &give, &admin, json!({"role": "photographer"})).await;
    assert_eq!(given.status, 200);
    let sam = sam.parse().unwrap();
    let ends = db.clock().now() + TimeDelta::days(1);
    let may = [Permission::ProductsRead].into_iter().collect();
    let (key_id, key) = accounts.issue_key(sam, "importer", may, ends).await.unwrap();
    let key = secrecy::ExposeSecret::expose_secret(&key).to_owned();
    assert!(accounts.authenticate(&key).await.is_ok());
    assert_eq!(accounts.records(sam).await.unwrap()["api_keys"][0]["name"], "importer");
    assert!(accounts.erase(sam, false, &Actor::OPERATOR).await.unwrap());
    let refused = accounts.authenticate(&key).await;
    assert!(matches!(refused, Err(IdentityError::Refused)), "a key ends with its maker");
    let log = platform::audit::history(&db, key_id.uuid(), None, 10).await.unwrap();
    assert_eq!(log[0].action, "api_key.revoke", "and whoever asks why finds it");
    let one = "/v1/admin/roles/photographer";
    let deleted = browser.edit(Method::DELETE, one, &admin, "\"1\"", Value::Null).await;
    assert_eq!(deleted.status, 204, "nobody has the role: {deleted:?}");
    assert_books(&accounts).await;
}

async fn guests_and_strangers_are_erased(db: Db) {
    let accounts = open(&db, cheap()).await;
    let browser = Browser::new(&accounts).await;
    let guest = browser.post("/v1/auth/guest", Value::Null).await;
    let id: CustomerId = guest.json["customer"]["id"].as_str().unwrap().parse().unwrap();
    let stranger = CustomerId::new();
    for person in [id, stranger] {
        assert!(accounts.erase(person, false, &Actor::OPERATOR).await.unwrap());
        assert!(!accounts.erase(person, false, &Actor::OPERATOR).await.unwrap());
    }
    assert_eq!(browser.me(&guest.access_token()).await.status, 401);
    assert_eq!(browser.refresh(&guest.refresh_token()).await.status, 401);
    let erased = events(&db).await.into_iter().filter(|(kind, _)| kind == "customer.erased");
    assert_eq!(erased.count(), 2);
    assert_books(&accounts).await;
}

/// A unit of work that erases somebody and is not over yet.
async fn erasing(db: &Db, person: CustomerId) -> Tx {
    let hold = Sql::split(
        "select id from customer where id = $1",
        "select id from customer where id = $1 for update",
    );
    let erase = Sql::new("update customer set erased_at = $2 where id = $1");
    let mut tx = db.begin("test.erase").await.unwrap();
    let now = tx.now();
    let _: (uuid::Uuid,) = tx.query(hold).bind(person.uuid()).one().await.unwrap();
    tx.query(erase).bind(person.uuid()).bind(now).execute().await.unwrap();
    tx
}

/// Whoever logs in while somebody else erases them waits, and is refused.
async fn no_session_begins_beside_an_erasure(db: Db) {
    let accounts = open(&db, cheap()).await;
    let browser = Browser::new(&accounts).await;
    browser.register().await;
    let erasing = erasing(&db, ada(&accounts).await).await;
    let erased = async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        erasing.commit().await.unwrap();
    };
    let (login, ()) = futures_util::join!(browser.login(PASSWORD), erased);
    assert_eq!((login.status, login.code()), (401, "unauthenticated"), "{login:?}");
    let begun = Sql::new("select count(*) from session");
    assert_eq!(db.query(begun).one::<(i64,)>().await.unwrap(), (0,));
}

/// Nor is a letter written, which the shop would keep.
async fn no_letter_is_written_beside_an_erasure(db: Db) {
    let (accounts, letters) = open_with_letters(&db, cheap()).await;
    let browser = Browser::new(&accounts).await;
    browser.register().await;
    letters.collect(&accounts, &db).await;
    let drop = Sql::new("delete from letter");
    let erasing = erasing(&db, ada(&accounts).await).await;
    let asked = browser.post("/v1/auth/password/reset", json!({"email": EMAIL}));
    let (asked, ()) = futures_util::join!(asked, async {
        let mut erasing = erasing;
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        erasing.query(drop).execute().await.unwrap();
        erasing.commit().await.unwrap();
    });
    assert_eq!(asked.status, 202, "{asked:?}");
    let left = Sql::new("select count(*) from letter");
    assert_eq!(db.query(left).one::<(i64,)>().await.unwrap(), (0,));
    assert!(letters.collect(&accounts, &db).await.is_empty());
}

/// What proved who they are beside their password goes with them.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn second_factors_go_too() {
    for scene in Scene::all(cheap()).await {
        let (db, accounts) = (&scene.db, &scene.accounts);
        let id = ada(accounts).await;
        let kept = accounts.records(id).await.unwrap();
        assert_eq!(kept["second_factors"]["totp"], true);
        assert_eq!(kept["second_factors"]["recovery_codes"], scene.recovery.len());
        assert!(accounts.erase(id, false, &Actor::OPERATOR).await.unwrap());
        let left = "select (select count(*) from totp) + (select count(*) from recovery_code)
                         + (select count(*) from letter)";
        assert_eq!(db.query(Sql::new(left)).one::<(i64,)>().await.unwrap(), (0,));
        assert_books(accounts).await;
        let mut tx = db.begin("test.wound").await.unwrap();
        let code = Sql::new("insert into recovery_code (hash, customer_id) values ('left', $1)");
        tx.query(code).bind(id.uuid()).execute().await.unwrap();
        tx.commit().await.unwrap();
        let checks = accounts.verify().await.unwrap();
        let broken: Vec<_> = checks.iter().filter(|check| !check.holds()).collect();
        assert_eq!(broken.len(), 1, "{broken:?}");
    }
}

async fn a_passkey_opens_nothing_any_more(db: Db) {
    let (accounts, browser, token, mut device) = with_passkey(&db).await;
    let asked = browser.post(LOGIN_START, Value::Null).await;
    let credential = device.sign(&asked.json);
    assert!(accounts.erase(ada(&accounts).await, true, &Actor::OPERATOR).await.unwrap());
    let body = json!({"ceremony_id": asked.json["ceremony_id"], "credential": credential});
    let refused = browser.post(LOGIN_FINISH, body).await;
    assert_eq!((refused.status, refused.code()), (401, "passkey_refused"));
    assert_eq!(browser.me(&token).await.status, 401);
    let left = "select (select count(*) from passkey) + (select count(*) from letter)";
    let (left,): (i64,) = db.query(Sql::new(left)).one().await.unwrap();
    assert_eq!(left, 0);
    assert_absent(&all_text(&db).await, &[EMAIL, "\"Ada\"", "'Ada'"]);
    assert_books(&accounts).await;
}
