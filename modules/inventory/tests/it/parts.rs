//! Parts of an order that ship, are given back and come back.

use inventory::{HoldState, Inventory, SCHEMA};
use kernel::Money;
use kernel::currency::Currency;
use kernel::events::{OrderCancelled, OrderShipped};
use kernel::id::{CustomerId, OrderId, ProductId};
use kernel::ports::{Stock, StockError, StockLine};
use platform::audit::Actor;
use platform::sql::{Db, Sql};
use tokio::task::JoinSet;

use crate::shop::{self, line, outcome};

platform::on_both_engines!(super::SCHEMA =>
    an_order_ships_in_parts_and_the_rest_with_it,
    a_part_is_given_back_and_the_rest_ships,
    what_left_comes_back_once,
    a_key_changes_one_part_once,
    more_than_there_is_changes_nothing,
    what_has_ended_or_is_not_final_does_not_change,
    a_cancelled_order_keeps_what_has_left,
    parts_of_several_locations_change_together,
    everything_at_once_conserves_every_unit,
);

/// Units of a product at its location: what lies there and what is promised.
async fn level(db: &Db, product: ProductId) -> (i64, i64) {
    let text = "select cast(sum(on_hand) as bigint), cast(sum(reserved) as bigint) from stock
                 where product_id = $1";
    db.query(Sql::new(text)).bind(product.uuid()).one().await.unwrap()
}

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

async fn shipped(inventory: &Inventory, order_id: OrderId) {
    let event = OrderShipped { order_id, customer_id: CustomerId::new(), tracking: None };
    shop::hear(inventory, &event).await.unwrap();
}

async fn an_order_ships_in_parts_and_the_rest_with_it(db: Db) {
    let inventory = shop::inventory(&db).await;
    let (lamp, desk) = (shop::product(&inventory, 10).await, shop::product(&inventory, 10).await);
    let order = committed(&inventory, &[line(lamp, 5), line(desk, 2)]).await;
    inventory.ship_part(order, "one", &[line(lamp, 2)]).await.unwrap();
    assert_eq!(level(&db, lamp).await, (8, 3));
    assert_eq!(hold(&inventory, order).await.0, HoldState::Committed);
    shop::books_are_right(&inventory).await;
    shipped(&inventory, order).await;
    assert_eq!((level(&db, lamp).await, level(&db, desk).await), ((5, 0), (8, 0)));
    assert_eq!(hold(&inventory, order).await.0, HoldState::Shipped);
    shop::books_are_right(&inventory).await;
    // The last part ships the order, and what is told of it later changes nothing.
    let order = committed(&inventory, &[line(lamp, 2)]).await;
    inventory.ship_part(order, "two", &[line(lamp, 1)]).await.unwrap();
    inventory.ship_part(order, "three", &[line(lamp, 1)]).await.unwrap();
    assert_eq!(hold(&inventory, order).await, (HoldState::Shipped, vec![(lamp, 2)]));
    shipped(&inventory, order).await;
    assert_eq!(level(&db, lamp).await, (3, 0));
    shop::books_are_right(&inventory).await;
}

async fn a_part_is_given_back_and_the_rest_ships(db: Db) {
    let inventory = shop::inventory(&db).await;
    let (lamp, desk) = (shop::product(&inventory, 10).await, shop::product(&inventory, 10).await);
    let order = committed(&inventory, &[line(lamp, 5), line(desk, 2)]).await;
    inventory.release_part(order, "one", &[line(lamp, 4), line(desk, 2)]).await.unwrap();
    assert_eq!((level(&db, lamp).await, level(&db, desk).await), ((10, 1), (10, 0)));
    assert_eq!(hold(&inventory, order).await, (HoldState::Committed, vec![(lamp, 1)]));
    shipped(&inventory, order).await;
    assert_eq!(level(&db, lamp).await, (9, 0));
    assert_eq!(hold(&inventory, order).await, (HoldState::Shipped, vec![(lamp, 1)]));
    // Everything given back in parts is an order that was given back.
    let order = committed(&inventory, &[line(lamp, 2)]).await;
    inventory.release_part(order, "two", &[line(lamp, 2)]).await.unwrap();
    assert_eq!(hold(&inventory, order).await, (HoldState::Released, vec![]));
    let late = inventory.reserve(order, &[line(lamp, 2)], None, shop::soon()).await;
    assert_eq!(outcome(&late), "ended");
    shop::books_are_right(&inventory).await;
}

