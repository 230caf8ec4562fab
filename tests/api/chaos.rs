//! Faults are let happen by whoever may order them, for a while, and only then.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use kernel::Clock;
use notary::Signer;
use serde_json::{Value, json};

use crate::support::{Answer, Customer, Engine, Shop, WAIT_MAX, on_both_engines, product};

on_both_engines![
    only_a_fresh_order_of_the_key_is_obeyed,
    what_is_obeyed_is_seen_and_ends,
    what_is_there_was_told_so,
    a_node_whose_databases_do_not_answer_is_not_ready,
];

/// How often something is made while statements fail, so that each of its statements is met.
const TIMES: usize = 100;
/// How long a probe waits at most.
const PROBED_WITHIN: Duration = Duration::from_secs(30);

/// A shop that runs and obeys a key of its own, and whoever operates it.
struct Operated {
    shop: Shop,
    ops: Customer,
}

fn key(shop: &Shop, file: &str) -> String {
    let file = shop.folder.join(file).display().to_string();
    let made = shop.run(&["chaos", "key", &file]);
    assert!(made.status.success(), "{made:?}");
    String::from_utf8(made.stdout).unwrap().trim().to_owned()
}

fn sign(shop: &Shop, key: &str, more: &[&str]) -> String {
    let key = shop.folder.join(key).display().to_string();
    let signed = shop.run(&[&["chaos", "sign", "--key", &key], more].concat());
    assert!(signed.status.success(), "{signed:?}");
    String::from_utf8(signed.stdout).unwrap()
}

impl Operated {
    fn start(mut shop: Shop) -> Self {
        let public = key(&shop, "chaos.key");
        shop.set("STOA__CHAOS__PUBLIC_KEY", &public);
        shop.start(&[]);
        let ops = Customer::anyone(&shop).on_ops(&shop);
        Self { shop, ops }
    }

    fn sign(&self, more: &[&str]) -> String {
        sign(&self.shop, "chaos.key", more)
    }

    async fn put(&self, order: &str) -> Answer {
        self.ops.send_as_is("PUT", "/chaos", &[], order.as_bytes()).await
    }

    async fn standing(&self) -> Value {
        let shown = self.ops.get("/chaos").await;
        assert_eq!(shown.status, 200, "{shown:?}");
        shown.body["experiment"].clone()
    }

    async fn is_active(&self) -> bool {
        let figures = self.ops.get("/metrics").await.text;
        let active = figures.lines().find_map(|line| line.strip_prefix("stoa_chaos_active "));
        active.unwrap() == "1"
    }

    async fn is_refused(&self, order: &str, status: u16, why: &str) {
        let refused = self.put(order).await;
        assert_eq!(refused.status, status, "{why}: {refused:?}");
        let detail = refused.body["detail"].as_str().unwrap();
        assert!(detail.contains(why), "{why}: {detail}");
    }
}

