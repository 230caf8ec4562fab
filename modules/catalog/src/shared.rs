//! Pages of products that nodes share in Redis.
//!
//! A page says how far the node that made it had heard of changes when it began. Another node takes it only if that is as
//! far as the last change of what the page is made of that it has heard of itself, from the database: so nothing depends
//! on Redis to forget a page. What was made before a node began to hear is not taken by it.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use kernel::{Clock, Timestamp};
use platform::redis::Redis;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::pages::PRODUCT_TTL;

/// How many products are told apart; two that share a place change together.
const PLACES: usize = 4_096;
/// Pages of another version of the program may look otherwise.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A page of a product, and what it is made of.
pub(crate) struct ProductPage {
    /// The answer.
    pub json: Vec<u8>,
    /// The products whose change changes it.
    pub made_of: Vec<Uuid>,
    /// How long it is good if none of them changes.
    pub ttl: Duration,
}

/// What is kept before the page itself, as a line of JSON.
#[derive(Serialize, Deserialize)]
struct Head {
    at: At,
    made_of: Vec<Uuid>,
}

/// When a page began to be made, and how far was heard of changes then: of products, and of their stock.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct At {
    time: Timestamp,
    products: i64,
    stock: i64,
}

/// Changes of one kind that this node has heard of.
pub(crate) struct Heard {
    at: AtomicI64,
    is_begun: AtomicBool,
    /// The last change of everything.
    all: AtomicI64,
    /// The last change of each.
    each: Box<[AtomicI64]>,
}

impl Heard {
    fn new() -> Self {
        let each = (0..PLACES).map(|_| AtomicI64::new(0)).collect();
        let (at, all) = (AtomicI64::new(0), AtomicI64::new(0));
        Self { at, is_begun: AtomicBool::new(false), all, each }
    }

    /// A product changed at a place of the events.
    pub(crate) fn changed(&self, product: Uuid, at: i64) {
        self.each[place(product)].fetch_max(at, Ordering::SeqCst);
    }

    /// Everything changed.
    pub(crate) fn all_changed(&self, at: i64) {
        self.all.fetch_max(at, Ordering::SeqCst);
    }

    /// Everything that changed until there was told. What came before the first such place is unknown.
    pub(crate) fn reached(&self, at: i64) {
        if !self.is_begun.swap(true, Ordering::SeqCst) {
            self.all_changed(at);
        }
        let before = self.at.swap(at, Ordering::SeqCst);
        if at < before {
            // Events are replayed, or one is handled late: what was made since says too much of itself.
            self.all_changed(before + 1);
        }
    }

    fn last_change(&self, of: &[Uuid]) -> i64 {
        let last = |product: &Uuid| self.each[place(*product)].load(Ordering::SeqCst);
        let all = self.all.load(Ordering::SeqCst);
        of.iter().map(last).max().unwrap_or_default().max(all)
    }

    fn at(&self) -> Option<i64> {
        self.is_begun.load(Ordering::SeqCst).then(|| self.at.load(Ordering::SeqCst))
    }
}

fn place(product: Uuid) -> usize {
    usize::try_from(product.as_u128() % PLACES as u128).unwrap_or_default()
}

/// The pages that nodes share, as one node knows them.
pub(crate) struct Shared {
    redis: Redis,
    clock: Clock,
    /// Changes of products.
    pub products: Heard,
    /// Changes of their stock.
    pub stock: Heard,
}

impl Shared {
    pub(crate) fn new(redis: Redis, clock: Clock) -> Self {
        Self { redis, clock, products: Heard::new(), stock: Heard::new() }
    }

    /// How far this node has heard; none before it begins to.
    pub(crate) fn at(&self) -> Option<At> {
        let (products, stock) = (self.products.at()?, self.stock.at()?);
        Some(At { time: self.clock.now(), products, stock })
    }

    /// A page that another node made, if it is still good.
    pub(crate) async fn get(&self, key: &str) -> Option<ProductPage> {
        self.at()?;
        let kept = self.redis.get(&name(key)).await?;
        let end = kept.iter().position(|byte| *byte == b'\n')?;
        let head: Head = serde_json::from_slice(&kept[..end]).ok()?;
        let Head { at, made_of } = head;
        let ttl = self.left(at.time)?;
        let is_good = at.products >= self.products.last_change(&made_of)
            && at.stock >= self.stock.last_change(&made_of);
        let found = if is_good { "cache_hits_total" } else { "cache_misses_total" };
        metrics::counter!(found, "cache" => "product.redis").increment(1);
        is_good.then(|| ProductPage { json: kept[end + 1..].to_vec(), made_of, ttl })
    }

    /// Keeps a page for other nodes, which began to be made when so much was heard.
    pub(crate) async fn put(&self, key: &str, at: At, page: &ProductPage) {
        let head = Head { at, made_of: page.made_of.clone() };
        let Ok(mut kept) = serde_json::to_vec(&head) else { return };
        kept.push(b'\n');
        kept.extend_from_slice(&page.json);
        self.redis.set(&name(key), &kept, page.ttl).await;
    }

    /// How long a page is good yet: not beyond midnight, when every page is made anew.
    fn left(&self, made_at: Timestamp) -> Option<Duration> {
        let now = self.clock.now();
        let age = (now - made_at).to_std().unwrap_or_default();
        let is_of_today = now.date_naive() == made_at.date_naive();
        PRODUCT_TTL.checked_sub(age).filter(|left| is_of_today && !left.is_zero())
    }
}

fn name(key: &str) -> String {
    format!("page:{VERSION}:{key}")
}
