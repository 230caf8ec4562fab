//! A shop that sells moves to the other engine and back: what was confirmed is there each time, and a move that is
//! killed leaves one place that is served, or none until it is run again.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::said::{refuses, said};
use crate::support::{APPROVED, Customer, Engine, Shop, id_of, on_both_engines, product};

on_both_engines![a_move_that_is_killed_is_run_again];

/// What the schemas of a moved shop are called: as those of the tests.
const SCHEMA_PREFIX: &str = "stoa_";
const HERS: &str = "quendel@example.com";
const PASSWORD: &str = "correct horse battery";

/// An empty database of PostgreSQL, which ends with the test.
struct Empty(String);

impl Empty {
    fn new() -> Option<Self> {
        platform::testing::copy("stoa_empty", |_| {}).map(Self)
    }
}

impl Drop for Empty {
    fn drop(&mut self) {
        platform::testing::drop_copy(&self.0);
    }
}

/// What follows a move: other settings.
fn set(shop: &mut Shop, engine: Engine, url: &str) {
    let name = if engine == Engine::Sqlite { "sqlite" } else { "postgres" };
    shop.set("STOA__DATABASE__ENGINE", name);
    shop.set("STOA__DATABASE__URL", url);
    shop.set("STOA__DATABASE__SCHEMA_PREFIX", SCHEMA_PREFIX);
    shop.set("STOA__DATABASE__CONNECTIONS", "3");
}

/// Orders that were confirmed, each with who did and what the shop says of it.
struct Ordered(Vec<(Customer, String, Value)>);

impl Ordered {
    async fn one(&mut self, shop: &Shop, lamp: &str) -> String {
        let guest = Customer::guest(shop).await;
        guest.fill_cart(lamp, 1).await;
        let order = guest.order("key", &guest.card(APPROVED).await).await;
        assert_eq!(order.body["status"], "CONFIRMED", "{order:?}");
        let id = order.body["id"].as_str().unwrap().to_owned();
        self.0.push((guest, id.clone(), Value::Null));
        id
    }

    /// Notes what the shop says of each, which has settled.
    async fn look(&mut self, shop: &Shop) {
        for (guest, id, seen) in &mut self.0 {
            *seen = guest.at(shop).get(&format!("/v1/orders/{id}")).await.body;
            assert!(seen["status"].is_string(), "{seen}");
        }
    }

    async fn are_there(&self, shop: &Shop) {
        for (guest, id, seen) in &self.0 {
            let found = guest.at(shop).get(&format!("/v1/orders/{id}")).await;
            assert_eq!(found.body, *seen, "{id}: {found:?}");
        }
    }
}

