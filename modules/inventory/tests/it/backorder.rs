//! Units that are promised beyond what lies there: never more than the cap.

use inventory::{AdjustError, Adjustment, Allocation, Inventory, Policy, SCHEMA, StockPolicy};
use kernel::id::{OrderId, ProductId};
use kernel::ports::{Stock, StockError};
use platform::audit::Actor;
use platform::idempotency::Key;
use platform::sql::{Db, Sql};
use tokio::task::JoinSet;

use crate::shop;

platform::on_both_engines!(super::SCHEMA =>
    no_more_is_sold_than_lies_there_and_may_be_owed,
    a_cap_is_never_below_what_is_owed,
    what_is_owed_is_not_written_off_and_does_not_leave,
    a_preorder_leaves_after_its_day_and_is_not_taken_any_more,
    goods_on_hand_are_promised_before_goods_that_come,
);

fn policy(policy: Policy, most: i64) -> StockPolicy {
    StockPolicy::new(policy, most, None, None, kernel::Clock::system().now()).unwrap()
}

async fn adjust(inventory: &Inventory, product: ProductId, delta: i64) -> Result<(), AdjustError> {
    let key = Key::new("staff", "adjust", &OrderId::new().to_string(), b"");
    let adjustment = Adjustment::new(delta, "count", None).unwrap();
    inventory.adjust(&key, product, &adjustment, &Actor::SYSTEM).await.map(drop)
}

/// How many units of all orders do not lie there yet.
async fn backordered(db: &Db) -> i64 {
    let sum = "select coalesce(cast(sum(backordered) as bigint), 0) from reservation_line";
    db.query(Sql::new(sum)).one::<(i64,)>().await.unwrap().0
}

