//! Two nodes of one shop: what is done at one is seen at the other.

use std::time::Instant;

use platform::testing::RedisServer;
use serde_json::json;

use crate::support::{APPROVED, Customer, Engine, Shop, WAIT_MAX, id_of, product};

/// A product that is not there.
const NOBODY: &str = "0199aaaa-0000-7000-8000-000000000000";

/// Two nodes that serve a shop with one lamp of ten.
fn two(set: impl Fn(&mut Shop)) -> Option<[Shop; 2]> {
    let mut one = Shop::new(Engine::Postgres, &[product("LAMP-1", "20.00", 10)])?;
    set(&mut one);
    let mut other = one.node();
    one.start(&[]);
    other.start(&[]);
    Some([one, other])
}

/// What a page says of a lamp, once it says that so many are left.
async fn until_left(node: &Shop, left: i64) {
    let (began, anyone) = (Instant::now(), Customer::anyone(node));
    loop {
        let page = anyone.get("/v1/products/LAMP-1").await;
        if page.body["available"] == left {
            return;
        }
        assert!(began.elapsed() < WAIT_MAX, "{left} are left: {page:?}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// A figure of a node.
async fn figure(node: &Shop, name: &str) -> u64 {
    let figures = Customer::anyone(node).on_ops(node).get("/metrics").await.text;
    let line = figures.lines().find(|line| line.starts_with(name));
    line.map_or(0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
}

async fn buy(node: &Shop, key: &str) {
    let ada = Customer::guest(node).await;
    ada.fill_cart(&id_of(&ada, "LAMP-1").await, 1).await;
    let order = ada.order(key, &ada.card(APPROVED).await).await;
    assert_eq!(order.body["status"], "CONFIRMED", "{order:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_node_sells_is_off_the_pages_of_the_other() {
    let Some([mut one, mut other]) = two(|_| ()) else { return };
    for left in [10, 9, 8] {
        // Each keeps the page.
        until_left(&one, left).await;
        until_left(&other, left).await;
        buy(if left % 2 == 0 { &one } else { &other }, "key").await;
    }
    until_left(&one, 7).await;
    until_left(&other, 7).await;
    one.settle();
    other.stop();
    one.stop();
    one.assert_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_logout_at_one_node_is_heard_at_the_other_by_redis() {
    let Some(redis) = RedisServer::start() else { return };
    let nodes = two(|shop| {
        shop.set("STOA__REDIS__URL", &redis.url());
        shop.set("STOA__REDIS__BUDGET_MS", "5000");
        // Nobody looks by themselves while this test runs.
        shop.set("STOA__AUTH__REVOCATION_POLL_MS", "3600000");
    });
    let Some([one, other]) = nodes else { return };
    let account =
        json!({"email": "ada@example.com", "password": "correct horse battery", "name": "Ada"});
    let ada = Customer::anyone(&one);
    assert_eq!(ada.post("/v1/auth/register", &account).await.status, 201);
    let ada = ada.log_in(&account_of(&account)).await.unwrap();
    let elsewhere = ada.at(&other);
    assert_eq!(elsewhere.get("/v1/auth/me").await.status, 200);
    assert_eq!(ada.post("/v1/auth/logout", &json!({})).await.status, 204);
    let began = Instant::now();
    while elsewhere.get("/v1/auth/me").await.status != 401 {
        assert!(began.elapsed() < WAIT_MAX, "{}", other.log());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

fn account_of(account: &serde_json::Value) -> serde_json::Value {
    json!({"email": account["email"], "password": account["password"]})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_is_made_once_and_no_change_is_missed() {
    const FOUND: &str = "cache_hits_total{cache=\"product.redis\"}";
    let Some(mut redis) = RedisServer::start() else { return };
    let nodes = two(|shop| {
        shop.set("STOA__REDIS__URL", &redis.url());
        shop.set("STOA__REDIS__BUDGET_MS", "5000");
    });
    let Some([one, other]) = nodes else { return };
    one.settle();
    let page = |node: &Shop, language: String| {
        let anyone = Customer::anyone(node);
        async move { anyone.get(&format!("/v1/products/LAMP-1?locale={language}")).await }
    };
    // What was settled a moment ago one of them may not have heard of yet: then it makes a page of its own.
    let (began, mut asked) = (Instant::now(), 0_u16);
    let made = loop {
        let language = |n: u16| char::from(b'a' + u8::try_from(n % 26).unwrap());
        let language =
            format!("{}{}{}", language(asked / 676), language(asked / 26), language(asked));
        asked += 1;
        let made = page(&one, language.clone()).await;
        let taken = page(&other, language).await;
        assert_eq!(made.body, taken.body);
        if figure(&other, FOUND).await > 0 {
            break made;
        }
        assert!(began.elapsed() < WAIT_MAX, "every page is made twice: {}", other.log());
    };

    // A change is heard of from the database: a page of before is not taken, though it is still there.
    let path = format!("/v1/admin/products/{}", made.body["id"].as_str().unwrap());
    let changed = one.admin().await.edit(&path, &json!({"name": "A brighter lamp"})).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    let token = changed.headers["x-consistency-token"].to_str().unwrap().to_owned();
    for node in [&one, &other] {
        let asked = [("x-consistency-token", token.as_str())];
        let seen = Customer::anyone(node).call_with("GET", "/v1/products/LAMP-1", &asked).await;
        assert_eq!(seen.body["name"], "A brighter lamp", "{seen:?}");
    }

    // Without Redis each makes its own.
    redis.kill();
    buy(&one, "without").await;
    until_left(&one, 9).await;
    until_left(&other, 9).await;
    redis.come_back();
    buy(&other, "with").await;
    until_left(&one, 8).await;
    until_left(&other, 8).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_counts_over_both_nodes() {
    const PER_SECOND: usize = 5;
    let Some(redis) = RedisServer::start() else { return };
    let nodes = two(|shop| {
        shop.set("STOA__REDIS__URL", &redis.url());
        shop.set("STOA__REDIS__BUDGET_MS", "5000");
    });
    let Some([one, other]) = nodes else { return };
    let staff = one.admin().await;
    let key = json!({"name": "scanner", "permissions": ["stock.read"], "rate_per_s": PER_SECOND});
    let key = staff.post("/v1/admin/api-keys", &key).await;
    let scanner = staff.with(key.body["key"].as_str().unwrap());
    let began = Instant::now();
    let both = [scanner.clone(), scanner.at(&other)];
    let asks = (0..20).map(|n| {
        let scanner = &both[n % 2];
        async move { scanner.get(&format!("/v1/admin/stock/{NOBODY}")).await.status }
    });
    let told = futures_util::future::join_all(asks).await;
    let admitted = told.iter().filter(|status| **status != 429).count();
    // What a slow machine takes longer for may come in later.
    let most = PER_SECOND + (began.elapsed().as_millis() as usize * PER_SECOND).div_ceil(1_000);
    assert!((PER_SECOND..=most).contains(&admitted), "{admitted} of {most}: {told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_leaves_answers_until_it_is_not_sent_anybody_any_more() {
    let set = |shop: &mut Shop| shop.set("STOA__SERVER__LEAVE_WAIT_MS", "120000");
    let Some(mut shop) = Shop::new(Engine::Sqlite, &[product("LAMP-1", "20.00", 10)]) else {
        return;
    };
    set(&mut shop);
    shop.start(&[]);
    let (anyone, ops) = (Customer::anyone(&shop), Customer::anyone(&shop).on_ops(&shop));
    assert_eq!(ops.get("/health/ready").await.status, 200);
    shop.signal("TERM");
    let began = Instant::now();
    while ops.get("/health/ready").await.status != 503 {
        assert!(began.elapsed() < WAIT_MAX, "it says that it is ready");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert_eq!(anyone.get("/v1/products/LAMP-1").await.status, 200);
    shop.kill();
}
