//! Price lists that begin and end by the clock.

use catalog::{Catalog, SCHEMA, Settings};
use chrono::TimeDelta;
use kernel::Clock;
use platform::sql::Engine;
use serde_json::json;

use crate::priced::{SYSTEM, create, dollars, list, price, public, put, settle};
use crate::world::told;

/// A sale that begins and ends by the clock, over thirty days and more.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_sale_begins_and_ends_by_the_clock_on_sqlite() {
    by_the_clock(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_sale_begins_and_ends_by_the_clock_on_postgres() {
    by_the_clock(Engine::Postgres).await;
}

async fn by_the_clock(engine: Engine) {
    let (clock, hand) = Clock::fixed("2026-11-01T12:00:00Z".parse().unwrap());
    let Some(db) = platform::testing::database(engine, &SCHEMA, clock).await else { return };
    let catalog = Catalog::new(db.clone(), Settings::default());
    let id = create(&catalog, "A").await;
    let teaser = list(&catalog, "teaser", json!({"valid_until": "2026-11-11T00:00:00Z"})).await;
    put(&catalog, &teaser, "A", 1, 900).await;
    let sale = json!({"valid_from": "2026-11-27T00:00:00Z", "valid_until": "2026-12-01T00:00:00Z"});
    let sale = list(&catalog, "sale", sale).await;
    put(&catalog, &sale, "A", 1, 800).await;
    assert_eq!(public(&catalog, "A").await, 900);
    hand.advance(TimeDelta::days(10));
    settle(&catalog).await;
    assert_eq!(public(&catalog, "A").await, 1_000, "the teaser is over");
    hand.advance(TimeDelta::days(16));
    let before = told(&db).await.len();
    let rounds = futures_of(&catalog).await;
    assert!(rounds.iter().all(Result::is_ok));
    settle(&catalog).await;
    assert_eq!(told(&db).await.len(), before + 1, "of nodes that look at once, one tells");
    assert_eq!(public(&catalog, "A").await, 800);
    let told = price(&catalog, "A").await;
    assert_eq!(told.lowest_30d, Some(dollars(900)), "the teaser was less than 30 days ago");
    assert_eq!(told.valid_until, Some("2026-12-01T00:00:00Z".parse().unwrap()));
    let (product, _) = catalog.shown("A").await.unwrap();
    assert_eq!(product.public.lowest_before, Some(dollars(900)));
    hand.advance(TimeDelta::days(10));
    settle(&catalog).await;
    assert_eq!(public(&catalog, "A").await, 1_000);
    let history = catalog.price_history(id, None, None, 10).await.unwrap();
    let prices: Vec<i64> = history.iter().map(|one| one.price.minor()).collect();
    assert_eq!(prices, [1_000, 800, 1_000, 900], "what never applied is not there");
    catalog.archive(id, None, &SYSTEM).await.unwrap();
    let history = catalog.price_history(id, None, None, 1).await.unwrap();
    assert!(history[0].until.is_some(), "what is out of the shop has no price");
}

/// Several nodes look at the same moment.
async fn futures_of(catalog: &Catalog) -> Vec<platform::sql::Result<bool>> {
    let looks: Vec<_> = (0..4)
        .map(|_| {
            let catalog = catalog.clone();
            tokio::spawn(async move { catalog.price_due().await })
        })
        .collect();
    let mut looked = Vec::new();
    for look in looks {
        looked.push(look.await.unwrap());
    }
    looked
}
