//! The API's description against the running program: schemathesis makes requests from it, right and
//! wrong ones, and reads each answer by it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{APPROVED, Customer, Engine, Shop, id_of, on_both_engines, product};

on_both_engines![examples_work];

/// The folder of the programs; `scripts/with-schemathesis` sets it.
const TOOL: &str = "STOA_TEST_SCHEMATHESIS";
/// How many guessed requests each endpoint gets.
const EXAMPLES: &str = "CONTRACT_EXAMPLES";
const EXAMPLES_DEFAULT: &str = "4";
/// What ends the session or logs everybody out, and so is tried with a session of its own.
const ENDS: &str = "^/v1/auth/(logout|sessions)";
/// Those and the stream of an order, which goes on as long as the order lives and is no JSON.
const LEFT_OUT: &str = "^/v1/(auth/(logout|sessions)|orders/[^/]+/stream)";
/// Who does not work in the shop is refused by what is the staff's, each endpoint by a test of its own.
const STAFFS: &str = "^/v1/admin/";
/// So many endpoints do what they are asked for by each.
const FIRST_HALF_DONE_MIN: usize = 30;
const SECOND_HALF_DONE_MIN: usize = 35;
const STAFF_DONE_MIN: usize = 20;
const CUSTOMER_DONE_MIN: usize = 31;
const STRANGER_DONE_MIN: usize = 20;
const ENDING_DONE_MIN: usize = 2;
const PASSWORD: &str = "correct horse battery";

#[expect(clippy::disallowed_methods, reason = "tests have no settings")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A program of the tool, if it is there.
fn program(name: &str) -> Option<PathBuf> {
    let folder = variable(TOOL);
    let must = variable("CI").is_some_and(|ci| ci == "true");
    assert!(folder.is_some() || !must, "{TOOL} is not set; run the tests by `make test`");
    if folder.is_none() {
        tracing::warn!("skipped: {TOOL} is not set; run the tests by `make test`");
    }
    Some(PathBuf::from(folder?).join(name))
}

/// A shop that asks for second factors, and lets nobody wait who guesses passwords.
fn shop(engine: Engine) -> Option<Shop> {
    let mut shop = Shop::new(engine, &[product("LAMP-0", "20.00", 1_000)])?;
    shop.set("STOA__EDGE__GUEST_CHECKOUT", "false");
    shop.set("STOA__AUTH__ADDRESS_FAILURES_MAX", "1000000");
    shop.set("STOA__AUTH__ACCESS_TOKEN_S", "3600");
    shop.start(&[]);
    Some(shop)
}

/// Somebody with an account and a second factor.
async fn registered(shop: &Shop) -> Customer {
    let ada = json!({"email": "ada@example.com", "password": PASSWORD, "name": "Ada"});
    let anyone = Customer::anyone(shop);
    assert_eq!(anyone.post("/v1/auth/register", &ada).await.status, 201);
    let ada = json!({"email": "ada@example.com", "password": PASSWORD});
    let ada = anyone.log_in(&ada).await.unwrap();
    ada.with_second_factor(&shop.folder.join("ada.recovery")).await
}

/// How often each endpoint has done what it was asked for, as the program counts it.
async fn done(shop: &Shop) -> BTreeMap<String, u64> {
    let figures = Customer::anyone(shop).on_ops(shop).get("/metrics").await.text;
    let mut done = BTreeMap::new();
    for line in figures.lines().filter_map(|line| line.strip_prefix("http_requests_total{")) {
        let (endpoint, rest) = line.split_once(",status=\"").unwrap();
        let (status, count) = rest.split_once("\"} ").unwrap();
        if status.starts_with('2') {
            *done.entry(endpoint.to_owned()).or_default() += count.parse::<u64>().unwrap();
        }
    }
    done
}

