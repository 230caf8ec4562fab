//! What comes in is for the orders that wait the longest, once.

use inventory::{Adjustment, Inventory, SCHEMA, Stocktake, Transfer};
use kernel::events::StockCovered;
use kernel::id::{OrderId, ProductId};
use kernel::ports::Stock;
use platform::audit::Actor;
use platform::idempotency::Key;
use platform::sql::Db;
use tokio::task::JoinSet;

use crate::shop;

platform::on_both_engines!(super::SCHEMA =>
    what_comes_in_is_for_the_oldest_orders_once,
    what_is_given_back_is_for_those_who_wait,
    every_way_that_units_come_covers_orders,
    deliveries_sales_and_ends_at_once_lose_no_unit,
);

/// Orders of one unit each, the oldest first.
async fn orders(inventory: &Inventory, product: ProductId, count: usize) -> Vec<OrderId> {
    let mut orders = Vec::new();
    for _ in 0..count {
        orders.push(shop::order(inventory, product, 1, shop::soon()).await.unwrap());
    }
    orders
}

async fn covered(inventory: &Inventory, orders: &[OrderId]) -> Vec<i64> {
    let mut units = Vec::new();
    for order in orders {
        units.push(shop::covered(inventory, *order).await);
    }
    units
}

/// Which orders the events tell of, with their units.
async fn told(db: &Db) -> Vec<(OrderId, i64)> {
    while platform::outbox::sequence(db).await.unwrap() > 0 {}
    let published = platform::outbox::read_after(db, 0, 1_000).await.unwrap();
    let events = published.iter().filter_map(|event| event.envelope.open::<StockCovered>());
    let orders = events.flat_map(|event| event.unwrap().orders);
    orders.map(|order| (order.order_id, order.quantity)).collect()
}

async fn what_comes_in_is_for_the_oldest_orders_once(db: Db) {
    let inventory = shop::inventory(&db).await;
    let product = shop::product(&inventory, 2).await;
    shop::backorder(&inventory, product, 30).await;
    let orders = orders(&inventory, product, 27).await;
    assert_eq!(covered(&inventory, &orders).await, [[1; 2].as_slice(), &[0; 25]].concat());
    // Ten units, in deliveries at once; each is repeated.
    let mut deliveries = JoinSet::new();
    for n in 0..20 {
        let inventory = inventory.clone();
        deliveries.spawn(async move {
            let key = Key::new("staff", "adjust", &format!("{product} {}", n / 4), b"");
            let delivery = Adjustment::new(2, "delivery", None).unwrap();
            // One that meets its repetition is told to come again.
            inventory.adjust(&key, product, &delivery, &Actor::SYSTEM).await.is_ok()
        });
    }
    assert!(deliveries.join_all().await.into_iter().any(|done| done));
    assert_eq!(covered(&inventory, &orders).await, [[1; 12].as_slice(), &[0; 15]].concat());
    let mut told = told(&db).await;
    told.sort();
    let mut oldest: Vec<(OrderId, i64)> = orders[2..12].iter().map(|order| (*order, 1)).collect();
    oldest.sort();
    assert_eq!(told, oldest);
    shop::books_are_right(&inventory).await;
}

async fn what_is_given_back_is_for_those_who_wait(db: Db) {
    let inventory = shop::inventory(&db).await;
    let product = shop::product(&inventory, 4).await;
    shop::backorder(&inventory, product, 10).await;
    let first = shop::order(&inventory, product, 3, shop::soon()).await.unwrap();
    let second = shop::order(&inventory, product, 4, shop::past()).await.unwrap();
    let third = shop::order(&inventory, product, 2, shop::soon()).await.unwrap();
    let orders = [first, second, third];
    assert_eq!(covered(&inventory, &orders).await, [3, 1, 0]);
    // What it waits for is given back first, and is nobody's gain.
    inventory.release_part(second, "a", &[shop::line(product, 2)]).await.unwrap();
    assert_eq!(covered(&inventory, &orders).await, [3, 1, 0]);
    inventory.release_part(first, "b", &[shop::line(product, 1)]).await.unwrap();
    assert_eq!(covered(&inventory, &orders).await, [2, 2, 0]);
    assert_eq!(inventory.sweep().await.unwrap().expired, 1);
    assert_eq!(covered(&inventory, &orders).await, [2, 0, 2]);
    assert_eq!(shop::available(&inventory, product).await, 10);
    inventory.release(first).await.unwrap();
    assert_eq!(told(&db).await, [(second, 1), (third, 2)]);
    shop::books_are_right(&inventory).await;
}

