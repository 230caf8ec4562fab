//! What the tests share: products, and the events they caused.

use catalog::{Catalog, ListQuery, ProductInput, Settings, Sort};
use kernel::{Envelope, currency::Currency};
use platform::outbox;
use platform::sql::Db;
use serde_json::{Value, json};

pub fn catalog(db: &Db) -> Catalog {
    Catalog::new(db.clone(), Settings::default())
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

/// Every event so far, in order.
pub async fn events(db: &Db) -> Vec<Envelope> {
    while outbox::sequence(db).await.unwrap() > 0 {}
    let published = outbox::read_after(db, 0, 10_000).await.unwrap();
    published.into_iter().map(|event| event.envelope).collect()
}

pub async fn kinds(db: &Db) -> Vec<String> {
    events(db).await.into_iter().map(|event| event.kind).collect()
}

pub fn everything(sort: Sort) -> ListQuery {
    ListQuery {
        text: None,
        category: None,
        least: None,
        most: None,
        in_stock: false,
        sort,
        limit: 100,
        after: None,
    }
}

pub const USD: Currency = Currency::USD;
