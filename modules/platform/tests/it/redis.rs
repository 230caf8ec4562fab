//! What nodes share in Redis, over a real server.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use platform::redis::{Redis, Settings};
use platform::testing::RedisServer;

use crate::until;

const HOUR: Duration = Duration::from_hours(1);

fn node(settings: &Settings) -> Redis {
    Redis::open(settings).unwrap().unwrap()
}

#[tokio::test]
async fn what_one_node_keeps_another_finds_until_its_time_is_over() {
    let Some(server) = RedisServer::start() else { return };
    let (one, other) = (node(&server.settings()), node(&server.settings()));
    assert_eq!(other.get("page").await, None);
    one.set("page", b"\0 a page", HOUR).await;
    assert_eq!(other.get("page").await.unwrap(), b"\0 a page");
    let elsewhere = Settings { prefix: "another shop".to_owned(), ..server.settings() };
    assert_eq!(node(&elsewhere).get("page").await, None);
    one.set("page", b"short", Duration::from_millis(1)).await;
    until("it is forgotten", || async { other.get("page").await.is_none() }).await;
    assert!(one.version().await.unwrap().contains('.'));
}

#[tokio::test]
async fn all_nodes_together_let_in_as_many_as_one() {
    const PER_SECOND: u32 = 20;
    let Some(server) = RedisServer::start() else { return };
    let nodes = [1, 2, 3].map(|_| node(&server.settings()));
    let per_second = NonZeroU32::new(PER_SECOND).unwrap();
    let began = Instant::now();
    let crowd = (0..5 * PER_SECOND as usize).map(|n| nodes[n % 3].count("ada", per_second));
    let told = futures_util::future::join_all(crowd).await;
    let told: Vec<_> = told.into_iter().map(Option::unwrap).collect();
    let admitted = told.iter().filter(|rate| rate.wait.is_none()).count();
    // So many at once, and as many more as their time allows.
    let most =
        PER_SECOND as usize + began.elapsed().as_millis() as usize * PER_SECOND as usize / 1_000;
    assert!(admitted >= PER_SECOND as usize && admitted <= most + 1, "{admitted} of {most}");
    assert_eq!(told.iter().map(|rate| rate.remaining).max(), Some(PER_SECOND - 1));
    let waits: Vec<Duration> = told.iter().filter_map(|rate| rate.wait).collect();
    assert!(
        waits.iter().all(|wait| !wait.is_zero() && *wait <= Duration::from_millis(50)),
        "{waits:?}"
    );
    // Somebody else is not they, and who waits comes in again.
    assert!(nodes[0].count("bob", per_second).await.unwrap().wait.is_none());
    until("ada comes in again", || async {
        nodes[1].count("ada", per_second).await.unwrap().wait.is_none()
    })
    .await;
}

#[tokio::test]
async fn a_server_that_is_gone_is_no_error_and_one_that_comes_back_is_asked_again() {
    let Some(mut server) = RedisServer::start() else { return };
    let node = node(&server.settings());
    node.set("page", b"a page", HOUR).await;
    server.kill();
    for _ in 0..10 {
        assert_eq!(node.get("page").await, None);
        assert_eq!(node.count("ada", NonZeroU32::MIN).await, None);
    }
    server.come_back();
    until("it is asked again", || async { node.count("ada", NonZeroU32::MIN).await.is_some() })
        .await;
    assert_eq!(node.get("page").await, None, "it came back with nothing");
}

#[tokio::test]
async fn a_server_that_is_silent_is_not_asked_for_a_while() {
    let Some(server) = RedisServer::start() else { return };
    let hasty = Settings { budget_ms: 20, pause_ms: 3_600_000, ..server.settings() };
    let (patient, hasty) = (node(&server.settings()), node(&hasty));
    patient.set("page", b"a page", HOUR).await;
    server.signal("STOP");
    for _ in 0..10 {
        assert_eq!(hasty.get("page").await, None);
    }
    server.signal("CONT");
    assert!(patient.get("page").await.is_some());
    assert_eq!(hasty.get("page").await, None, "nobody asks before the pause is over");
}

#[tokio::test]
async fn a_shop_without_an_address_has_no_redis_and_a_wrong_one_is_refused() {
    let settings = |url: &str| Settings {
        url: url.to_owned().into(),
        prefix: "test".to_owned(),
        budget_ms: 50,
        failures_max: 1,
        pause_ms: 1,
        throttle: true,
        pages: true,
    };
    assert!(Redis::open(&settings("")).unwrap().is_none());
    let error = Redis::open(&settings("http://:secret@host")).unwrap_err().to_string();
    assert!(error.contains("redis.url") && !error.contains("secret"), "{error}");
    let shown = format!("{:?}", settings("redis://:secret@host"));
    assert!(!shown.contains("secret@"), "{shown}");
    // It may be started later than the shop.
    let nobody = platform::testing::folder().join("redis");
    let node = node(&settings(&format!("redis+unix://{}", nobody.display())));
    assert_eq!(node.get("page").await, None);
    let shown = format!("{node:?}");
    assert!(!shown.contains("unix"), "{shown}");
}
