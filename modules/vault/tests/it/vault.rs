//! What is kept is sealed, what is rotated still opens, and what is not needed is gone.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, HttpMessage as _};
use async_trait::async_trait;
use futures_util::future::join_all;
use kernel::card::Card;
use kernel::ports::{CardAcceptor, Role, Unavailable};
use platform::audit::Actor;
use platform::on_both_engines;
use platform::sql::{Db, Sql};
use serde_json::{Value, json};
use vault::{Error, KeyFiles, LocalKeys, SCHEMA, Settings, Vault};

on_both_engines!(super::SCHEMA =>
    every_statement_prepares,
    a_card_becomes_a_token_and_is_never_shown,
    the_same_card_has_the_same_fingerprint,
    a_token_is_given_out_only_when_the_acceptor_has_the_card,
    cards_are_sealed_again_while_others_come_and_the_old_key_goes,
    a_lost_key_file_is_named_and_a_changed_card_is_found,
    a_damaged_card_holds_nothing_else_up,
    expired_cards_are_deleted_after_a_while,
);

const VISA: &str = "4242424242424242";
const MASTERCARD: &str = "5555555555554444";

/// Takes every card, unless it is told not to.
#[derive(Default)]
struct Acceptor {
    cards: Mutex<HashMap<String, String>>,
    fingerprints: Mutex<HashMap<String, String>>,
    is_down: Mutex<bool>,
}

#[async_trait]
impl CardAcceptor for Acceptor {
    async fn accept(&self, token: &str, fingerprint: &str, card: &Card) -> Result<(), Unavailable> {
        if *self.is_down.lock().unwrap() {
            return Err(Unavailable::new("the acceptor", "it is down"));
        }
        let digits = card.number.expose_digits().to_owned();
        self.cards.lock().unwrap().insert(token.to_owned(), digits);
        self.fingerprints.lock().unwrap().insert(token.to_owned(), fingerprint.to_owned());
        Ok(())
    }
}

struct World {
    db: Db,
    folder: PathBuf,
    acceptor: Arc<Acceptor>,
    vault: Vault,
}

async fn open(db: Db) -> World {
    let folder = platform::testing::folder();
    let acceptor = Arc::new(Acceptor::default());
    let vault = again(&db, &folder, &acceptor).await.unwrap();
    World { db, folder, acceptor, vault }
}

/// A vault of another process over the same database and files.
async fn again(db: &Db, folder: &Path, acceptor: &Arc<Acceptor>) -> Result<Vault, Error> {
    let settings =
        Settings { keys_dir: PathBuf::new(), keep_expired_days: 30, tend_every_ms: 1_000 };
    let keys = Arc::new(LocalKeys::open(KeyFiles::vault(folder)).unwrap());
    Vault::open(db.clone(), settings, keys, acceptor.clone()).await
}

impl World {
    fn card(&self, number: &str) -> Card {
        Card::new(number, 12, 2030, "123", self.db.clock().now()).ok().unwrap()
    }

    async fn keep(&self, number: &str) -> vault::CardOnFile {
        self.vault.keep(self.card(number)).await.unwrap()
    }

    async fn count(&self, sql: Sql) -> i64 {
        let (count,): (i64,) = self.db.query(sql).one().await.unwrap();
        count
    }

    async fn books_hold(&self, cards: u64) {
        let checks = self.vault.verify().await.unwrap();
        assert!(checks.iter().all(|check| check.holds() && check.rows == cards), "{checks:?}");
    }

    async fn post(&self, role: Option<Role>, body: Value) -> (u16, String) {
        let app = App::new().configure(|config| self.vault.routes(config));
        let service = init_service(app).await;
        let request = TestRequest::post().uri("/v1/payment-tokens").set_json(body).to_request();
        if let Some(role) = role {
            request.extensions_mut().insert(platform::testing::principal(role));
        }
        let response = call_service(&service, request).await;
        let status = response.status().as_u16();
        (status, String::from_utf8(read_body(response).await.to_vec()).unwrap())
    }
}

