//! Units that are kept back, and warnings that few are left.

use inventory::{AdjustError, Inventory, Limits, SCHEMA};
use kernel::events::StockLow;
use kernel::id::ProductId;
use kernel::ports::{Stock, StockError};
use platform::audit::Actor;
use platform::sql::Db;
use tokio::task::JoinSet;

use crate::shop;

platform::on_both_engines!(super::SCHEMA =>
    what_is_kept_back_is_promised_to_nobody,
    what_was_promised_is_not_taken_back_by_a_limit,
    every_fall_to_the_mark_is_told_once,
    what_turned_back_before_it_was_seen_is_not_told,
);

async fn limit(inventory: &Inventory, product: ProductId, safety: i64, low_at: Option<i64>) {
    let limits = Limits::new(safety, low_at, None).unwrap();
    inventory.limit(product, &limits, &Actor::SYSTEM).await.unwrap();
}

async fn warnings(db: &Db) -> Vec<StockLow> {
    while platform::outbox::sequence(db).await.unwrap() > 0 {}
    let published = platform::outbox::read_after(db, 0, 1_000).await.unwrap();
    let low = published.iter().filter_map(|event| event.envelope.open::<StockLow>());
    low.map(Result::unwrap).collect()
}

async fn what_is_kept_back_is_promised_to_nobody(db: Db) {
    let inventory = shop::inventory(&db).await;
    let product = shop::product(&inventory, 30).await;
    limit(&inventory, product, 12, None).await;
    assert_eq!(shop::available(&inventory, product).await, 18);
    let mut buyers = JoinSet::new();
    for _ in 0..100 {
        let inventory = inventory.clone();
        buyers.spawn(async move { shop::order(&inventory, product, 1, shop::soon()).await });
    }
    let mut won = 0;
    for bought in buyers.join_all().await {
        match bought {
            Ok(_) => won += 1,
            Err(StockError::OutOfStock(short)) => assert_eq!(short[0].available, 0),
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(won, 18);
    limit(&inventory, product, 11, None).await;
    shop::order(&inventory, product, 1, shop::soon()).await.unwrap();
    let refused = shop::order(&inventory, product, 1, shop::soon()).await.map(drop);
    assert_eq!(shop::outcome(&refused), "out of stock");
    let nowhere = Limits::new(1, None, Some("moon".to_owned())).unwrap();
    let unknown = inventory.limit(product, &nowhere, &Actor::SYSTEM).await;
    assert!(matches!(unknown, Err(AdjustError::UnknownProduct(_))), "{unknown:?}");
    shop::books_are_right(&inventory).await;
}

async fn what_was_promised_is_not_taken_back_by_a_limit(db: Db) {
    let inventory = shop::inventory(&db).await;
    let product = shop::product(&inventory, 10).await;
    let order = shop::order(&inventory, product, 8, shop::soon()).await.unwrap();
    limit(&inventory, product, 5, None).await;
    assert_eq!(shop::available(&inventory, product).await, 0);
    inventory.commit(order).await.unwrap();
    inventory.release(order).await.unwrap();
    assert_eq!(shop::available(&inventory, product).await, 5);
    shop::books_are_right(&inventory).await;
}

async fn every_fall_to_the_mark_is_told_once(db: Db) {
    let inventory = shop::inventory(&db).await;
    let product = shop::product(&inventory, 10).await;
    limit(&inventory, product, 2, Some(5)).await;
    let look = async || {
        let looks = (0..4).map(|_| {
            let inventory = inventory.clone();
            async move { inventory.warn().await.unwrap() }
        });
        looks.collect::<JoinSet<_>>().join_all().await;
        warnings(&db).await.len()
    };
    assert_eq!(look().await, 0);
    let order = shop::order(&inventory, product, 3, shop::soon()).await.unwrap();
    assert_eq!(look().await, 1);
    shop::order(&inventory, product, 1, shop::soon()).await.unwrap();
    assert_eq!(look().await, 1, "it is known");
    inventory.release(order).await.unwrap();
    assert_eq!(look().await, 1, "there is more again");
    shop::order(&inventory, product, 4, shop::soon()).await.unwrap();
    assert_eq!(look().await, 2);
    limit(&inventory, product, 2, None).await;
    assert_eq!(look().await, 2);
    limit(&inventory, product, 3, Some(5)).await;
    assert_eq!(look().await, 3);
    let told = warnings(&db).await;
    let seen: Vec<(i64, i64)> = told.iter().map(|low| (low.available, low.low_at)).collect();
    assert_eq!(seen, [(5, 5), (3, 5), (2, 5)]);
    assert!(told.iter().all(|low| low.alert_id == told[0].alert_id && low.location == "main"));
    shop::books_are_right(&inventory).await;
}

async fn what_turned_back_before_it_was_seen_is_not_told(db: Db) {
    let inventory = shop::inventory(&db).await;
    let product = shop::product(&inventory, 10).await;
    limit(&inventory, product, 0, Some(5)).await;
    let order = shop::order(&inventory, product, 9, shop::soon()).await.unwrap();
    inventory.release(order).await.unwrap();
    inventory.warn().await.unwrap();
    assert_eq!(warnings(&db).await, []);
    shop::books_are_right(&inventory).await;
}