/// A request of somebody to the endpoints that fit, with the ids of what there is.
struct Trial<'s> {
    shop: &'s Shop,
    token: Option<&'s str>,
    /// So many endpoints do what they are asked for at least; answers that only refuse show little.
    done_min: usize,
    /// A path's beginning, a name in it, and what is there.
    there: Vec<(String, String, String)>,
}

impl Trial<'_> {
    /// Fails with everything that is not as described.
    async fn run(&self, which: [&str; 2]) {
        let before = done(self.shop).await;
        let Some(program) = program("schemathesis") else { return };
        let house = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/schemathesis");
        let mut settings = std::fs::read_to_string(house.join("schemathesis.toml")).unwrap();
        for (path, name, value) in &self.there {
            let path = path.replace('{', "\\{").replace('}', "\\}");
            writeln!(settings, "\n[[operations]]\ninclude-path-regex = '^{path}(/|$)'").unwrap();
            writeln!(settings, "parameters = {{ \"path.{name}\" = \"{value}\" }}").unwrap();
        }
        let file = self.shop.folder.join("schemathesis.toml");
        std::fs::write(&file, settings).unwrap();
        let examples = variable(EXAMPLES).unwrap_or_else(|| EXAMPLES_DEFAULT.to_owned());
        let mut command = Command::new(program);
        command
            .current_dir(&self.shop.folder)
            .env("PYTHONPATH", &house)
            .env("SCHEMATHESIS_HOOKS", "hooks")
            .arg("--config-file")
            .arg(&file)
            .args(["--no-color", "run", &format!("{}/v1/openapi.json", self.shop.base)])
            .args(["--max-examples", &examples])
            .args(which);
        if let Some(token) = self.token {
            command.args(["--header", &format!("Authorization: Bearer {token}")]);
        }
        let output = command.output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout);
        let wrong = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{told}\n{wrong}\n{}", self.shop.log());
        let mut done = done(self.shop).await;
        done.retain(|endpoint, count| before.get(endpoint).is_none_or(|before| *count > *before));
        assert!(done.len() >= self.done_min, "only {}: {done:?}", done.len());
    }
}

/// The description as the program answers it.
async fn description(shop: &Shop) -> Value {
    Customer::anyone(shop).get("/v1/openapi.json").await.body
}

/// Makes what the examples of the description say, and tells where it is.
async fn made(shop: &Shop, admin: &Customer) -> Vec<(String, String, String)> {
    let api = description(shop).await;
    let paths = api["paths"].as_object().unwrap();
    let mut there = Vec::new();
    for (path, item) in paths {
        let made = &item["post"]["responses"]["201"]["headers"]["Location"];
        let body = &item["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"];
        let below = paths.keys().find_map(|below| {
            let name = below.strip_prefix(path.as_str())?.strip_prefix("/{")?;
            Some((below, name.strip_suffix('}')?))
        });
        let (Some(schema), Some((below, name)), false) =
            (body.as_str(), below, made.is_null() || !path.starts_with("/v1/admin/"))
        else {
            continue;
        };
        let example = api.pointer(&schema[1..]).unwrap()["example"].clone();
        let answer = admin.post(path, &example).await;
        assert_eq!(answer.status, 201, "the example of {path}: {answer:?}");
        let location = answer.headers["location"].to_str().unwrap();
        let value = location.rsplit('/').next().unwrap().to_owned();
        there.push((below.clone(), name.to_owned(), value));
    }
    assert!(there.len() >= 7, "{there:?}");
    there
}

