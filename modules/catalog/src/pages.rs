//! What shoppers read most often, made once and answered many times.
//!
//! A product's page is made of the product, its parent and its variants; the events of the
//! catalogue, which every node follows for itself, say when one of them changed. Whoever writes
//! gets a token: how far the events have come. A read that carries it waits until this node has
//! followed as far.

use std::collections::HashSet;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::NaiveDate;
use kernel::events::SearchPerformed;
use kernel::id::ProductId;
use platform::cache::{Cache, Loaded, Tag, Weigh};
use platform::http::{CachedBody, Failure};
use platform::outbox;
use platform::replica::Reach;
use platform::sql::{self, Db};
use serde::Serialize;
use tokio::sync::watch;
use uuid::Uuid;

use crate::reach;
use crate::shared::{Heard, ProductPage, Shared};
use crate::store::searching;

/// How long a product's page is good if nothing of it changes.
pub(crate) const PRODUCT_TTL: Duration = Duration::from_mins(5);
/// How long a page of categories, or of the products of one, is good if no product changes.
pub(crate) const CATEGORY_TTL: Duration = Duration::from_hours(1);
/// How long a list that names no category is good if no product changes.
pub(crate) const LIST_TTL: Duration = Duration::from_mins(1);
/// How many events are followed at a time.
const EVENTS_MAX: i64 = 1_000;

/// How much memory the pages may take.
#[derive(Debug, Clone, Copy, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Of the pages of products, in bytes.
    pub products_bytes: u64,
    /// Of the lists, in bytes.
    pub lists_bytes: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { products_bytes: 32 << 20, lists_bytes: 32 << 20 }
    }
}

/// A list as it is answered.
pub(crate) struct ListPage {
    pub body: CachedBody,
    /// Whether it has any product.
    pub finds: bool,
}

impl ListPage {
    /// What was just read, as it is kept for so long at most.
    pub(crate) fn loaded(
        view: &impl Serialize,
        finds: bool,
        ttl: Duration,
    ) -> Result<Loaded<Self>, Failure> {
        let json = serde_json::to_vec(view).map_err(Failure::internal)?;
        Ok(Loaded { value: Self { body: CachedBody::new(json), finds }, tags: Vec::new(), ttl })
    }
}

impl Weigh for ListPage {
    fn bytes(&self) -> usize {
        self.body.bytes()
    }
}

fn loaded(page: ProductPage) -> Loaded<CachedBody> {
    let tags = page.made_of.iter().map(Tag::of).collect();
    Loaded { value: CachedBody::new(page.json), tags, ttl: page.ttl }
}

/// The pages of this node. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Pages {
    products: Cache<CachedBody>,
    lists: Cache<ListPage>,
    /// How far the events are followed; none before that begins, when nothing is kept.
    followed: watch::Sender<Option<i64>>,
    /// The last of these that a list may show.
    edition: Arc<AtomicI64>,
    /// How far a replica has to have come.
    heard: Arc<reach::Heard>,
    /// The day that the pages are of.
    day: Arc<Mutex<Option<NaiveDate>>>,
    /// The pages of products that nodes share, if they do.
    shared: Option<Arc<Shared>>,
}