async fn only_a_fresh_order_of_the_key_is_obeyed(engine: Engine) {
    let Some(mut shop) = Shop::new(engine, &[product("LAMP-1", "20.00", 5)]) else { return };
    key(&shop, "chaos.key");
    let mode = std::fs::metadata(shop.folder.join("chaos.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let early = sign(&shop, "chaos.key", &["--for", "10m", "latency=1ms"]);
    shop.start(&[]);
    let at = Operated { ops: Customer::anyone(&shop).on_ops(&shop), shop };
    at.is_refused(&at.sign(&["--for", "10m", "latency=1ms"]), 403, "is empty").await;
    shop = at.shop;
    shop.stop();
    let shop = Operated::start(shop);

    let ten = ["--for", "10m", "latency=1ms"];
    let good = shop.sign(&ten);
    for unsigned in ["", "{}", "stoa chaos/v1\n", good.split("\n\n").next().unwrap()] {
        shop.is_refused(unsigned, 403, "not signed").await;
    }
    shop.is_refused(&good.replace("latency=1ms", "latency=9ms"), 403, "not signed").await;
    key(&shop.shop, "other.key");
    shop.is_refused(&sign(&shop.shop, "other.key", &ten), 403, "not signed").await;
    shop.is_refused(&early, 422, "before this node started").await;
    let past = ["--from", "2026-01-01T00:00:00Z"];
    shop.is_refused(&shop.sign(&[&past[..], &ten].concat()), 422, "ended at").await;
    let node = ["--node", "node-1"];
    shop.is_refused(&shop.sign(&[&node[..], &ten].concat()), 422, "it is for node-1").await;

    let secret = std::fs::read_to_string(shop.shop.folder.join("chaos.key")).unwrap();
    let signer = Signer::read(&secret).unwrap();
    let text = good.split("\n\n").next().unwrap().to_owned() + "\n";
    let until = text.lines().find(|line| line.starts_with("until ")).unwrap();
    let later = format!("until {}", (Clock::system().now() + TimeDelta::hours(2)).to_rfc3339());
    shop.is_refused(&signer.sign(&text.replace(until, &later)), 422, "within an hour").await;
    shop.is_refused(&signer.sign("a log\n1\nroot\n"), 400, "no order of chaos").await;
    shop.is_refused(&signer.sign(&text.replace("latency", "earthquake")), 400, "no fault").await;
    let long = "x".repeat(10_000);
    assert_eq!(shop.put(&long).await.status, 413);
    for wrong in [&["--for", "61m", "errors=5"][..], &["--for", "10m", "errors=5", "errors=6"]] {
        let file = shop.shop.folder.join("chaos.key").display().to_string();
        let signed = shop.shop.run(&[&["chaos", "sign", "--key", &file], wrong].concat());
        assert!(!signed.status.success(), "{wrong:?}");
    }
    let no_key = ["chaos", "sign", "--key", "/nowhere/a.key", "--for", "10m", "errors=5"];
    let told = shop.shop.run(&no_key).stderr;
    assert!(String::from_utf8_lossy(&told).contains("/nowhere/a.key: "), "{told:?}");
    assert_eq!(shop.standing().await, Value::Null);
    assert!(!shop.is_active().await);
    let figures = shop.ops.get("/metrics").await.text;
    assert!(!figures.contains("stoa_chaos_faults_total"), "nothing has happened");

    assert_eq!(shop.put(&good).await.status, 200);
    shop.is_refused(&shop.sign(&ten), 409, "stop it first").await;
    assert_eq!(shop.ops.call("DELETE", "/chaos").await.status, 200);
    shop.is_refused(&good, 409, "obeyed before").await;
    assert_eq!(shop.standing().await, Value::Null);
}

async fn what_is_obeyed_is_seen_and_ends(engine: Engine) {
    let Some(shop) = Shop::new(engine, &[product("LAMP-1", "20.00", 5)]) else { return };
    let shop = Operated::start(shop);
    let staff = shop.shop.staff().await;
    let node = shop.ops.get("/chaos").await.body["node"].as_str().unwrap().to_owned();
    let order = ["--for", "10m", "--node", &node, "--seed", "7", "latency=1ms", "drops=1"];
    let begun = shop.put(&shop.sign(&order)).await;
    assert_eq!(begun.status, 200, "{begun:?}");
    assert_eq!(staff.get("/v1/products/LAMP-1").await.status, 200);
    let experiment = shop.standing().await;
    assert_eq!(experiment["begins_in_ms"], 0);
    assert_eq!(experiment["faults"][0]["fault"], "latency=1ms:1000");
    assert!(experiment["faults"][0]["struck"].as_i64().unwrap() > 0, "{experiment}");
    let began = Instant::now();
    while !shop.is_active().await {
        assert!(began.elapsed() < WAIT_MAX);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let figures = shop.ops.get("/metrics").await.text;
    assert!(figures.contains("stoa_chaos_faults_total{kind=\"latency\"}"), "{figures}");
    assert_eq!(shop.ops.call("DELETE", "/chaos").await.status, 200);
    assert!(!shop.is_active().await);
    assert_eq!(shop.ops.call("DELETE", "/chaos").await.status, 200, "nothing is to be stopped");

    let id = experiment["id"].as_str().unwrap();
    let noted = staff.get(&format!("/v1/admin/audit?subject={id}")).await;
    let noted = noted.body["items"].as_array().unwrap();
    let actions: Vec<_> = noted.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["chaos.stop", "chaos.begin"]);
    assert_eq!(noted[1]["after"]["faults"], json!(["latency=1ms:1000", "drops=1"]));
    assert!(noted.iter().all(|entry| entry["actor_kind"] == "operator"), "{noted:?}");

    let later = (Clock::system().now() + TimeDelta::minutes(30)).to_rfc3339();
    let order = shop.sign(&["--from", &later, "--for", "10m", "full-disk"]);
    assert_eq!(shop.put(&order).await.status, 200);
    assert!(shop.standing().await["begins_in_ms"].as_i64().unwrap() > 0);
    assert!(!shop.is_active().await);
    Customer::guest(&shop.shop).await;
    assert_eq!(shop.standing().await["faults"][0]["struck"], 0);
    assert_eq!(shop.ops.call("DELETE", "/chaos").await.status, 200);

    assert_eq!(shop.put(&shop.sign(&["--for", "1s", "latency=1ms"])).await.status, 200);
    let began = Instant::now();
    while shop.standing().await != Value::Null || shop.is_active().await {
        assert!(began.elapsed() < WAIT_MAX);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let log = shop.shop.log();
    for told in ["chaos begins", "chaos was stopped", "chaos has ended"] {
        assert!(log.contains(told), "{told}: {log}");
    }
}

/// Whoever is told of an error makes the product again.
async fn what_is_there_was_told_so(engine: Engine) {
    let Some(shop) = Shop::new(engine, &[product("LAMP-1", "20.00", 5)]) else { return };
    let shop = Operated::start(shop);
    let staff = shop.shop.staff().await;
    let make = async |n: usize| {
        let sku = format!("NEW-{n}");
        let body = json!({"sku": sku, "name": sku, "price": {"amount": "5.00", "currency": "EUR"}});
        staff.post("/v1/admin/products", &body).await
    };
    assert_eq!(shop.put(&shop.sign(&["--for", "10m", "errors=60"])).await.status, 200);
    let mut told = Vec::new();
    for n in 0..TIMES {
        told.push(make(n).await.status);
    }
    assert_eq!(shop.ops.call("DELETE", "/chaos").await.status, 200);
    assert!(told.contains(&201) && told.contains(&503), "{told:?}");
    for (n, told) in told.into_iter().enumerate() {
        let again = make(n).await;
        let expected = match told {
            201 => 409,
            503 => 201,
            _ => panic!("{n} was told {told}"),
        };
        assert_eq!(again.status, expected, "{n} was told {told}, and then {again:?}");
    }
}

async fn a_node_whose_databases_do_not_answer_is_not_ready(engine: Engine) {
    let Some(shop) = Shop::new(engine, &[product("LAMP-1", "20.00", 5)]) else { return };
    let shop = Operated::start(shop);
    let probe = shop.ops.hurried(PROBED_WITHIN);
    assert_eq!(probe.get("/health/ready").await.status, 200);
    assert_eq!(shop.put(&shop.sign(&["--for", "10m", "latency=1m"])).await.status, 200);
    let ready = probe.get("/health/ready").await;
    assert_eq!(ready.status, 503, "{ready:?}");
    assert_eq!(shop.ops.call("DELETE", "/chaos").await.status, 200);
    assert_eq!(probe.get("/health/ready").await.status, 200);
}
