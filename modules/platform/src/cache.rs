//! A read-through cache that never gives back what was invalidated.
//!
//! Concurrent misses of a key load once. A value says what it was made of (its tags); whoever
//! changes one of these marks the tag, after the change is committed. A value counts only when
//! none of its tags was marked since before it began to be loaded. So a load that was overtaken by
//! a change cannot put the old value back, which removing entries could not promise: the removal
//! would come before the insertion.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use metrics::Counter;
use moka::Expiry;
use moka::future::Cache as Store;

/// How many marks there are. Two tags that share one are marked together: a needless load.
const MARKS: usize = 4_096;
/// How often a value that was outdated when it arrived is loaded again before it is loaded past
/// the cache.
const TRIES_MAX: u32 = 3;
/// What an entry takes besides its key and value, in bytes.
const ENTRY_BYTES: usize = 256;

/// Something that values are made of, e.g. a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag(usize);

impl Tag {
    /// The tag of a thing.
    pub fn of(thing: &impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        thing.hash(&mut hasher);
        Self(usize::try_from(hasher.finish() % MARKS as u64).unwrap_or_default())
    }
}

/// What a cache keeps.
pub trait Weigh {
    /// About how many bytes it takes.
    fn bytes(&self) -> usize;
}

/// A value that was just loaded.
#[derive(Debug)]
pub struct Loaded<V> {
    /// The value.
    pub value: V,
    /// What it is made of.
    pub tags: Vec<Tag>,
    /// How long it is good if none of that changes.
    pub ttl: Duration,
}

struct Entry<V> {
    value: Arc<V>,
    tags: Vec<Tag>,
    ttl: Duration,
    /// The count of marks before it began to be loaded.
    begun: u64,
}

/// When what was marked last. Every mark takes the next count.
struct Marks {
    count: AtomicU64,
    /// The mark of everything.
    all: AtomicU64,
    of: Box<[AtomicU64]>,
}

impl Marks {
    fn now(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }

    fn mark(&self, what: &AtomicU64) {
        let at = self.count.fetch_add(1, Ordering::SeqCst) + 1;
        what.fetch_max(at, Ordering::SeqCst);
    }

    /// Whether nothing of it was marked since it began to be loaded.
    fn hold<V>(&self, entry: &Entry<V>) -> bool {
        let since = |mark: &AtomicU64| mark.load(Ordering::SeqCst) > entry.begun;
        !since(&self.all) && !entry.tags.iter().any(|tag| since(&self.of[tag.0]))
    }
}

struct UntilTtl;

impl<V> Expiry<String, Arc<Entry<V>>> for UntilTtl {
    fn expire_after_create(
        &self,
        _: &String,
        entry: &Arc<Entry<V>>,
        _: Instant,
    ) -> Option<Duration> {
        Some(entry.ttl)
    }

    fn expire_after_update(
        &self,
        _: &String,
        entry: &Arc<Entry<V>>,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(entry.ttl)
    }
}

/// A cache of values by text keys, bounded by bytes. Cheap to clone.
pub struct Cache<V> {
    name: &'static str,
    store: Store<String, Arc<Entry<V>>>,
    marks: Arc<Marks>,
    counters: Arc<OnceLock<(Counter, Counter)>>,
}

impl<V> Clone for Cache<V> {
    fn clone(&self) -> Self {
        let (store, marks) = (self.store.clone(), self.marks.clone());
        Self { name: self.name, store, marks, counters: self.counters.clone() }
    }
}

impl<V: Weigh + Send + Sync + 'static> Cache<V> {
    /// An empty cache of at most `bytes`. Its figures are named by `name`.
    pub fn new(name: &'static str, bytes: u64) -> Self {
        let weigh = |key: &String, entry: &Arc<Entry<V>>| {
            u32::try_from(key.len() + entry.value.bytes() + ENTRY_BYTES).unwrap_or(u32::MAX)
        };
        let store = Store::builder().max_capacity(bytes).weigher(weigh).expire_after(UntilTtl);
        let of = (0..MARKS).map(|_| AtomicU64::new(0)).collect();
        let marks = Marks { count: AtomicU64::new(0), all: AtomicU64::new(0), of };
        Self { name, store: store.build(), marks: Arc::new(marks), counters: Arc::default() }
    }

    /// The value of a key, loaded if it is not there or not good any more. It is at least as new
    /// as what was committed when this was called, as far as changes are marked. A load that
    /// fails is told to all who wait for it and is not kept.
    pub async fn get<E, F>(&self, key: &str, load: impl Fn() -> F) -> Result<Arc<V>, E>
    where
        E: Clone + Send + Sync + 'static,
        F: Future<Output = Result<Loaded<V>, E>>,
    {
        if let Some(value) = self.kept(key).await {
            self.count(true);
            return Ok(value);
        }
        self.count(false);
        for _ in 0..TRIES_MAX {
            let entry = self.store.try_get_with_by_ref(key, self.begin(&load)).await;
            let entry = entry.map_err(|error: Arc<E>| (*error).clone())?;
            if self.marks.hold(&entry) {
                self.store.run_pending_tasks().await;
                self.tell_size();
                return Ok(entry.value.clone());
            }
            self.store.invalidate(key).await;
        }
        Ok(self.begin(&load).await?.value.clone())
    }

    async fn kept(&self, key: &str) -> Option<Arc<V>> {
        let entry = self.store.get(key).await?;
        if self.marks.hold(&entry) {
            return Some(entry.value.clone());
        }
        self.store.invalidate(key).await;
        None
    }

    async fn begin<E, F>(&self, load: &impl Fn() -> F) -> Result<Arc<Entry<V>>, E>
    where
        F: Future<Output = Result<Loaded<V>, E>>,
    {
        let begun = self.marks.now();
        let Loaded { value, tags, ttl } = load().await?;
        Ok(Arc::new(Entry { value: Arc::new(value), tags, ttl, begun }))
    }

    /// Forgets every value that is made of this. To be called when the change is committed.
    pub fn invalidate(&self, tag: Tag) {
        self.marks.mark(&self.marks.of[tag.0]);
    }

    /// Forgets everything.
    pub fn invalidate_all(&self) {
        self.marks.mark(&self.marks.all);
        self.store.invalidate_all();
        self.tell_size();
    }

    fn count(&self, hit: bool) {
        let (hits, misses) = self.counters.get_or_init(|| {
            let name = self.name;
            (
                metrics::counter!("cache_hits_total", "cache" => name),
                metrics::counter!("cache_misses_total", "cache" => name),
            )
        });
        if hit { hits.increment(1) } else { misses.increment(1) }
    }

    // A gauge is a float; a cache of 2^52 bytes has other problems.
    #[expect(clippy::cast_precision_loss, reason = "see above")]
    fn tell_size(&self) {
        let (entries, bytes) = (self.store.entry_count(), self.store.weighted_size());
        metrics::gauge!("cache_entries", "cache" => self.name).set(entries as f64);
        metrics::gauge!("cache_bytes", "cache" => self.name).set(bytes as f64);
    }
}
