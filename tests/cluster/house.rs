//! Three nodes, their database, the wire between them, and their Redis.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use platform::testing::RedisServer;

use crate::breaks::Break;
use crate::crowd::{Bought, Crowd, Square};
use crate::server::Server;
use crate::support::{Customer, Shop, id_of, product};
use crate::wire::Wire;

/// How many nodes there are.
pub const NODES: usize = 3;
/// After which time without a sign of life another node takes over, in milliseconds.
pub const LEASE_MS: u32 = 2_000;
/// How many orders are confirmed before something breaks, and after it was mended.
const ORDERS: usize = 15;
/// How many there are of what everybody wants and few get.
const RARE: i64 = 40;
/// What nobody buys.
const UNSOLD: &str = "DESK-1";

pub struct House {
    pub nodes: Vec<Shop>,
    pub wire: Wire,
    pub server: Server,
    pub redis: RedisServer,
    pub square: Arc<Square>,
    products: Vec<String>,
    bought: Vec<Bought>,
    /// What was broken so far.
    broken: Vec<Break>,
}

impl Drop for House {
    #[expect(clippy::print_stderr, reason = "rounds of chance are not known otherwise")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("what was broken: {:?}", self.broken);
        }
    }
}

impl House {
    /// A house whose nodes serve; None where it cannot be made.
    pub async fn open() -> Option<Self> {
        let server = Server::start()?;
        let redis = RedisServer::start()?;
        let wire = Wire::to(server.socket()).await;
        let url = format!("postgres://shop@{}/postgres", wire.address);
        let products = [
            product("LAMP-1", "20.00", 100_000),
            product("RARE-1", "5.00", RARE),
            product(UNSOLD, "250.00", 1),
        ];
        let mut first = Shop::over(&url, &products);
        for name in ["SAGA__LEASE_MS", "BUS__LEASE_MS", "NOTARY__LEASE_MS"] {
            first.set(&format!("STOA__{name}"), &LEASE_MS.to_string());
        }
        first.set("STOA__REDIS__URL", &redis.url());
        let mut nodes: Vec<Shop> = (1..NODES).map(|_| first.node()).collect();
        nodes.insert(0, first);
        for node in &mut nodes {
            node.start(&[]);
        }
        let anyone = Customer::anyone(&nodes[0]);
        let (lamp, rare) = (id_of(&anyone, "LAMP-1").await, id_of(&anyone, "RARE-1").await);
        let products = vec![lamp.clone(), lamp, rare];
        let square = Arc::new(Square::default());
        let (bought, broken) = (Vec::new(), Vec::new());
        let mut house = Self { nodes, wire, server, redis, square, products, bought, broken };
        house.are_found();
        Some(house)
    }

    /// Tells the shoppers where the nodes are.
    pub fn are_found(&mut self) {
        let bases = self.nodes.iter().map(|node| node.base.clone()).collect();
        *self.square.nodes.lock().unwrap() = bases;
    }

    /// Breaks something while a crowd buys, mends it, and sees the shop sell on.
    pub async fn survives(&mut self, what: Break) {
        self.broken.push(what);
        let anyone = Customer::anyone(&self.nodes[0]);
        let crowd = Crowd::comes(&self.square, &anyone, &self.products);
        self.square.sells(ORDERS).await;
        what.happens(self).await;
        self.square.sells(ORDERS).await;
        self.bought.extend(crowd.goes().await);
    }

    /// Each node shows a page that no sale changes.
    pub async fn shows_a_page(&self) {
        for node in &self.nodes {
            let shown = Customer::anyone(node).get(&format!("/v1/products/{UNSOLD}")).await;
            assert_eq!(shown.status, 200, "{shown:?}");
        }
    }

    /// What everybody was told is so, each order is there once, and the books are right.
    pub async fn shows_its_books(mut self) {
        self.nodes[0].settle();
        assert!(self.square.confirmed.load(SeqCst) >= ORDERS);
        for shopper in &self.bought {
            shopper.is_there(&self.nodes[0]).await;
        }
        let anyone = Customer::anyone(&self.nodes[0]);
        let rare = anyone.get("/v1/products/RARE-1").await;
        assert!(rare.body["available"].as_i64().unwrap() >= 0, "{rare:?}");
        for node in &mut self.nodes {
            node.stop();
        }
        self.nodes[0].assert_books();
    }
}
