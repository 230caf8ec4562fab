use inventory::SCHEMA;
use kernel::Clock;
use kernel::events::{LocationChanged, OrderShipped};
use kernel::id::{CustomerId, ProductId};
use kernel::ports::{Availability, Stock};
use platform::bus::{Bus, Settings};
use platform::module::Schema;
use platform::sql::Db;

use crate::shop;

platform::on_both_engines!(super::SCHEMA =>
    two_relays_open_stock_once,
    a_batch_that_ships_one_product_twice_is_in_order,
    a_product_is_opened_once,
);

async fn publisher(db: &Db, module: &'static str) -> Db {
    let schema = Schema { module, migrations: &[], statements: &[], guards: &[] };
    platform::testing::database(db.engine(), &schema, Clock::system()).await.unwrap()
}

fn bus(publishers: &[Db], inventory: &inventory::Inventory, node: &str) -> Bus {
    let settings = Settings {
        node: node.to_owned(),
        batch: 10,
        attempts_max: 2,
        effect_wait: std::time::Duration::from_mins(1),
        ..Settings::default()
    };
    Bus::new(publishers.to_vec(), inventory.subscriptions(), settings)
}

async fn two_relays_open_stock_once(db: Db) {
    let inventory = shop::inventory(&db).await;
    let publishers = [publisher(&db, "catalog").await, publisher(&db, "order").await];
    let products: Vec<ProductId> = (0..40).map(|_| ProductId::new()).collect();
    for (n, product) in (1..).zip(&products) {
        let mut tx = publishers[0].begin("create").await.unwrap();
        tx.emit(&shop::created(*product, Some(n)), 1).unwrap();
        tx.commit().await.unwrap();
    }
    let relays = ["a", "b", "c"].map(|node| bus(&publishers, &inventory, node));
    relays[0].register().await.unwrap();
    let (a, b, c) = tokio::join!(relays[0].drain(), relays[1].drain(), relays[2].drain());
    // A relay that lost a race may say so; what counts is that one more round finishes the work.
    drop((a, b, c));
    relays[0].drain().await.unwrap();
    for (n, product) in (1..).zip(&products) {
        assert_eq!(shop::available(&inventory, *product).await, n);
    }
    shop::books_are_right(&inventory).await;
}

async fn a_batch_that_ships_one_product_twice_is_in_order(db: Db) {
    let inventory = shop::inventory(&db).await;
    let publishers = [publisher(&db, "catalog").await, publisher(&db, "order").await];
    let product = shop::product(&inventory, 10).await;
    for _ in 0..4 {
        let order_id = shop::order(&inventory, product, 2, shop::soon()).await.unwrap();
        inventory.commit(order_id).await.unwrap();
        let mut tx = publishers[1].begin("ship").await.unwrap();
        let shipped = OrderShipped { order_id, customer_id: CustomerId::new(), tracking: None };
        tx.emit(&shipped, 1).unwrap();
        tx.commit().await.unwrap();
    }
    let bus = bus(&publishers, &inventory, "a");
    bus.register().await.unwrap();
    bus.drain().await.unwrap();
    let parked = platform::bus::dead_letters(&db, None, 10).await.unwrap();
    assert!(parked.is_empty(), "{parked:?}");
    assert_eq!(shop::available(&inventory, product).await, 2);
    while platform::outbox::sequence(&db).await.unwrap() > 0 {}
    let mut published = platform::outbox::read_after(&db, 0, 100).await.unwrap();
    published.retain(|event| !event.envelope.is::<LocationChanged>());
    let versions: Vec<i64> = published.iter().map(|event| event.envelope.version).collect();
    assert_eq!(versions, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(published[8].envelope.data["on_hand"], 2);
    shop::books_are_right(&inventory).await;
}

async fn a_product_is_opened_once(db: Db) {
    let inventory = shop::inventory(&db).await;
    let product = ProductId::new();
    shop::hear(&inventory, &shop::created(product, None)).await.unwrap();
    shop::hear(&inventory, &shop::created(product, Some(9))).await.unwrap();
    let none = Availability { product_id: product, on_hand: 0, backorder: 0, from: None };
    assert_eq!(inventory.available(&[product]).await.unwrap(), [none]);
    let forged = shop::created(ProductId::new(), Some(-1));
    assert!(shop::hear(&inventory, &forged).await.is_err());
    shop::books_are_right(&inventory).await;
}
