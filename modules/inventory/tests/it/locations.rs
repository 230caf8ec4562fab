//! Orders from several locations.

use std::collections::BTreeMap;

use inventory::{AdjustError, Adjustment, Allocation, Inventory, LocationError, SCHEMA};
use kernel::events::LocationChanged;
use kernel::id::{OrderId, ProductId};
use kernel::ports::{Destination, Stock, StockError};
use platform::audit::Actor;
use platform::idempotency::Key;
use platform::sql::Db;
use tokio::task::JoinSet;

use crate::shop;

platform::on_both_engines!(super::SCHEMA =>
    buyers_at_three_locations_get_exactly_the_sum,
    carts_split_over_locations_lose_no_unit,
    an_order_goes_to_the_location_of_the_strategy,
    a_repetition_keeps_the_units_of_all_locations,
    a_location_that_is_closed_sells_nothing,
    a_location_is_opened_once_and_changed_in_its_version,
    the_location_of_the_settings_is_opened_once,
);

/// A shop with 20 units at main, 17 in the north and 13 in the south.
async fn three(db: &Db, allocation: Allocation) -> (Inventory, ProductId) {
    let inventory = shop::allocating(db, allocation).await;
    let product = shop::product(&inventory, 20).await;
    for (code, postal_code, units) in [("north", "20095", 17), ("south", "80331", 13)] {
        let location = shop::location(code, postal_code);
        inventory.create_location(location, &Actor::SYSTEM).await.unwrap();
        shop::bring(&inventory, product, units, code).await;
    }
    (inventory, product)
}

/// What is promised of a product, by location.
async fn reserved(db: &Db, product: ProductId) -> BTreeMap<String, i64> {
    let text = "select location, reserved from stock where product_id = $1 and reserved > 0";
    let rows: Vec<(String, i64)> =
        db.query(platform::sql::Sql::new(text)).bind(product.uuid()).all().await.unwrap();
    rows.into_iter().collect()
}