async fn units(shop: &Shop) -> i64 {
    Customer::guest(shop).await.get("/v1/products/LAMP-1").await.body["available"].as_i64().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_sells_on_in_the_other_place_and_back() {
    let Some(there) = Empty::new() else { return };
    let mut shop = Shop::running(Engine::Sqlite, &[product("LAMP-1", "20.00", 100)]).unwrap();
    let lamp = id_of(&Customer::guest(&shop).await, "LAMP-1").await;
    let account = json!({"email": HERS, "password": PASSWORD, "name": "Wilhelmina"});
    let registered = Customer::anyone(&shop).post("/v1/auth/register", &account).await;
    assert_eq!(registered.status, 201, "{registered:?}");
    let mut ordered = Ordered(Vec::new());
    ordered.one(&shop, &lamp).await;
    let cancelled = ordered.one(&shop, &lamp).await;
    let refunded = ordered.one(&shop, &lamp).await;
    shop.settle();
    let (guest, ..) = &ordered.0[1];
    let answer = guest.post(&format!("/v1/orders/{cancelled}/cancel"), &json!({})).await;
    assert_eq!(answer.body["status"], "CANCELLED", "{answer:?}");
    let back = json!({"amount": {"amount": "5.00", "currency": "EUR"}, "reason": "late"});
    let path = format!("/v1/admin/orders/{refunded}/refund");
    let answer = shop.staff().await.command(&path, "back", &back).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    shop.settle();
    said(&shop, &["customer", "erase", HERS, "--for-good"]);

    // While it sells it can be tried, and is not left.
    shop.set("STOA_MOVE_TO", &there.0);
    let prefix = ["--schema-prefix", SCHEMA_PREFIX];
    let to = [&["move", "--grace-s", "3600"], &prefix[..]].concat();
    assert!(refuses(&shop, &to).contains("another stoa serves"));
    let told = said(&shop, &[&to[..], &["--try"]].concat());
    assert!(told.contains("nothing has moved"), "{told}");
    shop.settle();
    ordered.look(&shop).await;
    // What is under way when it stops goes along.
    let last = ordered.one(&shop, &lamp).await;
    shop.stop();
    let told = said(&shop, &to);
    assert!(told.contains("database.engine = \"postgres\""), "{told}");
    for command in [&["serve"][..], &["verify"], &["migrate"], &["backup", "--to", "x"]] {
        let why = refuses(&shop, command);
        assert!(why.contains("has moved to postgres://"), "{command:?}: {why}");
    }
    assert!(refuses(&shop, &to).contains("has moved to postgres://"));

    set(&mut shop, Engine::Postgres, &there.0);
    shop.start(&[]);
    shop.settle();
    ordered.0.last_mut().unwrap().2 =
        ordered.0.last().unwrap().0.at(&shop).get(&format!("/v1/orders/{last}")).await.body;
    assert_eq!(ordered.0.last().unwrap().2["status"], "CONFIRMED");
    ordered.are_there(&shop).await;
    assert_eq!(units(&shop).await, 97);
    ordered.one(&shop, &lamp).await;
    let login = json!({"email": HERS, "password": PASSWORD});
    assert_eq!(Customer::anyone(&shop).post("/v1/auth/login", &login).await.status, 401);
    let log = shop.admin().await.get("/v1/admin/audit?action=shop.move").await;
    assert_eq!(log.body["items"].as_array().unwrap().len(), 1, "{log:?}");
    let back = format!("sqlite:{}", shop.folder.display());
    let back = ["move", "--to", &back];
    let why = refuses(&shop, &[&back[..], &["--replace"]].concat());
    assert!(why.contains("stop all nodes"), "{why}");
    shop.settle();
    ordered.look(&shop).await;
    shop.stop();
    shop.assert_books();
    let why = refuses(&shop, &back);
    assert!(why.contains("--replace"), "{why}");
    let told = said(&shop, &[&back[..], &["--replace"]].concat());
    assert!(told.contains("what was there is in"), "{told}");
    assert!(refuses(&shop, &["verify"]).contains("has moved to sqlite:"));

    set(&mut shop, Engine::Sqlite, &there.0);
    shop.start(&[]);
    ordered.are_there(&shop).await;
    ordered.one(&shop, &lamp).await;
    shop.settle();
    assert_eq!(units(&shop).await, 95);
    shop.stop();
    shop.assert_books();
    // Who changes their mind serves the place that was left again, and loses what was sold since.
    set(&mut shop, Engine::Postgres, &there.0);
    said(&shop, &["move", "--reopen"]);
    said(&shop, &["migrate"]);
}

/// Where a shop goes from an engine: the other one's place, and a shop of that engine that is there already.
struct Way {
    engine: Engine,
    to: String,
    url: String,
    occupied: (Shop, String),
    _empty: Empty,
}

impl Way {
    fn from(engine: Engine, folder: &std::path::Path) -> Option<Self> {
        let empty = Empty::new()?;
        let lamp = product("LAMP-1", "20.00", 5);
        let (engine, to) = match engine {
            Engine::Sqlite => (Engine::Postgres, empty.0.clone()),
            Engine::Postgres => (Engine::Sqlite, format!("sqlite:{}", folder.display())),
        };
        let other = Shop::new(engine, &[lamp])?;
        let occupied = match engine {
            Engine::Sqlite => format!("sqlite:{}", other.folder.display()),
            Engine::Postgres => other.url().unwrap(),
        };
        let url = empty.0.clone();
        Some(Self { engine, to, url, occupied: (other, occupied), _empty: empty })
    }
}

async fn a_move_that_is_killed_is_run_again(engine: Engine) {
    let Some(mut shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 5)]) else { return };
    let Some(way) = Way::from(engine, &shop.folder) else { return };
    let lamp = id_of(&Customer::guest(&shop).await, "LAMP-1").await;
    let mut ordered = Ordered(Vec::new());
    ordered.one(&shop, &lamp).await;
    shop.settle();
    ordered.look(&shop).await;
    shop.stop();
    let to = ["move", "--schema-prefix", SCHEMA_PREFIX, "--to", &way.to];
    let (other, occupied) = &way.occupied;
    let why = refuses(&shop, &[&to[..4], &[occupied.as_str()]].concat());
    assert!(why.contains("there is something in"), "{why}");
    said(other, &["verify"]);
    let here = if engine == Engine::Sqlite { "sqlite:/tmp" } else { &way.url };
    assert!(refuses(&shop, &["move", "--to", here]).contains("both places are of"));
    let nowhere: PathBuf = platform::testing::folder();
    let from = format!("sqlite:{}", nowhere.display());
    assert!(refuses(&shop, &["move", "--from", &from, "--to", &way.url]).contains("no shop in"));
    assert_eq!(std::fs::read_dir(&nowhere).unwrap().count(), 0);

    let mut place = shop.beside();
    set(&mut place, way.engine, &way.url);
    let is_not_whole = |point: &str, command: &[&str]| {
        let why = refuses(&place, command);
        assert!(why.contains("not whole"), "{point}: {command:?}: {why}");
    };
    shop.set("STOA_BUG", "move_forgets_an_event");
    let why = refuses(&shop, &to);
    assert!(why.contains("was copied with"), "{why}");
    shop.set("STOA_BUG", "");
    for command in [&["serve"][..], &["verify"], &["migrate"], &["backup", "--to", "x"]] {
        is_not_whole("a lost event", command);
    }
    for point in ["within move", "after copy of move", "before end of move"] {
        shop.assert_books();
        shop.set("STOA_FAULT", &format!("kill:{point}"));
        let killed = tokio::task::block_in_place(|| shop.run(&to));
        assert_eq!(killed.status.code(), None, "{point}: {killed:?}");
        shop.set("STOA_FAULT", "");
        is_not_whole(point, &["migrate"]);
    }
    // Everything was proved to be there, so that nothing is copied again.
    assert!(refuses(&shop, &["verify"]).contains("has moved to"));
    let told = said(&shop, &to);
    assert!(told.contains("is ended"), "{told}");
    place.start(&[]);
    ordered.are_there(&place).await;
    ordered.one(&place, &lamp).await;
    place.settle();
    place.stop();
    place.assert_books();
}