async fn every_way_that_units_come_covers_orders(db: Db) {
    let inventory = shop::inventory(&db).await;
    let product = shop::product(&inventory, 1).await;
    let cellar = shop::location("cellar", "10115");
    inventory
        .create_location(
            inventory::LocationInput { serves_orders: false, ..cellar },
            &Actor::SYSTEM,
        )
        .await
        .unwrap();
    shop::bring(&inventory, product, 5, "cellar").await;
    shop::backorder(&inventory, product, 10).await;
    let orders = orders(&inventory, product, 6).await;
    assert_eq!(covered(&inventory, &orders).await, [1, 0, 0, 0, 0, 0]);
    let key = |of: &str| Key::new("staff", of, &OrderId::new().to_string(), b"");
    let count = Stocktake::new("main".to_owned(), &[(product, 2)], None).unwrap();
    inventory.count(&key("count"), &count, &Actor::SYSTEM).await.unwrap();
    assert_eq!(covered(&inventory, &orders).await, [1, 1, 0, 0, 0, 0]);
    let fewer = Stocktake::new("main".to_owned(), &[(product, 1)], None).unwrap();
    inventory.count(&key("count"), &fewer, &Actor::SYSTEM).await.unwrap_err();
    let lines = [(product, 2)];
    let transfer = Transfer::new("cellar".to_owned(), "main".to_owned(), &lines, None).unwrap();
    inventory.transfer(&key("transfer"), &transfer, &Actor::SYSTEM).await.unwrap();
    assert_eq!(covered(&inventory, &orders).await, [1, 1, 1, 1, 0, 0]);
    let away = Transfer::new("main".to_owned(), "cellar".to_owned(), &[(product, 1)], None);
    inventory.transfer(&key("transfer"), &away.unwrap(), &Actor::SYSTEM).await.unwrap_err();
    inventory.commit(orders[0]).await.unwrap();
    inventory.ship_part(orders[0], "out", &[shop::line(product, 1)]).await.unwrap();
    inventory.take_back(orders[0], "back", &[shop::line(product, 1)]).await.unwrap();
    assert_eq!(covered(&inventory, &orders).await, [1, 1, 1, 1, 1, 0]);
    shop::books_are_right(&inventory).await;
}

async fn deliveries_sales_and_ends_at_once_lose_no_unit(db: Db) {
    let inventory = shop::inventory(&db).await;
    let mut products = Vec::new();
    for _ in 0..3 {
        let product = shop::product(&inventory, 2).await;
        shop::backorder(&inventory, product, 25).await;
        products.push(product);
    }
    let mut storm = JoinSet::new();
    for n in 0..120_usize {
        let (inventory, products) = (inventory.clone(), products.clone());
        storm.spawn(async move {
            if n % 6 == 0 {
                shop::bring(&inventory, products[n % 3], 2, "main").await;
                return;
            }
            let lines = [0, 1].map(|k| shop::line(products[(n + k * (1 + n % 2)) % 3], 1));
            let order = OrderId::new();
            if inventory.reserve(order, &lines, None, shop::soon()).await.is_err() {
                return;
            }
            match n % 3 {
                0 => inventory.release(order).await.unwrap(),
                1 => {
                    inventory.release_part(order, &order.to_string(), &lines[..1]).await.unwrap();
                }
                _ => inventory.commit(order).await.unwrap(),
            }
        });
    }
    storm.join_all().await;
    shop::books_are_right(&inventory).await;
}
