//! Stocktakes and transfers.

use inventory::{Inventory, SCHEMA, ShiftError, Stocktake, Transfer};
use kernel::id::{OrderId, ProductId};
use kernel::ports::Stock;
use platform::audit::Actor;
use platform::idempotency::Key;
use platform::sql::{Db, Sql};
use tokio::task::JoinSet;

use crate::shop;

platform::on_both_engines!(super::SCHEMA =>
    a_stocktake_makes_all_lines_what_was_counted_or_none,
    one_key_counts_and_transfers_once,
    a_stocktake_among_sales_loses_no_promise,
    the_same_count_at_once_is_not_added_up,
    transfers_among_sales_conserve_every_unit,
    what_cannot_be_moved_is_named,
);

fn key(key: &str) -> Key {
    Key::new("staff", "shift", key, b"")
}

fn counted(lines: &[(ProductId, i64)]) -> Stocktake {
    Stocktake::new("main".to_owned(), lines, None).unwrap()
}

fn transfer(from: &str, to: &str, lines: &[(ProductId, i64)]) -> Transfer {
    Transfer::new(from.to_owned(), to.to_owned(), lines, None).unwrap()
}

/// A shop with another location in the south.
async fn two(db: &Db) -> Inventory {
    let inventory = shop::inventory(db).await;
    inventory.create_location(shop::location("south", "80331"), &Actor::SYSTEM).await.unwrap();
    inventory
}

async fn on_hand(db: &Db, product: ProductId) -> Vec<(String, i64)> {
    let text = "select location, on_hand from stock where product_id = $1 order by location";
    db.query(Sql::new(text)).bind(product.uuid()).all().await.unwrap()
}

async fn kinds(db: &Db, product: ProductId) -> Vec<String> {
    let text = "select kind from movement where product_id = $1 order by at, version";
    let rows: Vec<(String,)> = db.query(Sql::new(text)).bind(product.uuid()).all().await.unwrap();
    rows.into_iter().map(|(kind,)| kind).collect()
}

async fn a_stocktake_makes_all_lines_what_was_counted_or_none(db: Db) {
    let inventory = two(&db).await;
    let (lamp, desk) = (shop::product(&inventory, 10).await, shop::product(&inventory, 5).await);
    shop::order(&inventory, desk, 3, shop::soon()).await.unwrap();
    let take = counted(&[(lamp, 8), (desk, 2)]);
    let refused = inventory.count(&key("a"), &take, &Actor::SYSTEM).await;
    let Err(ShiftError::Impossible(lines)) = refused else { panic!("{refused:?}") };
    assert_eq!(lines.len(), 1);
    assert_eq!((lines[0].product_id, lines[0].units, lines[0].reserved), (desk, 2, 3));
    assert_eq!(on_hand(&db, lamp).await, [("main".to_owned(), 10)]);
    // The same key works once the count is possible.
    let take = counted(&[(lamp, 8), (desk, 3)]);
    inventory.count(&key("a"), &take, &Actor::SYSTEM).await.unwrap();
    assert_eq!(on_hand(&db, lamp).await, [("main".to_owned(), 8)]);
    assert_eq!(shop::available(&inventory, desk).await, 0);
    assert_eq!(kinds(&db, lamp).await, ["opened", "counted"]);
    // What is as it was is no change.
    inventory.count(&key("b"), &take, &Actor::SYSTEM).await.unwrap();
    assert_eq!(kinds(&db, lamp).await, ["opened", "counted"]);
    let unknown = ProductId::new();
    let take = counted(&[(lamp, 1), (unknown, 1)]);
    let refused = inventory.count(&key("c"), &take, &Actor::SYSTEM).await;
    assert!(matches!(refused, Err(ShiftError::UnknownProduct(it)) if it == unknown));
    let nowhere = Stocktake::new("moon".to_owned(), &[(lamp, 1)], None).unwrap();
    let refused = inventory.count(&key("d"), &nowhere, &Actor::SYSTEM).await;
    assert!(matches!(refused, Err(ShiftError::UnknownLocation("location"))));
    shop::books_are_right(&inventory).await;
}

async fn one_key_counts_and_transfers_once(db: Db) {
    let inventory = two(&db).await;
    let lamp = shop::product(&inventory, 10).await;
    let mut storm = JoinSet::new();
    for _ in 0..20 {
        let inventory = inventory.clone();
        storm.spawn(async move {
            let moved = transfer("main", "south", &[(lamp, 2)]);
            match inventory.transfer(&key("k"), &moved, &Actor::SYSTEM).await {
                Ok(moved) => i64::from(!moved.replayed),
                Err(ShiftError::Claimed(running)) if running.status == 409 => 0,
                Err(other) => panic!("{other:?}"),
            }
        });
    }
    assert_eq!(storm.join_all().await.into_iter().sum::<i64>(), 1);
    let both = [("main".to_owned(), 8), ("south".to_owned(), 2)];
    assert_eq!(on_hand(&db, lamp).await, both);
    let first = inventory.count(&key("c"), &counted(&[(lamp, 3)]), &Actor::SYSTEM).await.unwrap();
    shop::bring(&inventory, lamp, 4, "main").await;
    let again = inventory.count(&key("c"), &counted(&[(lamp, 3)]), &Actor::SYSTEM).await.unwrap();
    assert_eq!((again.answer, again.replayed), (first.answer, true));
    assert_eq!(on_hand(&db, lamp).await[0].1, 7);
    shop::books_are_right(&inventory).await;
}