async fn tend(vault: &Vault) {
    while vault.tend().await.unwrap() {}
}

const KEYS: Sql = Sql::new("select count(*) from data_key where purpose = 'card'");
const SWAP: Sql = Sql::new(
    "update card set sealed = (select c.sealed from card c where c.token = $2) where token = $1",
);
const EXPIRE: Sql = Sql::new("update card set exp_year = $2, exp_month = 1 where token = $1");
const DUMP: Sql = Sql::split(
    "select coalesce(group_concat(concat_ws('|', token, hex(sealed), fingerprint, brand,
                                            last4)), '') from card",
    "select coalesce(string_agg(cast(c as text), '|'), '') from card c",
);

async fn every_statement_prepares(db: Db) {
    for (name, sql) in SCHEMA.statements.iter().copied().flatten() {
        let mut tx = db.begin("prepare").await.unwrap();
        if let Err(error) = tx.prepare(*sql).await {
            panic!("{name}: {error:?}");
        }
    }
}

fn body(number: &str) -> Value {
    json!({"number": number, "exp_month": 12, "exp_year": 2030, "cvc": "123", "name": "Ada"})
}

async fn a_card_becomes_a_token_and_is_never_shown(db: Db) {
    let world = open(db).await;
    let (status, text) = world.post(Some(Role::Guest), body("4242 4242 4242 4242")).await;
    assert_eq!(status, 201, "{text}");
    let token: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&token["last4"], &token["brand"]), (&json!("4242"), &json!("visa")));
    assert!(!text.contains("424242"));
    let name = token["token"].as_str().unwrap();
    assert_eq!(world.acceptor.cards.lock().unwrap()[name], VISA);
    assert_eq!(world.post(None, body(VISA)).await.0, 401);
    for wrong in [
        body("4242424242424241"),
        json!("4242424242424241"),
        json!({"number": 4_242_424_242_424_241_u64}),
        json!({"4242424242424241": true}),
    ] {
        let (status, text) = world.post(Some(Role::Guest), wrong).await;
        assert!((400..500).contains(&status) && !text.contains("42424242"), "{text}");
    }
    let (dump,): (String,) = world.db.query(DUMP).one().await.unwrap();
    assert!(dump.contains(name) && dump.contains("4242"), "the dump sees what is there");
    assert!(!dump.contains(VISA) && !dump.to_lowercase().contains(&hex::encode(VISA)), "{dump}");
    world.books_hold(1).await;
}

async fn the_same_card_has_the_same_fingerprint(db: Db) {
    let world = open(db).await;
    let (one, again_it, other) =
        (world.keep(VISA).await, world.keep(VISA).await, world.keep(MASTERCARD).await);
    assert_eq!(one.fingerprint, again_it.fingerprint);
    assert_ne!(one.token, again_it.token);
    assert_ne!(one.fingerprint, other.fingerprint);
    for kept in [&one, &again_it, &other] {
        let told = world.acceptor.fingerprints.lock().unwrap()[&kept.token].clone();
        assert_eq!(told, kept.fingerprint, "whoever charges cards can tell them again too");
    }
    // It outlives a new data key and a new process.
    world.vault.rotate(&Actor::OPERATOR).await.unwrap();
    let later = again(&world.db, &world.folder, &world.acceptor).await.unwrap();
    let kept = later.keep(world.card(VISA)).await.unwrap();
    assert_eq!(kept.fingerprint, one.fingerprint);
    assert_eq!(world.vault.card(&one.token).await.unwrap(), Some(one));
}