/// Orders a product, and tells where the order, its payment and the next line of a cart are.
async fn ordered(ada: &Customer, admin: &Customer) -> Vec<(String, String, String)> {
    let lamp = id_of(ada, "LAMP-0").await;
    ada.fill_cart(&lamp, 1).await;
    let order = ada.order("first", &ada.card(APPROVED).await).await;
    assert!(matches!(order.status, 201 | 202), "{order:?}");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let order = text(&order.body["id"]);
    ada.until(&order, &["CONFIRMED"]).await;
    ada.fill_cart(&lamp, 1).await;
    let payments = admin.get(&format!("/v1/admin/payments?order_id={order}")).await;
    let payment = text(&payments.body["items"][0]["id"]);
    let cart = ada.get("/v1/cart").await;
    let shown = admin.get(&format!("/v1/admin/products/{lamp}")).await;
    [
        ("/v1/orders/{id}", "id", order.clone()),
        ("/v1/admin/orders/{id}", "id", order),
        ("/v1/payments/{id}", "id", payment.clone()),
        ("/v1/admin/payments/{id}", "id", payment),
        ("/v1/admin/stock/{product_id}", "product_id", lamp),
        ("/v1/cart/lines/{id}", "id", text(&cart.body["lines"][0]["id"])),
        ("/v1/products/{key}", "key", "LAMP-0".to_owned()),
        ("/v1/products/slug/{slug}", "slug", text(&shown.body["slug"])),
    ]
    .map(|(path, name, value)| (path.to_owned(), name.to_owned(), value))
    .to_vec()
}

async fn examples_work(engine: Engine) {
    let Some(shop) = shop(engine) else { return };
    let admin = shop.admin().await;
    made(&shop, &admin).await;
}

/// On the engine that looks at types and lengths more closely.
async fn the_staff_finds(which: [&str; 2], done_min: usize) {
    let Some(shop) = shop(Engine::Postgres) else { return };
    let (ada, admin) = (registered(&shop).await, shop.admin().await);
    // Once a shipping method is made, those of the settings are none any more.
    let mut there = ordered(&ada, &admin).await;
    there.extend(made(&shop, &admin).await);
    Trial { shop: &shop, token: Some(admin.token()), done_min, there }.run(which).await;
    assert_eq!(admin.get("/v1/auth/me").await.status, 200, "they were known to the end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_staff_finds_the_first_half_of_its_part_as_described() {
    the_staff_finds(["--include-path-regex", "^/v1/admin/[a-o]"], FIRST_HALF_DONE_MIN).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_staff_finds_the_second_half_of_its_part_as_described() {
    the_staff_finds(["--include-path-regex", "^/v1/admin/[p-z]"], SECOND_HALF_DONE_MIN).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_staff_finds_what_is_for_all_as_described() {
    let others = format!("{LEFT_OUT}|{STAFFS}");
    the_staff_finds(["--exclude-path-regex", &others], STAFF_DONE_MIN).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customer_finds_everything_as_described() {
    let Some(shop) = shop(Engine::Sqlite) else { return };
    let (ada, admin) = (registered(&shop).await, shop.admin().await);
    let there = ordered(&ada, &admin).await;
    Trial { shop: &shop, token: Some(ada.token()), done_min: CUSTOMER_DONE_MIN, there }
        .run(["--exclude-path-regex", &format!("{LEFT_OUT}|{STAFFS}")])
        .await;
    assert_eq!(ada.get("/v1/auth/me").await.status, 200, "she was known to the end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_finds_everything_as_described() {
    let Some(shop) = shop(Engine::Sqlite) else { return };
    Trial { shop: &shop, token: None, done_min: STRANGER_DONE_MIN, there: Vec::new() }
        .run(["--exclude-path-regex", &format!("{LEFT_OUT}|{STAFFS}")])
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_ends_their_session_finds_everything_as_described() {
    let Some(shop) = shop(Engine::Sqlite) else { return };
    let guest = Customer::guest(&shop).await;
    Trial { shop: &shop, token: Some(guest.token()), done_min: ENDING_DONE_MIN, there: Vec::new() }
        .run(["--include-path-regex", ENDS])
        .await;
}

#[tokio::test]
async fn it_is_openapi() {
    let Some(shop) = shop(Engine::Sqlite) else { return };
    let Some(program) = program("openapi-spec-validator") else { return };
    let file = shop.folder.join("openapi.json");
    std::fs::write(&file, description(&shop).await.to_string()).unwrap();
    let output = Command::new(program).args(["--schema", "3.1"]).arg(&file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