impl Pages {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            products: Cache::new("product", settings.products_bytes),
            lists: Cache::new("list", settings.lists_bytes),
            followed: watch::Sender::new(None),
            edition: Arc::default(),
            heard: Arc::default(),
            day: Arc::default(),
            shared: None,
        }
    }

    /// The same, with pages that other nodes made.
    pub(crate) fn sharing(self, shared: Shared) -> Self {
        Self { shared: Some(Arc::new(shared)), ..self }
    }

    /// The page of a product.
    pub(crate) async fn product<F>(
        &self,
        key: &str,
        load: impl Fn() -> F,
    ) -> Result<Arc<CachedBody>, Failure>
    where
        F: Future<Output = Result<ProductPage, Failure>>,
    {
        if !self.follows() {
            return Ok(Arc::new(CachedBody::new(load().await?.json)));
        }
        self.products.get(key, async || self.shared_or(key, &load).await.map(loaded)).await
    }

    /// The page that another node made, or else one that is made for all.
    async fn shared_or<F>(&self, key: &str, load: &impl Fn() -> F) -> Result<ProductPage, Failure>
    where
        F: Future<Output = Result<ProductPage, Failure>>,
    {
        let Some(shared) = &self.shared else { return load().await };
        if let Some(page) = shared.get(key).await {
            return Ok(page);
        }
        let at = shared.at();
        let page = load().await?;
        if let Some(at) = at {
            shared.put(key, at, &page).await;
        }
        Ok(page)
    }

    /// A list, or suggestions. Its key holds the edition it was made of, so that no list outlives a change.
    pub(crate) async fn list<F>(
        &self,
        key: &str,
        load: impl Fn() -> F,
    ) -> Result<Arc<ListPage>, Failure>
    where
        F: Future<Output = Result<Loaded<ListPage>, Failure>>,
    {
        if !self.follows() {
            return Ok(Arc::new(load().await?.value));
        }
        self.lists.get(key, load).await
    }

    /// Whether the events are followed; before that nothing is kept.
    pub(crate) fn follows(&self) -> bool {
        self.followed.borrow().is_some()
    }

    /// The last change that is followed.
    pub(crate) fn edition(&self) -> i64 {
        self.edition.load(Ordering::SeqCst)
    }

    /// What a page has to show at least: all that this node has heard of, and the events up to `after`. None before it
    /// begins to hear.
    pub(crate) fn least(&self, after: Option<i64>) -> Option<Reach> {
        let heard = self.heard.all()?;
        Some(Reach {
            published: after.map_or(heard.published, |at| at.max(heard.published)),
            ..heard
        })
    }

    /// The stock of these products changed, and all that is committed which was told of stock until there.
    pub(crate) fn stock_changed(&self, at: i64, products: &[ProductId]) {
        self.heard.of_stock(at);
        for product in products.iter().map(|product| product.uuid()) {
            self.heard_of_stock(|heard| heard.changed(product, at));
            self.products.invalidate(Tag::of(&product));
        }
        self.heard_of_stock(|heard| heard.reached(at));
    }

    /// The stock of many products changed, and that is committed.
    pub(crate) fn all_stock_changed(&self, at: i64) {
        self.heard.of_stock(at);
        self.heard_of_stock(|heard| heard.all_changed(at));
        self.products.invalidate_all();
    }

    // Shared pages are known to be outdated before this node's own are: what is taken from there meanwhile goes too.
    fn heard_of_stock(&self, what: impl FnOnce(&Heard)) {
        if let Some(shared) = &self.shared {
            what(&shared.stock);
        }
    }

    fn heard_of_products(&self, what: impl FnOnce(&Heard)) {
        if let Some(shared) = &self.shared {
            what(&shared.products);
        }
    }

    /// Waits until the events are followed as far as a position, but not for long.
    pub(crate) async fn wait_for(&self, position: i64, at_most: Duration) {
        if !self.follows() {
            return;
        }
        let mut followed = self.followed.subscribe();
        let reached = followed.wait_for(|pos| pos.is_none_or(|pos| pos >= position));
        // Past its time the read answers what there is.
        let _ = tokio::time::timeout(at_most, reached).await;
    }

    /// One round of following. Answers whether there may be more.
    pub(crate) async fn follow(&self, db: &Db) -> sql::Result<bool> {
        self.flush_at_midnight(db.clock().now().date_naive());
        outbox::sequence(db).await?;
        let Some(position) = *self.followed.borrow() else {
            let last = outbox::last(db).await?;
            self.heard.of_products(last);
            self.heard_of_products(|heard| heard.reached(last));
            self.followed.send_replace(Some(last));
            return Ok(true);
        };
        let events = outbox::read_after(db, position, EVENTS_MAX).await?;
        let Some(last) = events.last() else { return Ok(false) };
        self.heard.of_products(last.pos);
        let is_of_product = |kind: &str| kind.starts_with("product.");
        let mut changes = events.iter().filter(|event| !event.envelope.is::<SearchPerformed>());
        let products: HashSet<Uuid> = changes
            .clone()
            .filter(|event| is_of_product(&event.envelope.kind))
            .map(|event| event.envelope.subject)
            .collect();
        let edition = changes.clone().next_back().map(|event| event.pos);
        if changes.all(|event| is_of_product(&event.envelope.kind)) {
            let parents = searching::found_as(db, products.iter().copied()).await?;
            for id in products.iter().chain(&parents) {
                self.heard_of_products(|heard| heard.changed(*id, last.pos));
                self.products.invalidate(Tag::of(id));
            }
        } else {
            // What a category or an attribute is called stands on many pages.
            self.heard_of_products(|heard| heard.all_changed(last.pos));
            self.products.invalidate_all();
        }
        if let Some(edition) = edition {
            self.edition.store(edition, Ordering::SeqCst);
        }
        self.heard_of_products(|heard| heard.reached(last.pos));
        self.followed.send_replace(Some(last.pos));
        Ok(i64::try_from(events.len()) == Ok(EVENTS_MAX))
    }

    fn flush_at_midnight(&self, today: NaiveDate) {
        let mut day = self.day.lock().unwrap_or_else(PoisonError::into_inner);
        if day.replace(today).is_some_and(|before| before != today) {
            self.products.invalidate_all();
            self.lists.invalidate_all();
        }
    }
}