async fn buyers_at_three_locations_get_exactly_the_sum(db: Db) {
    let (inventory, product) = three(&db, Allocation::Split).await;
    let mut buyers = JoinSet::new();
    for _ in 0..200 {
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
    assert_eq!(won, 50);
    assert_eq!(shop::available(&inventory, product).await, 0);
    assert_eq!(reserved(&db, product).await.values().copied().collect::<Vec<_>>(), [20, 17, 13]);
    shop::books_are_right(&inventory).await;
}

/// Every cart wants more than one location has when others were there first.
async fn carts_split_over_locations_lose_no_unit(db: Db) {
    let (inventory, lamp) = three(&db, Allocation::Split).await;
    let desk = shop::product(&inventory, 5).await;
    shop::bring(&inventory, desk, 45, "south").await;
    let mut carts = JoinSet::new();
    for n in 0..60 {
        let inventory = inventory.clone();
        carts.spawn(async move {
            let mut lines = [shop::line(lamp, 3), shop::line(desk, 2)];
            if n % 2 == 0 {
                lines.reverse();
            }
            let order = OrderId::new();
            let bought = inventory.reserve(order, &lines, None, shop::soon()).await;
            if bought.is_ok() && n % 3 == 0 {
                inventory.release(order).await.unwrap();
                return 0;
            }
            // A plan that others overtake again and again is given up.
            let outcomes = ["ok", "out of stock", "unavailable"];
            assert!(outcomes.contains(&shop::outcome(&bought)), "{bought:?}");
            i64::from(bought.is_ok())
        });
    }
    let sold: i64 = carts.join_all().await.into_iter().sum();
    assert_eq!(shop::available(&inventory, lamp).await, 50 - 3 * sold);
    assert_eq!(shop::available(&inventory, desk).await, 50 - 2 * sold);
    // Whoever comes now gets what is left, from wherever it lies.
    let left = 50 - 3 * sold;
    if left > 0 {
        shop::order(&inventory, lamp, left, shop::soon()).await.unwrap();
    }
    let refused = shop::order(&inventory, lamp, 1, shop::soon()).await.map(drop);
    assert_eq!(shop::outcome(&refused), "out of stock");
    shop::books_are_right(&inventory).await;
}

async fn an_order_goes_to_the_location_of_the_strategy(db: Db) {
    let (inventory, product) = three(&db, Allocation::Nearest).await;
    let munich = Destination { country: "DE".to_owned(), postal_code: Some("80469".to_owned()) };
    let order = OrderId::new();
    let until = shop::soon();
    inventory.reserve(order, &[shop::line(product, 2)], Some(&munich), until).await.unwrap();
    assert_eq!(reserved(&db, product).await, BTreeMap::from([("south".to_owned(), 2)]));
    let many = [shop::line(product, 18)];
    inventory.reserve(OrderId::new(), &many, Some(&munich), until).await.unwrap();
    let all = BTreeMap::from([("main".to_owned(), 18), ("south".to_owned(), 2)]);
    assert_eq!(reserved(&db, product).await, all);
    let refused = inventory.reserve(OrderId::new(), &many, Some(&munich), until).await;
    let Err(StockError::OutOfStock(short)) = refused else { panic!("{refused:?}") };
    assert_eq!((short[0].requested, short[0].available), (18, 17));
    shop::books_are_right(&inventory).await;
}

async fn a_repetition_keeps_the_units_of_all_locations(db: Db) {
    let (inventory, product) = three(&db, Allocation::Split).await;
    let order = OrderId::new();
    let lines = [shop::line(product, 45)];
    for _ in 0..2 {
        inventory.reserve(order, &lines, None, shop::soon()).await.unwrap();
        assert_eq!(shop::available(&inventory, product).await, 5);
    }
    assert_eq!(inventory.holds(None, 10).await.unwrap()[0].lines, [(product, 45)]);
    inventory.release(order).await.unwrap();
    assert_eq!(shop::available(&inventory, product).await, 50);
    shop::books_are_right(&inventory).await;
}

async fn a_location_that_is_closed_sells_nothing(db: Db) {
    let (inventory, product) = three(&db, Allocation::Split).await;
    let held = shop::order(&inventory, product, 50, shop::soon()).await.unwrap();
    let mut closed = shop::location("north", "20095");
    closed.active = false;
    inventory.replace_location("north", 1, closed, &Actor::SYSTEM).await.unwrap();
    // What was promised stays so.
    inventory.commit(held).await.unwrap();
    inventory.release(held).await.unwrap();
    assert_eq!(shop::available(&inventory, product).await, 33);
    let refused = shop::order(&inventory, product, 34, shop::soon()).await.map(drop);
    assert_eq!(shop::outcome(&refused), "out of stock");
    let by = async |key: &str, delta| {
        let adjustment = Adjustment::new(delta, "count", Some("north".to_owned())).unwrap();
        let key = Key::new("staff", "adjust", key, b"");
        inventory.adjust(&key, product, &adjustment, &Actor::SYSTEM).await
    };
    assert!(matches!(by("in", 1).await, Err(AdjustError::NotInUse(_))));
    by("out", -17).await.unwrap();
    shop::books_are_right(&inventory).await;
}

async fn a_location_is_opened_once_and_changed_in_its_version(db: Db) {
    let inventory = shop::inventory(&db).await;
    let mut storm = JoinSet::new();
    for _ in 0..10 {
        let inventory = inventory.clone();
        let location = shop::location("north", "20095");
        storm.spawn(async move { inventory.create_location(location, &Actor::SYSTEM).await });
    }
    let opened = storm.join_all().await;
    assert_eq!(opened.iter().filter(|it| it.is_ok()).count(), 1, "{opened:?}");
    let mut storm = JoinSet::new();
    for _ in 0..10 {
        let inventory = inventory.clone();
        let mut location = shop::location("north", "20095");
        location.serves_orders = false;
        storm.spawn(async move {
            inventory.replace_location("north", 1, location, &Actor::SYSTEM).await
        });
    }
    let changed = storm.join_all().await;
    assert_eq!(changed.iter().filter(|it| it.is_ok()).count(), 1, "{changed:?}");
    let is_stale = |it: &Result<_, _>| matches!(it, Err(LocationError::Stale { current: 2 }));
    assert_eq!(changed.iter().filter(|it| is_stale(it)).count(), 9, "{changed:?}");
    let other = shop::location("elsewhere", "1");
    let moved = inventory.replace_location("north", 2, other.clone(), &Actor::SYSTEM).await;
    assert!(matches!(moved, Err(LocationError::CodeStays)), "{moved:?}");
    let unknown = inventory.replace_location("elsewhere", 1, other, &Actor::SYSTEM).await;
    assert!(matches!(unknown, Err(LocationError::Unknown)), "{unknown:?}");
    shop::product(&inventory, 1).await;
    shop::order(&inventory, shop::product(&inventory, 1).await, 1, shop::soon()).await.unwrap();
    shop::books_are_right(&inventory).await;
}

async fn the_location_of_the_settings_is_opened_once(db: Db) {
    // Somebody brought something there before there was a setting that says so.
    let inventory = shop::inventory(&db).await;
    let product = shop::product(&inventory, 1).await;
    shop::bring(&inventory, product, 4, "attic").await;
    assert_eq!(shop::available(&inventory, product).await, 1);
    let settings = inventory::Settings {
        location: "attic".to_owned(),
        allocation: Allocation::Split,
        sweep_every_ms: 50,
    };
    let inventory = Inventory::new(db.clone(), settings);
    for _ in 0..3 {
        inventory.prepare().await.unwrap();
        assert_eq!(shop::available(&inventory, product).await, 5);
    }
    while platform::outbox::sequence(&db).await.unwrap() > 0 {}
    let published = platform::outbox::read_after(&db, 0, 100).await.unwrap();
    let opened = published.iter().filter_map(|event| event.envelope.open::<LocationChanged>());
    let opened: Vec<String> = opened.map(|event| event.unwrap().code).collect();
    assert_eq!(opened, ["main", "attic"]);
    // What the staff decided stays.
    let mut closed = shop::location("attic", "10115");
    closed.serves_orders = false;
    inventory.replace_location("attic", 1, closed, &Actor::SYSTEM).await.unwrap();
    inventory.prepare().await.unwrap();
    assert_eq!(shop::available(&inventory, product).await, 1);
}