async fn a_stocktake_among_sales_loses_no_promise(db: Db) {
    let inventory = two(&db).await;
    let lamp = shop::product(&inventory, 100).await;
    let mut all = JoinSet::new();
    for n in 0..60 {
        let inventory = inventory.clone();
        all.spawn(async move {
            if n % 6 > 0 {
                let order = shop::order(&inventory, lamp, 1, shop::soon()).await.unwrap();
                if n % 2 == 0 {
                    inventory.release(order).await.unwrap();
                }
                return;
            }
            let take = counted(&[(lamp, 90)]);
            match inventory.count(&key(&n.to_string()), &take, &Actor::SYSTEM).await {
                Ok(_) | Err(ShiftError::Moved) => {}
                Err(other) => panic!("{other:?}"),
            }
        });
    }
    all.join_all().await;
    assert_eq!(on_hand(&db, lamp).await, [("main".to_owned(), 90)], "ten times the same count");
    inventory.count(&key("end"), &counted(&[(lamp, 80)]), &Actor::SYSTEM).await.unwrap();
    assert_eq!(on_hand(&db, lamp).await, [("main".to_owned(), 80)]);
    shop::books_are_right(&inventory).await;
}

async fn the_same_count_at_once_is_not_added_up(db: Db) {
    let inventory = two(&db).await;
    let lamp = shop::product(&inventory, 100).await;
    for round in 0..15 {
        let mut all = JoinSet::new();
        for n in 0..8 {
            let inventory = inventory.clone();
            all.spawn(async move {
                let key = key(&format!("{round} {n}"));
                let take = counted(&[(lamp, 90 - round)]);
                match inventory.count(&key, &take, &Actor::SYSTEM).await {
                    Ok(_) => true,
                    Err(ShiftError::Moved) => false,
                    Err(other) => panic!("{other:?}"),
                }
            });
        }
        assert!(all.join_all().await.contains(&true));
        assert_eq!(on_hand(&db, lamp).await, [("main".to_owned(), 90 - round)]);
    }
    shop::books_are_right(&inventory).await;
}

async fn transfers_among_sales_conserve_every_unit(db: Db) {
    let inventory = two(&db).await;
    let (lamp, desk) = (shop::product(&inventory, 40).await, shop::product(&inventory, 40).await);
    let mut all = JoinSet::new();
    for n in 0..80_i64 {
        let inventory = inventory.clone();
        all.spawn(async move {
            if n % 2 == 0 {
                let order = OrderId::new();
                let lines = [shop::line(lamp, 1), shop::line(desk, 1)];
                let bought = inventory.reserve(order, &lines, None, shop::soon()).await;
                // A plan that others overtake again and again is given up.
                let outcomes = ["ok", "out of stock", "unavailable"];
                assert!(outcomes.contains(&shop::outcome(&bought)), "{bought:?}");
                return;
            }
            let (from, to) = if n % 4 == 1 { ("main", "south") } else { ("south", "main") };
            let moved = transfer(from, to, &[(lamp, 1 + n % 5), (desk, 1 + n % 3)]);
            match inventory.transfer(&key(&n.to_string()), &moved, &Actor::SYSTEM).await {
                Ok(_) | Err(ShiftError::Impossible(_) | ShiftError::Moved) => {}
                Err(other) => panic!("{other:?}"),
            }
        });
    }
    all.join_all().await;
    for product in [lamp, desk] {
        let sum: i64 = on_hand(&db, product).await.iter().map(|(_, units)| units).sum();
        assert_eq!(sum, 40);
        // What is free can be bought, wherever it lies.
        let left = shop::available(&inventory, product).await;
        if left > 0 {
            shop::order(&inventory, product, left, shop::soon()).await.unwrap();
        }
        assert_eq!(shop::available(&inventory, product).await, 0);
    }
    shop::books_are_right(&inventory).await;
}

async fn what_cannot_be_moved_is_named(db: Db) {
    let inventory = two(&db).await;
    let (lamp, desk) = (shop::product(&inventory, 10).await, shop::product(&inventory, 5).await);
    shop::order(&inventory, desk, 3, shop::soon()).await.unwrap();
    let moved = transfer("main", "south", &[(lamp, 4), (desk, 3)]);
    let refused = inventory.transfer(&key("a"), &moved, &Actor::SYSTEM).await;
    let Err(ShiftError::Impossible(lines)) = refused else { panic!("{refused:?}") };
    assert_eq!((lines.len(), lines[0].product_id, lines[0].units), (1, desk, 3));
    assert_eq!(on_hand(&db, lamp).await[0], ("main".to_owned(), 10));
    let moved = transfer("main", "moon", &[(lamp, 4)]);
    let refused = inventory.transfer(&key("a"), &moved, &Actor::SYSTEM).await;
    assert!(matches!(refused, Err(ShiftError::UnknownLocation("to"))), "{refused:?}");
    let mut closed = shop::location("south", "80331");
    closed.active = false;
    inventory.replace_location("south", 1, closed, &Actor::SYSTEM).await.unwrap();
    let moved = transfer("main", "south", &[(lamp, 4)]);
    let refused = inventory.transfer(&key("a"), &moved, &Actor::SYSTEM).await;
    assert!(matches!(refused, Err(ShiftError::NotInUse(_))), "{refused:?}");
    shop::books_are_right(&inventory).await;
}