async fn what_left_comes_back_once(db: Db) {
    let inventory = shop::inventory(&db).await;
    let lamp = shop::product(&inventory, 10).await;
    let order = committed(&inventory, &[line(lamp, 3)]).await;
    let early = inventory.take_back(order, "early", &[line(lamp, 1)]).await;
    assert_eq!(outcome(&early), "out of stock");
    shipped(&inventory, order).await;
    for _ in 0..3 {
        inventory.take_back(order, "one", &[line(lamp, 2)]).await.unwrap();
        assert_eq!(level(&db, lamp).await, (9, 0));
    }
    let more = inventory.take_back(order, "two", &[line(lamp, 2)]).await;
    let Err(StockError::OutOfStock(short)) = more else { panic!("{more:?}") };
    assert_eq!((short[0].requested, short[0].available), (2, 1));
    inventory.take_back(order, "two", &[line(lamp, 1)]).await.unwrap();
    assert_eq!(level(&db, lamp).await, (10, 0));
    assert_eq!(hold(&inventory, order).await, (HoldState::Shipped, vec![(lamp, 3)]));
    shop::books_are_right(&inventory).await;
}

async fn a_key_changes_one_part_once(db: Db) {
    let inventory = shop::inventory(&db).await;
    let lamp = shop::product(&inventory, 20).await;
    let order = committed(&inventory, &[line(lamp, 10)]).await;
    let mut storm = JoinSet::new();
    for n in 0..30 {
        let inventory = inventory.clone();
        let key = format!("part {}", n % 3);
        storm.spawn(async move { inventory.ship_part(order, &key, &[line(lamp, 2)]).await });
    }
    for part in storm.join_all().await {
        part.unwrap();
    }
    assert_eq!(level(&db, lamp).await, (14, 4));
    // The same key for something else is a mistake.
    for other in [
        inventory.ship_part(order, "part 0", &[line(lamp, 1)]).await,
        inventory.release_part(order, "part 0", &[line(lamp, 2)]).await,
    ] {
        assert_eq!(outcome(&other), "unavailable");
    }
    let another = committed(&inventory, &[line(lamp, 2)]).await;
    let other = inventory.ship_part(another, "part 0", &[line(lamp, 2)]).await;
    assert_eq!(outcome(&other), "unavailable");
    // It is answered as before even when the order has ended.
    inventory.release(order).await.unwrap();
    inventory.ship_part(order, "part 0", &[line(lamp, 2)]).await.unwrap();
    assert_eq!(level(&db, lamp).await, (14, 2));
    shop::books_are_right(&inventory).await;
}

async fn more_than_there_is_changes_nothing(db: Db) {
    let inventory = shop::inventory(&db).await;
    let (lamp, desk) = (shop::product(&inventory, 10).await, shop::product(&inventory, 10).await);
    let order = committed(&inventory, &[line(lamp, 3), line(desk, 3)]).await;
    inventory.ship_part(order, "a", &[line(lamp, 1)]).await.unwrap();
    inventory.release_part(order, "b", &[line(lamp, 1)]).await.unwrap();
    let both = [line(desk, 1), line(lamp, 2)];
    for refused in [
        inventory.ship_part(order, "c", &both).await,
        inventory.release_part(order, "c", &both).await,
        inventory.ship_part(order, "c", &[line(ProductId::new(), 1)]).await,
    ] {
        assert_eq!(outcome(&refused), "out of stock");
    }
    assert_eq!((level(&db, lamp).await, level(&db, desk).await), ((9, 1), (10, 3)));
    assert_eq!(outcome(&inventory.ship_part(order, "c", &[line(lamp, 0)]).await), "unavailable");
    // A refusal does not use its key up.
    inventory.ship_part(order, "c", &[line(lamp, 1)]).await.unwrap();
    shop::books_are_right(&inventory).await;
}

