//! A small shop around the inventory.

use inventory::{Adjustment, Allocation, Inventory, LocationInput, Policy, Settings, StockPolicy};
use kernel::events::ProductCreated;
use kernel::id::{OrderId, ProductId};
use kernel::ports::{Availability, Shortage, Stock, StockError, StockLine};
use kernel::{Currency, Event, Money, Timestamp};
use platform::audit::Actor;
use platform::bus::{Handler, HandlerError, Topic};
use platform::idempotency::Key;
use platform::sql::Db;

pub async fn inventory(db: &Db) -> Inventory {
    allocating(db, Allocation::Split).await
}

/// A shop that opens its products at main.
pub async fn allocating(db: &Db, allocation: Allocation) -> Inventory {
    let settings = Settings { location: "main".to_owned(), allocation, sweep_every_ms: 50 };
    let inventory = Inventory::new(db.clone(), settings);
    inventory.prepare().await.unwrap();
    inventory
}

/// A location that serves orders.
pub fn location(code: &str, postal_code: &str) -> LocationInput {
    LocationInput {
        code: code.to_owned(),
        name: None,
        country: Some("DE".to_owned()),
        postal_code: Some(postal_code.to_owned()),
        priority: 0,
        active: true,
        serves_orders: true,
    }
}

/// Brings units of a product to a location.
pub async fn bring(inventory: &Inventory, product: ProductId, units: i64, location: &str) {
    let delivery = Adjustment::new(units, "delivery", Some(location.to_owned())).unwrap();
    let key = Key::new("staff", "adjust", &OrderId::new().to_string(), b"");
    inventory.adjust(&key, product, &delivery, &Actor::SYSTEM).await.unwrap();
}

/// Lets units be promised that do not lie there yet.
pub async fn backorder(inventory: &Inventory, product: ProductId, most: i64) {
    let now = kernel::Clock::system().now();
    let policy = StockPolicy::new(Policy::Backorder, most, None, None, now).unwrap();
    inventory.set_policy(product, &policy, &Actor::SYSTEM).await.unwrap();
}

/// How many units of an order can leave the house.
pub async fn covered(inventory: &Inventory, order: OrderId) -> i64 {
    inventory.covered(order).await.unwrap().iter().map(|line| line.units).sum()
}

/// Hands an event to the reaction that subscribed to it, in a commit of its own.
pub async fn hear<E: Event>(inventory: &Inventory, event: &E) -> Result<(), HandlerError> {
    let mut subscriptions = inventory.subscriptions().into_iter();
    let heard = subscriptions.find(|one| one.topics.contains(&Topic::of::<E>())).unwrap();
    let envelope = platform::testing::told(event, heard.db.clock().now());
    let Handler::Reaction(reaction) = &heard.handler else { panic!("not a reaction") };
    let mut tx = heard.db.begin("hear").await?;
    reaction.apply(&mut tx, &envelope).await?;
    Ok(tx.commit().await?)
}

pub fn created(product_id: ProductId, opening_stock: Option<i64>) -> ProductCreated {
    let price = Money::from_minor(1_999, Currency::EUR);
    ProductCreated { product_id, sku: product_id.to_string(), price, opening_stock }
}

/// A new product with units of it.
pub async fn product(inventory: &Inventory, units: i64) -> ProductId {
    let product = ProductId::new();
    hear(inventory, &created(product, Some(units))).await.unwrap();
    product
}

pub fn line(product_id: ProductId, quantity: i64) -> StockLine {
    StockLine { product_id, quantity }
}

pub fn soon() -> Timestamp {
    kernel::Clock::system().now() + chrono::TimeDelta::hours(1)
}

pub fn past() -> Timestamp {
    kernel::Clock::system().now() - chrono::TimeDelta::seconds(1)
}

/// A new order that was promised units of a product.
pub async fn order(
    inventory: &Inventory,
    product: ProductId,
    quantity: i64,
    until: Timestamp,
) -> Result<OrderId, StockError> {
    let order = OrderId::new();
    inventory.reserve(order, &[line(product, quantity)], None, until).await.map(|()| order)
}

pub async fn available(inventory: &Inventory, product: ProductId) -> i64 {
    let found = inventory.available(&[product]).await.unwrap();
    found.first().map_or(0, Availability::units)
}

pub async fn books_are_right(inventory: &Inventory) {
    for check in inventory.verify().await.unwrap() {
        assert!(check.holds(), "{check:?}");
        assert!(check.rows > 0 || check.invariant.contains("order's"), "{check:?}");
    }
}

/// The outcome of a command, without its details.
pub fn outcome(result: &Result<(), StockError>) -> &'static str {
    match result {
        Ok(()) => "ok",
        Err(StockError::OutOfStock(short)) => {
            let is_short = |line: &Shortage| line.available < line.requested;
            assert!(!short.is_empty() && short.iter().all(is_short), "{short:?}");
            "out of stock"
        }
        Err(StockError::ReservationEnded) => "ended",
        Err(StockError::Unavailable(_)) => "unavailable",
    }
}
