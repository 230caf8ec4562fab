//! Three nodes, their database, the wire between them, and their Redis.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use kernel::Timestamp;
use kernel::id::EventId;
use platform::sql::{Db, Sql};
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

/// Within which time all that was accepted ends once what was broken is mended: two leases, ...
const RECOVERS_IN: Duration = Duration::from_millis(2 * LEASE_MS as u64 + BUSY_MS);
/// ... and what is not the shop's part of it. A lease of a real shop is longer than a task rests after it failed (5 s), and
/// than a step takes on a machine that runs other tests beside three nodes; this one is not.
const BUSY_MS: u64 = 10_000;
const REDIS: &str = "STOA__REDIS__URL";
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Orders under way; one that awaits its shopper is none.
const OPEN: Sql = Sql::new(
    "select o.number, o.status, s.phase, s.step, s.attempts, s.owner, s.due_at, s.last_error,
            s.started_at
       from saga s join orders o on o.id = s.subject
      where s.phase in ('forward', 'undoing', 'stuck') and o.status <> 'AWAITING_PAYMENT'
      order by s.started_at",
);

/// An order under way.
#[derive(Debug, platform::sql::Record)]
#[expect(dead_code, reason = "what is shown when it does not end")]
struct Open {
    number: String,
    status: String,
    phase: String,
    step: i64,
    attempts: i64,
    owner: Option<String>,
    due_at: Timestamp,
    last_error: Option<String>,
    started_at: Timestamp,
}

async fn open(db: &Db) -> Vec<Open> {
    db.query(OPEN).all().await.unwrap()
}

pub struct House {
    pub nodes: Vec<Shop>,
    pub wire: Wire,
    pub server: Server,
    pub redis: RedisServer,
    pub square: Arc<Square>,
    products: Vec<String>,
    /// Names of nodes but the first come after this one.
    later: String,
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
        Self::of_versions(None).await
    }

    /// The same, with a first node of another version, which has made the shop.
    pub async fn of_versions(other: Option<PathBuf>) -> Option<Self> {
        let server = Server::start()?;
        let redis = RedisServer::start()?;
        let wire = Wire::to(server.socket()).await;
        let url = format!("postgres://shop@{}/postgres", wire.address);
        let products = [
            product("LAMP-1", "20.00", 100_000),
            product("RARE-1", "5.00", RARE),
            product(UNSOLD, "250.00", 1),
        ];
        let mut first = match &other {
            Some(program) => Shop::of_version(program.clone(), &url, &products),
            None => Shop::over(&url, &products),
        };
        for name in ["SAGA__LEASE_MS", "BUS__LEASE_MS", "NOTARY__LEASE_MS"] {
            first.set(&format!("STOA__{name}"), &LEASE_MS.to_string());
        }
        // Another version may not know it.
        if other.is_none() {
            first.set(REDIS, &redis.url());
        }
        let mut nodes: Vec<Shop> = (1..NODES).map(|_| first.node()).collect();
        first.start(&[]);
        let later = format!("node-{}", EventId::new());
        for node in &mut nodes {
            node.is_upgraded();
            node.set(REDIS, &redis.url());
            node.start(&[]);
        }
        nodes.insert(0, first);
        let anyone = Customer::anyone(&nodes[0]);
        let (lamp, rare) = (id_of(&anyone, "LAMP-1").await, id_of(&anyone, "RARE-1").await);
        let products = vec![lamp.clone(), lamp, rare];
        let square = Arc::new(Square::default());
        let (bought, broken) = (Vec::new(), Vec::new());
        let mut house =
            Self { nodes, wire, server, redis, square, products, later, bought, broken };
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
        self.recovers().await;
        self.square.sells(ORDERS).await;
        self.bought.extend(crowd.goes().await);
    }

    /// Whatever was accepted before this ends within two leases, but for orders whose shopper is waited for.
    async fn recovers(&self) {
        let db = self.nodes[0].database("order").await;
        let (mended, began) = (db.clock().now(), Instant::now());
        loop {
            let mut open = open(&db).await;
            open.retain(|order| order.started_at <= mended);
            if open.is_empty() {
                return db.close().await;
            }
            assert!(
                began.elapsed() < RECOVERS_IN,
                "a lease is {LEASE_MS} ms, and after {RECOVERS_IN:?} these have not ended: {open:#?}"
            );
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Nodes of two versions end what the other one began, the last of the old version is replaced, and the shop sells all
    /// the while.
    pub async fn is_upgraded(&mut self) {
        let anyone = Customer::anyone(&self.nodes[0]);
        let crowd = Crowd::comes(&self.square, &anyone, &self.products);
        self.square.sells(ORDERS).await;
        self.are_killed_at_work(1..NODES).await;
        self.square.nodes.lock().unwrap().truncate(1);
        self.recovers().await;
        self.square.sells(ORDERS).await;
        for node in &mut self.nodes[1..] {
            node.start(&[]);
        }
        self.are_found();
        self.square.sells(ORDERS).await;
        self.are_killed_at_work(0..1).await;
        self.square.nodes.lock().unwrap().remove(0);
        self.recovers().await;
        self.nodes[0].is_upgraded();
        self.nodes[0].set(REDIS, &self.redis.url());
        self.nodes[0].start(&[]);
        self.are_found();
        self.square.sells(ORDERS).await;
        self.bought.extend(crowd.goes().await);
    }

    /// Kills nodes, of either the first one's version or the others', that are at work on orders.
    async fn are_killed_at_work(&mut self, which: Range<usize>) {
        let db = self.nodes[0].database("order").await;
        let is_first = which.start == 0;
        loop {
            for node in &self.nodes[which.clone()] {
                node.signal("STOP");
            }
            let of_these = |order: &Open| {
                order.owner.as_ref().is_some_and(|owner| (*owner < self.later) == is_first)
            };
            if open(&db).await.iter().any(of_these) {
                break;
            }
            for node in &self.nodes[which.clone()] {
                node.signal("CONT");
            }
            self.square.sells(1).await;
        }
        for node in &mut self.nodes[which] {
            node.kill();
        }
        db.close().await;
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
