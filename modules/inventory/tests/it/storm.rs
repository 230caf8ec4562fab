use std::collections::BTreeMap;
use std::time::Duration;

use inventory::{HoldState, SCHEMA};
use kernel::id::{OrderId, ProductId};
use kernel::ports::{Stock, StockError, StockLine};
use platform::sql::{Db, Sql};
use tokio::task::JoinSet;

use crate::shop;

platform::on_both_engines!(super::SCHEMA =>
    fifty_units_have_fifty_buyers,
    one_unit_has_one_buyer_each_round,
    overlapping_carts_lose_no_unit,
    an_order_repeated_at_once_reserves_once,
    reserve_and_release_at_once_leave_nothing,
    a_release_waits_for_a_reservation_on_its_way,
    a_deadline_and_a_commit_at_once_agree,
);

const BUYERS: usize = 200;
const UNITS: i64 = 50;

async fn fifty_units_have_fifty_buyers(db: Db) {
    let inventory = shop::inventory(&db).await;
    let product = shop::product(&inventory, UNITS).await;
    let mut buyers = JoinSet::new();
    for _ in 0..BUYERS {
        let inventory = inventory.clone();
        buyers.spawn(async move { shop::order(&inventory, product, 1, shop::soon()).await });
    }
    let mut won = 0;
    for bought in buyers.join_all().await {
        match bought {
            Ok(_) => won += 1,
            Err(StockError::OutOfStock(short)) => {
                assert_eq!(short.len(), 1);
                assert_eq!((short[0].product_id, short[0].requested), (product, 1));
                assert_eq!(short[0].available, 0);
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(won, UNITS);
    assert_eq!(shop::available(&inventory, product).await, 0);
    shop::books_are_right(&inventory).await;
}

async fn one_unit_has_one_buyer_each_round(db: Db) {
    let inventory = shop::inventory(&db).await;
    let product = shop::product(&inventory, 1).await;
    for _ in 0..20 {
        let mut buyers = JoinSet::new();
        for _ in 0..16 {
            let inventory = inventory.clone();
            buyers.spawn(async move { shop::order(&inventory, product, 1, shop::soon()).await });
        }
        let won: Vec<OrderId> = buyers.join_all().await.into_iter().flatten().collect();
        assert_eq!(won.len(), 1);
        inventory.release(won[0]).await.unwrap();
    }
    shop::books_are_right(&inventory).await;
}

/// Carts share products and name them in different orders; half are given back at once.
async fn overlapping_carts_lose_no_unit(db: Db) {
    const CARTS: usize = 150;
    let inventory = shop::inventory(&db).await;
    let mut products = Vec::new();
    for _ in 0..6 {
        products.push(shop::product(&inventory, 40).await);
    }
    let mut carts = JoinSet::new();
    for n in 0..CARTS {
        let (inventory, products) = (inventory.clone(), products.clone());
        carts.spawn(async move {
            let mut lines: Vec<StockLine> =
                (0..4).map(|k| shop::line(products[(n + k * (1 + n % 5)) % 6], 1)).collect();
            if n % 2 == 0 {
                lines.reverse();
            }
            let order = OrderId::new();
            let reserved = inventory.reserve(order, &lines, None, shop::soon()).await;
            if reserved.is_ok() && n % 4 == 0 {
                inventory.release(order).await.unwrap();
                return ("released", lines);
            }
            (shop::outcome(&reserved), lines)
        });
    }
    let mut held: BTreeMap<ProductId, i64> = BTreeMap::new();
    for (outcome, lines) in carts.join_all().await {
        assert!(["ok", "out of stock", "released"].contains(&outcome), "{outcome}");
        if outcome == "ok" {
            for line in lines {
                *held.entry(line.product_id).or_default() += line.quantity;
            }
        }
    }
    for product in products {
        let expected = 40 - held.get(&product).copied().unwrap_or_default();
        assert_eq!(shop::available(&inventory, product).await, expected);
    }
    shop::books_are_right(&inventory).await;
}

/// A repetition may meet the first one when it has written and is not on disk yet.
async fn an_order_repeated_at_once_reserves_once(db: Db) {
    const ROUNDS: i64 = 40;
    let inventory = shop::inventory(&db).await;
    let product = shop::product(&inventory, 2 * ROUNDS + 1).await;
    for _ in 0..ROUNDS {
        let order = OrderId::new();
        let mut tries = JoinSet::new();
        for _ in 0..8 {
            let inventory = inventory.clone();
            tries.spawn(async move {
                inventory.reserve(order, &[shop::line(product, 2)], None, shop::soon()).await
            });
        }
        for reserved in tries.join_all().await {
            reserved.unwrap();
        }
    }
    assert_eq!(shop::available(&inventory, product).await, 1);
    shop::books_are_right(&inventory).await;
}

/// Whichever comes first, a released order holds nothing at the end.
async fn reserve_and_release_at_once_leave_nothing(db: Db) {
    let inventory = shop::inventory(&db).await;
    let product = shop::product(&inventory, 100).await;
    let mut orders = JoinSet::new();
    for _ in 0..100 {
        let inventory = inventory.clone();
        orders.spawn(async move {
            let order = OrderId::new();
            let lines = [shop::line(product, 1)];
            let (reserved, released) = tokio::join!(
                inventory.reserve(order, &lines, None, shop::soon()),
                inventory.release(order),
            );
            released.unwrap();
            assert!(["ok", "ended"].contains(&shop::outcome(&reserved)), "{reserved:?}");
        });
    }
    orders.join_all().await;
    assert_eq!(shop::available(&inventory, product).await, 100);
    shop::books_are_right(&inventory).await;
}

/// The reservation is held up between its first statement and its commit, where PostgreSQL shows it
/// to nobody.
async fn a_release_waits_for_a_reservation_on_its_way(db: Db) {
    let inventory = shop::inventory(&db).await;
    let product = shop::product(&inventory, 5).await;
    let order = OrderId::new();
    let mut stop = db.begin("stop").await.unwrap();
    stop.query(Sql::new("update stock set location = location")).execute().await.unwrap();
    let buyer = inventory.clone();
    let reserving = tokio::spawn(async move {
        buyer.reserve(order, &[shop::line(product, 2)], None, shop::soon()).await
    });
    tokio::time::sleep(Duration::from_millis(150)).await;
    let saga = inventory.clone();
    let releasing = tokio::spawn(async move { saga.release(order).await });
    tokio::time::sleep(Duration::from_millis(150)).await;
    drop(stop);
    // Where the machine stood still for a moment, the release came first.
    let reserved = reserving.await.unwrap();
    assert!(["ok", "ended"].contains(&shop::outcome(&reserved)), "{reserved:?}");
    releasing.await.unwrap().unwrap();
    assert_eq!(shop::available(&inventory, product).await, 5);
    assert_eq!(inventory.holds(None, 1).await.unwrap()[0].state, HoldState::Released);
    shop::books_are_right(&inventory).await;
}

async fn a_deadline_and_a_commit_at_once_agree(db: Db) {
    const ORDERS: usize = 80;
    let inventory = shop::inventory(&db).await;
    let product = shop::product(&inventory, 80).await;
    let mut orders = Vec::new();
    for _ in 0..ORDERS {
        orders.push(shop::order(&inventory, product, 1, shop::past()).await.unwrap());
    }
    let mut race = JoinSet::new();
    for &order in orders.iter().rev() {
        let inventory = inventory.clone();
        race.spawn(async move { Some((order, inventory.commit(order).await)) });
    }
    for _ in 0..3 {
        let inventory = inventory.clone();
        race.spawn(async move {
            inventory.sweep().await.unwrap();
            None
        });
    }
    let committed: BTreeMap<OrderId, &str> = race
        .join_all()
        .await
        .into_iter()
        .flatten()
        .map(|(order, committed)| (order, shop::outcome(&committed)))
        .collect();
    let holds = inventory.holds(None, 1_000).await.unwrap();
    assert_eq!(holds.len(), ORDERS);
    let mut kept = 0;
    for hold in holds {
        let (state, units) = match committed[&hold.order_id] {
            "ok" => (HoldState::Committed, 1),
            "ended" => (HoldState::Expired, 0),
            other => panic!("{other}"),
        };
        assert_eq!(hold.state, state);
        kept += units;
    }
    assert_eq!(shop::available(&inventory, product).await, 80 - kept);
    shop::books_are_right(&inventory).await;
}