async fn a_token_is_given_out_only_when_the_acceptor_has_the_card(db: Db) {
    let world = open(db).await;
    *world.acceptor.is_down.lock().unwrap() = true;
    let (status, text) = world.post(Some(Role::Guest), body(VISA)).await;
    assert_eq!(status, 503, "{text}");
    assert!(!text.contains(VISA));
    world.books_hold(0).await;
    *world.acceptor.is_down.lock().unwrap() = false;
    assert_eq!(world.post(Some(Role::Guest), body(VISA)).await.0, 201);
}

async fn cards_are_sealed_again_while_others_come_and_the_old_key_goes(db: Db) {
    let world = open(db).await;
    for _ in 0..120 {
        world.keep(VISA).await;
    }
    // A process that has not heard of the new key keeps cards all the while.
    let other = again(&world.db, &world.folder, &world.acceptor).await.unwrap();
    KeyFiles::vault(&world.folder).add().unwrap();
    let newer = again(&world.db, &world.folder, &world.acceptor).await.unwrap();
    newer.rotate(&Actor::OPERATOR).await.unwrap();
    let keeps = join_all((0..20).map(|_| newer.keep(world.card(MASTERCARD))));
    let (kept, (), ()) = tokio::join!(keeps, tend(&newer), tend(&newer));
    assert!(kept.iter().all(Result::is_ok), "{kept:?}");
    tend(&newer).await;
    assert_eq!(world.count(KEYS).await, 1, "nothing needs the old key");
    assert!(matches!(newer.verify().await.unwrap().as_slice(), [check] if check.holds()));
    other.keep(world.card(VISA)).await.unwrap();
    assert_eq!(other.verify().await.unwrap()[0].rows, 141);
}

async fn a_lost_key_file_is_named_and_a_changed_card_is_found(db: Db) {
    let world = open(db).await;
    let (one, other) = (world.keep(VISA).await, world.keep(MASTERCARD).await);
    let stranger = platform::testing::folder();
    let refused = again(&world.db, &stranger, &world.acceptor).await;
    assert!(matches!(refused, Err(Error::Unavailable(_))), "the keys are of another folder");
    // One card's number in the place of another's is as wrong as a changed byte.
    let mut swap = world.db.begin("swap").await.unwrap();
    swap.query(SWAP).bind(one.token.as_str()).bind(other.token.as_str()).execute().await.unwrap();
    swap.commit().await.unwrap();
    let checks = world.vault.verify().await.unwrap();
    assert_eq!(checks[0].broken, vec![one.token]);
}

async fn a_damaged_card_holds_nothing_else_up(db: Db) {
    let world = open(db).await;
    let (damaged, whole, expired) =
        (world.keep(VISA).await, world.keep(MASTERCARD).await, world.keep(VISA).await);
    let mut tx = world.db.begin("damage").await.unwrap();
    tx.query(SWAP).bind(damaged.token.as_str()).bind(whole.token.as_str()).execute().await.unwrap();
    tx.query(EXPIRE).bind(expired.token.as_str()).bind(2020_i64).execute().await.unwrap();
    tx.commit().await.unwrap();
    world.vault.rotate(&Actor::OPERATOR).await.unwrap();
    world.vault.tend().await.unwrap();
    tend(&world.vault).await;
    assert_eq!(world.vault.card(&expired.token).await.unwrap(), None);
    assert_eq!(world.count(KEYS).await, 2, "the old key stays for what does not open");
    assert_eq!(world.vault.verify().await.unwrap()[0].broken, vec![damaged.token]);
}

async fn expired_cards_are_deleted_after_a_while(db: Db) {
    let world = open(db).await;
    let (gone, kept) = (world.keep(VISA).await, world.keep(VISA).await);
    let mut tx = world.db.begin("expire").await.unwrap();
    tx.query(EXPIRE).bind(gone.token.as_str()).bind(2020_i64).execute().await.unwrap();
    tx.commit().await.unwrap();
    tend(&world.vault).await;
    assert_eq!(world.vault.card(&gone.token).await.unwrap(), None);
    assert_eq!(world.vault.card(&kept.token).await.unwrap(), Some(kept));
}
