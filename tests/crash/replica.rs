//! Pages are read at a standby that has come as far as the node has heard of changes, and at the primary otherwise: nobody
//! sees less of what was changed or sold for it, and nobody waits for a standby that is gone.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::server::Server;
use crate::support::{APPROVED, Customer, Shop, WAIT_MAX, id_of, product};

/// Pages of a lamp that nobody has kept: each is in a language that nobody has asked for.
struct Pages<'s> {
    shop: &'s Shop,
    asked: u16,
}

impl<'s> Pages<'s> {
    fn of(shop: &'s Shop) -> Self {
        Self { shop, asked: 0 }
    }

    async fn fresh(&mut self, token: &str) -> Value {
        let letter = |n: u16| char::from(b'a' + u8::try_from(n % 26).unwrap());
        let letters = ['q', letter(self.asked / 26), letter(self.asked)];
        self.asked += 1;
        let path = format!("/v1/products/LAMP-1?locale={}", String::from_iter(letters));
        let headers = [("x-consistency-token", token)];
        let anyone = Customer::anyone(self.shop);
        let page = anyone.call_with("GET", &path, &headers).await;
        assert_eq!(page.status, 200, "{page:?} {}", self.shop.log());
        page.body
    }

    /// How many reads there were of an outcome.
    async fn count(&self, outcome: &str) -> u64 {
        let figures = Customer::anyone(self.shop).on_ops(self.shop).get("/metrics").await.text;
        let name = format!("replica_reads_total{{outcome=\"{outcome}\"}}");
        let line = figures.lines().find(|line| line.starts_with(&name));
        line.map_or(0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
    }

    /// The first page that was read with an outcome.
    async fn until_read(&mut self, outcome: &str) -> Value {
        let (began, before) = (Instant::now(), self.count(outcome).await);
        loop {
            let page = self.fresh("0").await;
            if self.count(outcome).await > before {
                return page;
            }
            assert!(began.elapsed() < WAIT_MAX, "no read is {outcome}: {}", self.shop.log());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Once a page has told that so many are left, all do.
    async fn until_left(&mut self, left: i64) {
        let began = Instant::now();
        while self.fresh("0").await["available"] != left {
            assert!(began.elapsed() < WAIT_MAX, "{left} are left: {}", self.shop.log());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        for _ in 0..3 {
            assert_eq!(self.fresh("0").await["available"], left);
        }
    }
}

/// An order of one lamp, and what it costs.
async fn buy(shop: &Shop, key: &str) -> Value {
    let ada = Customer::guest(shop).await;
    ada.fill_cart(&id_of(&ada, "LAMP-1").await, 1).await;
    let order = ada.order(key, &ada.card(APPROVED).await).await;
    assert_eq!(order.body["status"], "CONFIRMED", "{order:?} {}", shop.log());
    order.body["lines"][0]["unit_price"]["amount"].clone()
}

/// What the doctor says of the replica.
fn examined(shop: &Shop) -> String {
    let said = String::from_utf8(shop.run(&["doctor"]).stdout).unwrap();
    said.lines().find(|line| line.contains("replica:")).unwrap().to_owned()
}

/// Lets whoever answers the shop at a standby stand still (`STOP`), or go on (`CONT`).
fn signal(standby: &Server, name: &str) {
    let answering = "select pid from pg_stat_activity where application_name = 'stoa'";
    for process in standby.ask("shop", answering).lines() {
        assert!(Command::new("kill").args(["-s", name, process]).status().unwrap().success());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_are_read_at_a_standby_that_has_come_far_enough() {
    let Some(primary) = Server::new() else { return };
    primary.start();
    primary.ask("postgres", "create database shop");
    let mut shop = Shop::over(&primary.url(), &[product("LAMP-1", "20.00", 10)]);
    let standby = primary.standby();
    shop.set("STOA__DATABASE__REPLICA_URL", &standby.url());
    // A machine that is busy is no standby that is gone.
    shop.set("STOA__DATABASE__REPLICA_WAIT_MS", "10000");
    assert!(examined(&shop).starts_with("ok        replica: a standby"), "{}", examined(&shop));
    shop.start(&[]);
    let mut pages = Pages::of(&shop);
    let page = pages.until_read("replica").await;
    assert_eq!((&page["name"], &page["available"]), (&json!("Product LAMP-1"), &json!(10)));

    // It stands still: what is changed and sold is shown all the same, with a token and without.
    standby.ask("shop", "select pg_wal_replay_pause()");
    standby.until("select pg_get_wal_replay_pause_state()", "paused");
    let price = json!({"amount": "25.00", "currency": "EUR"});
    let change = json!({"name": "A brighter lamp", "price": price});
    let path = format!("/v1/admin/products/{}", page["id"].as_str().unwrap());
    let changed = shop.admin().await.edit(&path, &change).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    let token = changed.headers["x-consistency-token"].to_str().unwrap();
    let read = pages.count("replica").await;
    assert_eq!(pages.fresh(token).await["name"], "A brighter lamp");
    assert_eq!(pages.fresh("0").await["name"], "A brighter lamp");
    assert_eq!(buy(&shop, "one").await, "25.00");
    pages.until_left(9).await;
    assert_eq!(pages.count("replica").await, read, "{}", shop.log());
    let there = "select name from stoa_catalog.product";
    assert_eq!(standby.ask("shop", there), "Product LAMP-1", "it stands still");
    let mut node = shop.node();
    node.start(&[("STOA_BUG", "lagging_replica_is_read")]);
    let page = Pages::of(&node).until_read("replica").await;
    assert_eq!(page["name"], "Product LAMP-1", "this test can fail");
    node.stop();

    standby.ask("shop", "select pg_wal_replay_resume()");
    let page = pages.until_read("replica").await;
    assert_eq!((&page["name"], &page["available"]), (&json!("A brighter lamp"), &json!(9)));

    // It is gone, while the shop runs and when it starts.
    standby.stop();
    pages.until_read("gone").await;
    buy(&shop, "two").await;
    pages.until_left(8).await;
    assert!(examined(&shop).starts_with("doubtful  replica: the primary"), "{}", examined(&shop));
    shop.stop();
    shop.start(&[("STOA__DATABASE__REPLICA_WAIT_MS", "500")]);
    let mut pages = Pages::of(&shop);
    pages.until_read("gone").await;
    standby.start();
    pages.until_read("replica").await;

    // It does not answer.
    signal(&standby, "STOP");
    pages.until_read("gone").await;
    signal(&standby, "CONT");
    pages.until_read("replica").await;

    // It goes its own way.
    standby.ask("shop", "select pg_promote()");
    standby.ask("shop", "update stoa_catalog.product set name = 'Another lamp'");
    let page = pages.until_read("gone").await;
    assert_eq!(page["name"], "A brighter lamp");
    assert!(examined(&shop).contains("is no standby"), "{}", examined(&shop));
    shop.settle();
    shop.stop();
    shop.assert_books();
}
