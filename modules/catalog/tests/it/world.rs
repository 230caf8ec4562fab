//! What the tests share: products, and the events they caused.

use catalog::{Catalog, ListQuery, ProductInput, Settings, Sort};
use kernel::events::StockAdjusted;
use kernel::id::ProductId;
use kernel::{Envelope, Event, currency::Currency};
use platform::bus::Handler;
use platform::outbox;
use platform::sql::Db;
use serde_json::{Value, json};

pub fn catalog(db: &Db) -> Catalog {
    Catalog::new(db.clone(), Settings::default())
}

/// A catalogue with a search index.
pub async fn searched(db: &Db) -> Catalog {
    let folder = platform::testing::folder().join("index");
    let catalog = Catalog::open(db.clone(), Settings::default(), &folder).await.unwrap();
    catalog.refresh_search().await.unwrap();
    catalog
}

/// A product with some fields of its own.
#[expect(clippy::needless_pass_by_value, reason = "it is called with json! in place")]
pub fn input(sku: &str, fields: Value) -> ProductInput {
    let mut product = json!({
        "sku": sku, "name": format!("Product {sku}"),
        "price": {"amount": "10.00", "currency": "USD"},
    });
    for (name, value) in fields.as_object().unwrap() {
        product[name] = value.clone();
    }
    serde_json::from_value(product).unwrap()
}

/// Every event of a product so far, in order.
pub async fn events(db: &Db) -> Vec<Envelope> {
    let mut told = told(db).await;
    told.retain(|event| event.kind.starts_with("product."));
    told
}

/// Every event so far, in order.
pub async fn told(db: &Db) -> Vec<Envelope> {
    while outbox::sequence(db).await.unwrap() > 0 {}
    let published = outbox::read_after(db, 0, 10_000).await.unwrap();
    published.into_iter().map(|event| event.envelope).collect()
}

pub async fn kinds(db: &Db) -> Vec<String> {
    events(db).await.into_iter().map(|event| event.kind).collect()
}

pub fn everything(sort: Sort) -> ListQuery {
    ListQuery::all(sort, 100)
}

pub const USD: Currency = Currency::USD;

/// What the inventory tells of a product's stock.
pub fn stock_event(db: &Db, product: ProductId, on_hand: i64, reserved: i64) -> Envelope {
    let event = StockAdjusted {
        // There is one stock of each product.
        stock_id: product.uuid().into(),
        product_id: product,
        location: "main".to_owned(),
        is_for_sale: true,
        delta: on_hand,
        on_hand,
        reserved,
        safety: 0,
        backorder_max: 0,
        available_from: None,
        reason: "counted".to_owned(),
    };
    envelope(db, &event)
}

/// An event on its way.
pub fn envelope<E: Event>(db: &Db, event: &E) -> Envelope {
    platform::testing::told(event, db.clock().now())
}

/// Lets the catalogue hear an event of the inventory.
pub async fn hear_stock(db: &Db, catalog: &Catalog, event: &Envelope) {
    let Handler::Reaction(reaction) = &catalog.subscriptions()[0].handler else {
        panic!("a reaction");
    };
    let mut tx = db.begin("test.stock").await.unwrap();
    reaction.apply(&mut tx, event).await.unwrap();
    tx.commit().await.unwrap();
}

/// Lets the catalogue hear what lies in stock.
pub async fn set_stock(
    db: &Db,
    catalog: &Catalog,
    product: ProductId,
    on_hand: i64,
    reserved: i64,
) {
    hear_stock(db, catalog, &stock_event(db, product, on_hand, reserved)).await;
}

/// The categories with the products in each and below it, by path.
pub async fn counted(catalog: &Catalog) -> Vec<(String, i64)> {
    let mut nodes = catalog.category_tree().await.unwrap();
    let mut counted = Vec::new();
    while let Some(node) = nodes.pop() {
        counted.push((node.category.path, node.products));
        nodes.extend(node.children);
    }
    counted.sort();
    counted
}

/// One unit of a product.
pub fn wanted(product_id: ProductId) -> kernel::ports::Wanted {
    kernel::ports::Wanted { product_id, quantity: 1 }
}
