//! More units for an order whose promise is final.

use std::sync::Arc;

use inventory::{HoldState, Inventory, SCHEMA};
use kernel::events::{OrderCancelled, OrderEdited, ParcelLine};
use kernel::id::{ChangeId, CustomerId, OrderId, ProductId};
use kernel::ports::{Stock, StockLine};
use kernel::{Currency, Money};
use platform::sql::Db;
use tokio::task::JoinSet;

use crate::shop::{self, line, outcome};

platform::on_both_engines!(super::SCHEMA =>
    more_is_promised_once_for_each_key,
    all_of_it_is_promised_or_nothing,
    what_was_taken_back_is_not_promised_late,
    nothing_is_added_to_what_is_not_final,
    what_an_edit_has_less_of_is_given_back_once,
    orders_that_grow_at_once_never_get_more_than_there_is,
);

async fn committed(inventory: &Inventory, lines: &[StockLine]) -> OrderId {
    let order = OrderId::new();
    inventory.reserve(order, lines, None, shop::soon()).await.unwrap();
    inventory.commit(order).await.unwrap();
    order
}

async fn hold(inventory: &Inventory, order: OrderId) -> (HoldState, Vec<(ProductId, i64)>) {
    let holds = inventory.holds(None, 100).await.unwrap();
    let hold = holds.into_iter().find(|hold| hold.order_id == order).unwrap();
    (hold.state, hold.lines)
}

async fn more(
    inventory: &Inventory,
    order: OrderId,
    key: &str,
    lines: &[StockLine],
) -> &'static str {
    outcome(&inventory.reserve_more(order, key, lines, None).await)
}

async fn more_is_promised_once_for_each_key(db: Db) {
    let inventory = shop::inventory(&db).await;
    let (lamp, desk) = (shop::product(&inventory, 10).await, shop::product(&inventory, 10).await);
    let order = committed(&inventory, &[line(lamp, 2)]).await;
    let added = [line(lamp, 3), line(desk, 1)];
    for _ in 0..2 {
        assert_eq!(more(&inventory, order, "one", &added).await, "ok");
    }
    let (state, mut lines) = hold(&inventory, order).await;
    lines.sort_by_key(|(_, units)| *units);
    assert_eq!((state, lines), (HoldState::Committed, vec![(desk, 1), (lamp, 5)]));
    assert_eq!(shop::available(&inventory, lamp).await, 5);
    assert_eq!(more(&inventory, order, "one", &[line(lamp, 1)]).await, "unavailable");
    assert_eq!(more(&inventory, order, "two", &[line(lamp, 1)]).await, "ok");
    shop::books_are_right(&inventory).await;
    // All of it leaves like what was promised first.
    inventory.ship_part(order, "parcel", &[line(lamp, 6), line(desk, 1)]).await.unwrap();
    assert_eq!(hold(&inventory, order).await.0, HoldState::Shipped);
    assert_eq!(more(&inventory, order, "three", &[line(lamp, 1)]).await, "ended");
    shop::books_are_right(&inventory).await;
}

async fn all_of_it_is_promised_or_nothing(db: Db) {
    let inventory = shop::inventory(&db).await;
    let (lamp, desk) = (shop::product(&inventory, 10).await, shop::product(&inventory, 1).await);
    let order = committed(&inventory, &[line(lamp, 2)]).await;
    let added = [line(lamp, 3), line(desk, 2)];
    assert_eq!(more(&inventory, order, "one", &added).await, "out of stock");
    assert_eq!(more(&inventory, order, "one", &[line(ProductId::new(), 1)]).await, "out of stock");
    assert_eq!(hold(&inventory, order).await.1, [(lamp, 2)]);
    assert_eq!(shop::available(&inventory, lamp).await, 8);
    for wrong in [0, -1, i64::MAX] {
        assert_ne!(more(&inventory, order, "one", &[line(lamp, wrong)]).await, "ok");
    }
    // A refusal leaves the key as it was.
    assert_eq!(more(&inventory, order, "one", &[line(lamp, 3)]).await, "ok");
    shop::books_are_right(&inventory).await;
}

