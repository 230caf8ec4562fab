//! A shop in which faults were ordered sells on, and what a shopper was told is true afterwards.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::crowd::{Crowd, Square};
use crate::support::{Customer, Engine, Shop, WAIT_MAX, id_of, product};

/// How many orders are confirmed under each order of faults, and after it.
const ORDERS: usize = 8;
/// What is ordered of every node.
const EXPERIMENTS: [&[&str]; 7] = [
    &["latency=20ms:50"],
    &["errors=8"],
    &["drops=4"],
    &["full-disk=15"],
    &["slow-processor=2s:300"],
    &["processor-errors=200", "lost-answers=200"],
    &[
        "latency=10ms:20",
        "errors=3",
        "drops=2",
        "full-disk=3",
        "clock=+20s",
        "slow-processor=1s:100",
        "processor-errors=50",
        "lost-answers=50",
    ],
];
/// What is ordered of one node, whose clock parts from the others'.
const JUMPS: [&str; 2] = ["clock=+20s", "clock=-20s"];

/// Nodes of a shop, and who gives them orders.
struct Day {
    nodes: Vec<Shop>,
    square: Arc<Square>,
    key: String,
}

impl Day {
    fn open(engine: Engine) -> Option<Self> {
        let products = [product("LAMP-1", "20.00", 100_000), product("RARE-1", "5.00", 40)];
        let mut shop = Shop::new(engine, &products)?;
        let key = shop.folder.join("chaos.key").display().to_string();
        let public = shop.run(&["chaos", "key", &key]);
        shop.set("STOA__CHAOS__PUBLIC_KEY", String::from_utf8_lossy(&public.stdout).trim());
        shop.set("STOA__ORDER__CARRIER", "sandbox");
        for name in ["SAGA__LEASE_MS", "BUS__LEASE_MS", "NOTARY__LEASE_MS"] {
            shop.set(&format!("STOA__{name}"), "2000");
        }
        let mut nodes = vec![shop];
        if engine == Engine::Postgres {
            nodes.push(nodes[0].node());
        }
        for node in &mut nodes {
            node.start(&[]);
        }
        let square = Arc::new(Square::default());
        *square.nodes.lock().unwrap() = nodes.iter().map(|node| node.base.clone()).collect();
        Some(Self { nodes, square, key })
    }

    /// Lets these faults happen at these nodes, until each of them has happened at one and the shop has sold under them.
    async fn goes_through(&self, faults: &[&str], nodes: &[Shop]) {
        let order = [&["chaos", "sign", "--key", &self.key, "--for", "10m"], faults].concat();
        let order = self.nodes[0].run(&order);
        assert!(order.status.success(), "{order:?}");
        for node in nodes {
            let ops = Customer::anyone(node).on_ops(node);
            let begun = ops.send_as_is("PUT", "/chaos", &[], &order.stdout).await;
            assert_eq!(begun.status, 200, "{begun:?}");
        }
        self.square.sells(ORDERS).await;
        let began = Instant::now();
        while let Some(fault) = self.unseen(nodes).await {
            assert!(began.elapsed() < WAIT_MAX, "{fault} has not happened");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        for node in nodes {
            let ops = Customer::anyone(node).on_ops(node);
            assert_eq!(ops.call("DELETE", "/chaos").await.status, 200);
        }
        self.square.sells(ORDERS).await;
    }

    /// A fault that has happened at none of these nodes so far.
    async fn unseen(&self, nodes: &[Shop]) -> Option<Value> {
        let mut counts: Vec<(Value, u64)> = Vec::new();
        for node in nodes {
            let shown = Customer::anyone(node).on_ops(node).get("/chaos").await;
            let faults = shown.body["experiment"]["faults"].as_array().unwrap().iter();
            let told = faults.map(|it| (it["fault"].clone(), it["struck"].as_u64().unwrap()));
            for (n, (fault, struck)) in told.enumerate() {
                match counts.get_mut(n) {
                    Some((_, count)) => *count += struck,
                    None => counts.push((fault, struck)),
                }
            }
        }
        counts.into_iter().find_map(|(fault, count)| (count == 0).then_some(fault))
    }

    /// All of it, under a crowd, and the books afterwards.
    async fn ends_well(mut self) {
        let anyone = Customer::anyone(&self.nodes[0]);
        let (lamp, rare) = (id_of(&anyone, "LAMP-1").await, id_of(&anyone, "RARE-1").await);
        let crowd = Crowd::comes(&self.square, &anyone, &[lamp.clone(), lamp, rare]);
        self.square.sells(ORDERS).await;
        for faults in EXPERIMENTS {
            self.goes_through(faults, &self.nodes).await;
        }
        for jump in JUMPS {
            self.goes_through(&[jump], &self.nodes[..1]).await;
        }
        let bought = crowd.goes().await;
        self.nodes[0].settle();
        for shopper in &bought {
            shopper.is_there(&self.nodes[0]).await;
        }
        for node in &mut self.nodes {
            node.stop();
            let log = node.log();
            // What is to be tried again later is no failure of the shop.
            let is_wrong = |line: &&str| line.contains("internal") || line.contains("panicked");
            let wrong: Vec<_> = log.lines().filter(is_wrong).collect();
            assert!(wrong.is_empty(), "{wrong:#?}");
        }
        self.nodes[0].assert_books();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_game_day_on_sqlite() {
    let Some(day) = Day::open(Engine::Sqlite) else { return };
    day.ends_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_game_day_on_postgres() {
    let Some(day) = Day::open(Engine::Postgres) else { return };
    day.ends_well().await;
}
