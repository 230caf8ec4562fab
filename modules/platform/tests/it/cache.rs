use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use platform::cache::{Cache, Loaded, Tag, Weigh};
use tokio::sync::Notify;

struct Value(u64);

impl Weigh for Value {
    fn bytes(&self) -> usize {
        1_000
    }
}

const LONG: Duration = Duration::from_mins(1);

fn loaded(value: u64, of: u64) -> Loaded<Value> {
    Loaded { value: Value(value), tags: vec![Tag::of(&of)], ttl: LONG }
}

async fn get(cache: &Cache<Value>, key: &str, source: &AtomicU64, of: u64) -> u64 {
    let load = || async { Ok::<_, String>(loaded(source.load(Ordering::SeqCst), of)) };
    cache.get(key, load).await.unwrap().0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_who_miss_load_once() {
    let (cache, loads) = (Cache::<Value>::new("test", 1 << 20), Arc::new(AtomicUsize::new(0)));
    let asking: Vec<_> = (0..50)
        .map(|_| {
            let (cache, loads) = (cache.clone(), loads.clone());
            tokio::spawn(async move {
                let load = || async {
                    loads.fetch_add(1, Ordering::SeqCst);
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    Ok::<_, String>(loaded(7, 1))
                };
                cache.get("a", load).await.unwrap().0
            })
        })
        .collect();
    for one in asking {
        assert_eq!(one.await.unwrap(), 7);
    }
    assert_eq!(loads.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn what_changes_is_loaded_again_and_nothing_else() {
    let (cache, source) = (Cache::<Value>::new("test", 1 << 20), AtomicU64::new(1));
    assert_eq!((get(&cache, "a", &source, 1).await, get(&cache, "b", &source, 2).await), (1, 1));
    source.store(2, Ordering::SeqCst);
    cache.invalidate(Tag::of(&1_u64));
    assert_eq!((get(&cache, "a", &source, 1).await, get(&cache, "b", &source, 2).await), (2, 1));
    source.store(3, Ordering::SeqCst);
    cache.invalidate_all();
    assert_eq!((get(&cache, "a", &source, 1).await, get(&cache, "b", &source, 2).await), (3, 3));
}

/// The load reads the old value, then the change is committed and marked, then the load ends.
#[tokio::test]
async fn a_load_that_was_overtaken_leaves_nothing_behind() {
    let cache = Cache::<Value>::new("test", 1 << 20);
    let source = Arc::new(AtomicU64::new(1));
    let (read, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let slow = tokio::spawn({
        let (cache, source) = (cache.clone(), source.clone());
        let (read, go_on) = (read.clone(), go_on.clone());
        async move {
            let load = || async {
                let value = source.load(Ordering::SeqCst);
                if value == 1 {
                    read.notify_one();
                    go_on.notified().await;
                }
                Ok::<_, String>(loaded(value, 1))
            };
            cache.get("a", load).await.unwrap().0
        }
    });
    read.notified().await;
    source.store(2, Ordering::SeqCst);
    cache.invalidate(Tag::of(&1_u64));
    // Who asks now joins the load of before the change, and must see the change all the same.
    let (asked_source, asked_cache) = (source.clone(), cache.clone());
    let asked = tokio::spawn(async move { get(&asked_cache, "a", &asked_source, 1).await });
    tokio::time::sleep(Duration::from_millis(20)).await;
    go_on.notify_one();
    assert_eq!(asked.await.unwrap(), 2);
    assert_eq!(slow.await.unwrap(), 2);
    assert_eq!(get(&cache, "a", &source, 1).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_reads_what_was_before_a_change_they_know_of() {
    let cache = Cache::<Value>::new("test", 1 << 20);
    let source = Arc::new(AtomicU64::new(0));
    let writer = tokio::spawn({
        let (cache, source) = (cache.clone(), source.clone());
        async move {
            for value in 1..=2_000 {
                source.store(value, Ordering::SeqCst);
                cache.invalidate(Tag::of(&1_u64));
                // Whoever has marked a change reads it.
                assert!(get(&cache, "a", &source, 1).await >= value);
            }
        }
    });
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (cache, source) = (cache.clone(), source.clone());
            tokio::spawn(async move {
                let mut last = 0;
                while last < 2_000 {
                    let value = get(&cache, "a", &source, 1).await;
                    assert!(value >= last, "{value} after {last}");
                    last = value;
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    writer.await.unwrap();
    for reader in readers {
        reader.await.unwrap();
    }
}

#[tokio::test]
async fn a_load_that_fails_is_told_and_not_kept() {
    let cache = Cache::<Value>::new("test", 1 << 20);
    let failing = || async { Err::<Loaded<Value>, _>("no".to_owned()) };
    assert_eq!(cache.get("a", failing).await.err(), Some("no".to_owned()));
    assert_eq!(get(&cache, "a", &AtomicU64::new(5), 1).await, 5);
}

#[tokio::test]
async fn it_is_bounded_by_bytes() {
    let (cache, source) = (Cache::<Value>::new("test", 100_000), AtomicU64::new(1));
    for n in 0..1_000 {
        get(&cache, &n.to_string(), &source, 1).await;
        get(&cache, "often", &source, 1).await;
        tokio::task::yield_now().await;
    }
    source.store(2, Ordering::SeqCst);
    let mut kept = usize::from(get(&cache, "often", &source, 1).await == 1);
    assert_eq!(kept, 1, "what is asked for often stays");
    // The newest first: what is loaded here takes the place of others.
    for n in (0..1_000).rev() {
        let before = get(&cache, &n.to_string(), &source, 1).await == 1;
        kept += usize::from(before);
    }
    assert!(kept <= 100_000 / 1_000, "{kept} of 1,000 were kept");
}