async fn what_was_taken_back_is_not_promised_late(db: Db) {
    let inventory = shop::inventory(&db).await;
    let lamp = shop::product(&inventory, 10).await;
    let order = committed(&inventory, &[line(lamp, 2)]).await;
    assert_eq!(more(&inventory, order, "one", &[line(lamp, 3)]).await, "ok");
    for _ in 0..2 {
        inventory.take_back_more(order, "one").await.unwrap();
        inventory.take_back_more(order, "never").await.unwrap();
    }
    assert_eq!(hold(&inventory, order).await, (HoldState::Committed, vec![(lamp, 2)]));
    assert_eq!(more(&inventory, order, "never", &[line(lamp, 3)]).await, "ended");
    assert_eq!(more(&inventory, order, "one", &[line(lamp, 3)]).await, "ended");
    assert_eq!(shop::available(&inventory, lamp).await, 8);
    shop::books_are_right(&inventory).await;
}

async fn nothing_is_added_to_what_is_not_final(db: Db) {
    let inventory = shop::inventory(&db).await;
    let lamp = shop::product(&inventory, 10).await;
    let held = shop::order(&inventory, lamp, 2, shop::soon()).await.unwrap();
    assert_eq!(more(&inventory, held, "one", &[line(lamp, 1)]).await, "unavailable");
    let nobody = OrderId::new();
    assert_eq!(more(&inventory, nobody, "two", &[line(lamp, 1)]).await, "ended");
    inventory.take_back_more(nobody, "two").await.unwrap();
    inventory.release(held).await.unwrap();
    assert_eq!(more(&inventory, held, "one", &[line(lamp, 1)]).await, "ended");
    inventory.take_back_more(held, "one").await.unwrap();
    assert_eq!(shop::available(&inventory, lamp).await, 10);
    shop::books_are_right(&inventory).await;
}

async fn what_an_edit_has_less_of_is_given_back_once(db: Db) {
    let inventory = shop::inventory(&db).await;
    let lamp = shop::product(&inventory, 10).await;
    let euros = Money::from_minor(1_000, Currency::EUR);
    let edited = |order_id, quantity| OrderEdited {
        order_id,
        change_id: ChangeId::new(),
        customer_id: CustomerId::new(),
        lines_before: vec![],
        lines: vec![],
        released: vec![ParcelLine { product_id: lamp, quantity }],
        total_before: euros,
        total: euros,
        breakdown_before: None,
        breakdown: None,
        confirmed_at: shop::past(),
        reason: "fewer".to_owned(),
    };
    let order = committed(&inventory, &[line(lamp, 5)]).await;
    let event = edited(order, 3);
    for _ in 0..2 {
        shop::hear(&inventory, &event).await.unwrap();
    }
    assert_eq!(hold(&inventory, order).await, (HoldState::Committed, vec![(lamp, 2)]));
    // It was called off, and the edit before that is heard of late.
    let cancelled = OrderCancelled {
        order_id: order,
        customer_id: CustomerId::new(),
        lines: vec![],
        total: euros,
        confirmed_at: shop::past(),
        reason: "changed their mind".to_owned(),
        was_confirmed: true,
        refunded: None,
        replaces: None,
    };
    shop::hear(&inventory, &cancelled).await.unwrap();
    shop::hear(&inventory, &edited(order, 1)).await.unwrap();
    assert_eq!(shop::available(&inventory, lamp).await, 10);
    shop::books_are_right(&inventory).await;
}

async fn orders_that_grow_at_once_never_get_more_than_there_is(db: Db) {
    let inventory = Arc::new(shop::inventory(&db).await);
    let lamp = shop::product(&inventory, 30).await;
    let mut orders = Vec::new();
    for _ in 0..10 {
        orders.push(committed(&inventory, &[line(lamp, 1)]).await);
    }
    let mut callers = JoinSet::new();
    for (n, order) in orders.into_iter().enumerate() {
        for way in 0..2 {
            let inventory = inventory.clone();
            callers.spawn(async move {
                let key = format!("{n} {way}");
                let added = more(&inventory, order, &key, &[line(lamp, 3)]).await;
                if added == "ok" && way == 1 {
                    inventory.take_back_more(order, &key).await.unwrap();
                }
                added
            });
        }
    }
    let answers = callers.join_all().await;
    assert!(answers.iter().all(|answer| ["ok", "out of stock"].contains(answer)), "{answers:?}");
    assert!(answers.iter().filter(|answer| **answer == "ok").count() >= 6, "{answers:?}");
    shop::books_are_right(&inventory).await;
}
