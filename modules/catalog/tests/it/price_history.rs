//! What is left behind: prices of long ago, and lists of markets that are gone.

use catalog::{Catalog, Error, SCHEMA, Settings};
use chrono::TimeDelta;
use kernel::Clock;
use platform::sql::{Db, Engine};
use serde_json::json;

use crate::priced::{SYSTEM, create, dollars, list, list_input, market, price, put, settle};
use crate::world::catalog;

platform::on_both_engines!(catalog::SCHEMA => a_market_goes_before_a_list_or_stays_with_it);

/// Whoever comes second is refused in words, whichever it is.
async fn a_market_goes_before_a_list_or_stays_with_it(db: Db) {
    let catalog = catalog(&db);
    market(&catalog, json!({"code": "us", "currency": "USD"})).await;
    for round in 0..20 {
        let code = format!("m{round}");
        let market = market(&catalog, json!({"code": code, "currency": "USD"})).await;
        let input = list_input(&format!("list-{round}"), &json!({"market": code}));
        let making = {
            let catalog = catalog.clone();
            tokio::spawn(async move { catalog.create_price_list(input, &SYSTEM).await })
        };
        let deleted = catalog.delete_market(&code, market.version, &SYSTEM).await;
        match (making.await.unwrap(), deleted) {
            (Ok(made), Err(Error::InUse(_))) => assert_eq!(made.market, Some(code)),
            (Err(Error::Invalid(errors)), Ok(())) => assert_eq!(errors[0].field, "market"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn prices_of_long_ago_are_forgotten_on_sqlite() {
    forgotten(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn prices_of_long_ago_are_forgotten_on_postgres() {
    forgotten(Engine::Postgres).await;
}

async fn forgotten(engine: Engine) {
    let (clock, hand) = Clock::fixed("2026-11-01T12:00:00Z".parse().unwrap());
    let Some(db) = platform::testing::database(engine, &SCHEMA, clock).await else { return };
    let settings = Settings { price_history_days: 100, ..Settings::default() };
    let catalog = Catalog::new(db.clone(), settings);
    let id = create(&catalog, "A").await;
    let sale = list(&catalog, "sale", json!({})).await;
    for minor in [900, 800, 700, 600] {
        hand.advance(TimeDelta::days(65));
        put(&catalog, &sale, "A", 1, minor).await;
        settle(&catalog).await;
    }
    let kept = async || {
        let history = catalog.price_history(id, None, None, 10).await.unwrap();
        history.iter().map(|one| one.price.minor()).collect::<Vec<_>>()
    };
    assert_eq!(kept().await, [600, 700, 800, 900, 1_000]);
    assert!(!catalog.trim_price_history().await.unwrap());
    assert_eq!(kept().await, [600, 700, 800, 900], "130 days are kept, and what began before");
    let before = price(&catalog, "A").await;
    hand.advance(TimeDelta::days(1_000));
    catalog.trim_price_history().await.unwrap();
    assert_eq!(kept().await, [600], "what applies stays");
    let now = price(&catalog, "A").await;
    assert_eq!((now.lowest_30d, now.price), (before.lowest_30d, Some(dollars(600))));
}