async fn what_has_ended_or_is_not_final_does_not_change(db: Db) {
    let inventory = shop::inventory(&db).await;
    let lamp = shop::product(&inventory, 10).await;
    let one = [line(lamp, 1)];
    let never = OrderId::new();
    assert_eq!(outcome(&inventory.ship_part(never, "a", &one).await), "ended");
    let held = shop::order(&inventory, lamp, 2, shop::soon()).await.unwrap();
    assert_eq!(outcome(&inventory.ship_part(held, "b", &one).await), "unavailable");
    inventory.release_part(held, "c", &one).await.unwrap();
    assert_eq!(level(&db, lamp).await, (10, 1));
    inventory.release(held).await.unwrap();
    for ended in [
        inventory.ship_part(held, "d", &one).await,
        inventory.release_part(held, "d", &one).await,
        inventory.take_back(held, "d", &one).await,
    ] {
        assert_eq!(outcome(&ended), "ended");
    }
    assert_eq!(level(&db, lamp).await, (10, 0));
    shop::books_are_right(&inventory).await;
}

async fn a_cancelled_order_keeps_what_has_left(db: Db) {
    let inventory = shop::inventory(&db).await;
    let lamp = shop::product(&inventory, 10).await;
    let order_id = committed(&inventory, &[line(lamp, 5)]).await;
    inventory.ship_part(order_id, "a", &[line(lamp, 2)]).await.unwrap();
    let cancelled = OrderCancelled {
        order_id,
        customer_id: CustomerId::new(),
        lines: Vec::new(),
        total: Money::zero(Currency::EUR),
        confirmed_at: shop::past(),
        reason: "no longer wanted".to_owned(),
        was_confirmed: true,
        refunded: None,
        replaces: None,
    };
    for _ in 0..2 {
        shop::hear(&inventory, &cancelled).await.unwrap();
        assert_eq!(level(&db, lamp).await, (8, 0));
    }
    assert_eq!(hold(&inventory, order_id).await, (HoldState::Shipped, vec![(lamp, 2)]));
    inventory.take_back(order_id, "b", &[line(lamp, 2)]).await.unwrap();
    assert_eq!(level(&db, lamp).await, (10, 0));
    shop::books_are_right(&inventory).await;
}

async fn parts_of_several_locations_change_together(db: Db) {
    let inventory = shop::inventory(&db).await;
    let lamp = shop::product(&inventory, 4).await;
    inventory.create_location(shop::location("south", "80331"), &Actor::SYSTEM).await.unwrap();
    shop::bring(&inventory, lamp, 3, "south").await;
    let order = committed(&inventory, &[line(lamp, 7)]).await;
    inventory.ship_part(order, "a", &[line(lamp, 5)]).await.unwrap();
    assert_eq!(level(&db, lamp).await, (2, 2));
    inventory.take_back(order, "b", &[line(lamp, 5)]).await.unwrap();
    assert_eq!(level(&db, lamp).await, (7, 2));
    inventory.release_part(order, "c", &[line(lamp, 2)]).await.unwrap();
    assert_eq!(hold(&inventory, order).await, (HoldState::Shipped, vec![(lamp, 5)]));
    assert_eq!(shop::available(&inventory, lamp).await, 7);
    shop::books_are_right(&inventory).await;
}

async fn everything_at_once_conserves_every_unit(db: Db) {
    let inventory = shop::inventory(&db).await;
    let lamp = shop::product(&inventory, 100).await;
    let mut orders = Vec::new();
    for _ in 0..10 {
        orders.push(committed(&inventory, &[line(lamp, 6)]).await);
    }
    let mut storm = JoinSet::new();
    for n in 0..120_usize {
        let (inventory, order) = (inventory.clone(), orders[n % 10]);
        storm.spawn(async move {
            let (key, part) = (format!("{n}"), [line(lamp, 1)]);
            let (done, units) = match n / 10 % 4 {
                0 | 1 => (inventory.ship_part(order, &key, &part).await, (-1, -1)),
                2 => (inventory.release_part(order, &key, &part).await, (0, -1)),
                _ => (inventory.take_back(order, &key, &part).await, (1, 0)),
            };
            match done {
                Ok(()) => units,
                Err(StockError::OutOfStock(_) | StockError::ReservationEnded) => (0, 0),
                Err(other) => panic!("{other:?}"),
            }
        });
    }
    let (mut on_hand, mut reserved) = (100, 60);
    for (there, promised) in storm.join_all().await {
        (on_hand, reserved) = (on_hand + there, reserved + promised);
    }
    assert_eq!(level(&db, lamp).await, (on_hand, reserved));
    shop::books_are_right(&inventory).await;
}