async fn no_more_is_sold_than_lies_there_and_may_be_owed(db: Db) {
    let inventory = shop::inventory(&db).await;
    let product = shop::product(&inventory, 50).await;
    shop::backorder(&inventory, product, 20).await;
    let mut buyers = JoinSet::new();
    for _ in 0..200 {
        let inventory = inventory.clone();
        buyers.spawn(async move { shop::order(&inventory, product, 1, shop::soon()).await });
    }
    let bought: Vec<_> = buyers.join_all().await;
    let mut covered = 0;
    for bought in &bought {
        match bought {
            Ok(order) => covered += shop::covered(&inventory, *order).await,
            Err(StockError::OutOfStock(short)) => assert_eq!(short[0].available, 0),
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(bought.iter().flatten().count(), 70);
    assert_eq!((covered, backordered(&db).await), (50, 20));
    shop::books_are_right(&inventory).await;
}

async fn a_cap_is_never_below_what_is_owed(db: Db) {
    let inventory = shop::inventory(&db).await;
    let product = shop::product(&inventory, 5).await;
    shop::backorder(&inventory, product, 40).await;
    let mut storm = JoinSet::new();
    for n in 0..60_i64 {
        let inventory = inventory.clone();
        storm.spawn(async move {
            if n % 4 > 0 {
                return shop::order(&inventory, product, 1, shop::soon()).await.map(drop).is_ok();
            }
            let lower = policy(Policy::Backorder, 40 - n / 2);
            match inventory.set_policy(product, &lower, &Actor::SYSTEM).await {
                Ok(level) => assert!(level.backordered <= level.backorder_max, "{level:?}"),
                Err(AdjustError::CapTooLow { owed }) => assert!(owed > lower.backorder_max),
                Err(AdjustError::Changed) => {}
                Err(other) => panic!("{other:?}"),
            }
            false
        });
    }
    let sold = storm.join_all().await.into_iter().filter(|sold| *sold).count();
    let owed = i64::try_from(sold).unwrap() - 5;
    assert_eq!(backordered(&db).await, owed);
    let lower = policy(Policy::Deny, owed - 1);
    let refused = inventory.set_policy(product, &lower, &Actor::SYSTEM).await;
    assert!(matches!(refused, Err(AdjustError::CapTooLow { owed: told }) if told == owed));
    let level = inventory.set_policy(product, &policy(Policy::Deny, owed), &Actor::SYSTEM).await;
    assert_eq!(level.unwrap().backorderable, 0);
    let late = shop::order(&inventory, product, 1, shop::soon()).await;
    assert!(matches!(late, Err(StockError::OutOfStock(_))), "{late:?}");
    let (one, unknown) = (policy(Policy::Backorder, 1), ProductId::new());
    let nowhere = inventory.set_policy(unknown, &one, &Actor::SYSTEM).await;
    assert!(matches!(nowhere, Err(AdjustError::UnknownProduct(_))));
    shop::books_are_right(&inventory).await;
}

async fn what_is_owed_is_not_written_off_and_does_not_leave(db: Db) {
    let inventory = shop::inventory(&db).await;
    let product = shop::product(&inventory, 3).await;
    shop::backorder(&inventory, product, 10).await;
    let order = shop::order(&inventory, product, 5, shop::soon()).await.unwrap();
    inventory.commit(order).await.unwrap();
    let level = adjust(&inventory, product, -1).await;
    assert!(
        matches!(level, Err(AdjustError::OutOfRange { lowest: 0, .. })),
        "covered units were written off: {level:?}"
    );
    let Err(StockError::OutOfStock(short)) =
        inventory.ship_part(order, "all", &[shop::line(product, 4)]).await
    else {
        panic!("units left that are not there");
    };
    assert_eq!((short[0].requested, short[0].available), (4, 3));
    inventory.ship_part(order, "three", &[shop::line(product, 3)]).await.unwrap();
    assert_eq!(shop::covered(&inventory, order).await, 3);
    adjust(&inventory, product, 1).await.unwrap();
    assert_eq!(shop::covered(&inventory, order).await, 4);
    inventory.ship_part(order, "one", &[shop::line(product, 1)]).await.unwrap();
    inventory.release(order).await.unwrap();
    assert_eq!(backordered(&db).await, 0);
    shop::books_are_right(&inventory).await;
}

async fn a_preorder_leaves_after_its_day_and_is_not_taken_any_more(db: Db) {
    let inventory = shop::inventory(&db).await;
    let product = shop::product(&inventory, 1).await;
    let now = kernel::Clock::system().now();
    let day = now + chrono::TimeDelta::days(1);
    let preorder = StockPolicy::new(Policy::Preorder, 5, Some(day), None, now).unwrap();
    inventory.set_policy(product, &preorder, &Actor::SYSTEM).await.unwrap();
    let offered = inventory.available(&[product]).await.unwrap();
    assert_eq!((offered[0].on_hand, offered[0].backorder), (1, 5));
    assert_eq!(offered[0].from.map(|from| from.timestamp()), Some(day.timestamp()));
    let order = shop::order(&inventory, product, 3, shop::soon()).await.unwrap();
    let told = inventory.covered(order).await.unwrap();
    assert_eq!((told[0].units, told[0].from), (0, offered[0].from));
    assert!(!inventory.end_preorders().await.unwrap());
    shop::order(&inventory, product, 1, shop::soon()).await.unwrap();
    // The day comes.
    let mut tx = db.begin("time").await.unwrap();
    let text = "update stock set available_from = $1 where policy = 'preorder'";
    tx.query(Sql::new(text)).bind(now).execute().await.unwrap();
    tx.commit().await.unwrap();
    inventory.end_preorders().await.unwrap();
    let late = shop::order(&inventory, product, 1, shop::soon()).await;
    assert!(matches!(late, Err(StockError::OutOfStock(_))), "{late:?}");
    assert_eq!(shop::covered(&inventory, order).await, 1);
    adjust(&inventory, product, 2).await.unwrap();
    assert_eq!(shop::covered(&inventory, order).await, 3);
    let late = shop::order(&inventory, product, 1, shop::soon()).await;
    assert!(matches!(late, Err(StockError::OutOfStock(_))), "{late:?}");
    adjust(&inventory, product, 2).await.unwrap();
    assert_eq!(shop::available(&inventory, product).await, 1);
    shop::books_are_right(&inventory).await;
}

async fn goods_on_hand_are_promised_before_goods_that_come(db: Db) {
    let inventory = shop::allocating(&db, Allocation::Split).await;
    let product = shop::product(&inventory, 2).await;
    shop::backorder(&inventory, product, 9).await;
    let berlin = shop::location("berlin", "10115");
    inventory.create_location(berlin, &Actor::SYSTEM).await.unwrap();
    shop::bring(&inventory, product, 4, "berlin").await;
    shop::order(&inventory, product, 6, shop::soon()).await.unwrap();
    assert_eq!(backordered(&db).await, 0);
    shop::order(&inventory, product, 6, shop::soon()).await.unwrap();
    assert_eq!(backordered(&db).await, 6);
    let short = shop::order(&inventory, product, 4, shop::soon()).await;
    assert!(matches!(short, Err(StockError::OutOfStock(short)) if short[0].available == 3));
    shop::books_are_right(&inventory).await;
}
