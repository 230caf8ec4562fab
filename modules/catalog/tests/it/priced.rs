//! What tests of prices share: markets, lists, and what a product costs.

use catalog::{
    Catalog, Error, ListedInput, Market, MarketInput, Price, PriceList, PriceListInput, PriceQuery,
};
use kernel::Money;
use kernel::id::ProductId;
use kernel::ports::{Buyer, Catalog as _, Wanted};
use platform::audit::Actor;
use serde_json::{Value, json};

use crate::world::{USD, input};

pub const SYSTEM: Actor = Actor::SYSTEM;

pub fn dollars(minor: i64) -> Money {
    Money::from_minor(minor, USD)
}

pub async fn market(catalog: &Catalog, fields: Value) -> Market {
    let input: MarketInput = serde_json::from_value(fields).unwrap();
    catalog.create_market(input, &SYSTEM).await.unwrap()
}

pub fn list_input(code: &str, fields: &Value) -> PriceListInput {
    let mut list = json!({"code": code, "currency": "USD"});
    for (name, value) in fields.as_object().unwrap() {
        list[name] = value.clone();
    }
    serde_json::from_value(list).unwrap()
}

pub async fn list(catalog: &Catalog, code: &str, fields: Value) -> PriceList {
    catalog.create_price_list(list_input(code, &fields), &SYSTEM).await.unwrap()
}

pub fn listed(sku: &str, min_quantity: i64, minor: i64) -> ListedInput {
    ListedInput { product_id: None, sku: Some(sku.to_owned()), min_quantity, price: dollars(minor) }
}

pub async fn put(catalog: &Catalog, list: &PriceList, sku: &str, min_quantity: i64, minor: i64) {
    let prices = vec![listed(sku, min_quantity, minor)];
    catalog.put_prices(list.id, prices, &SYSTEM).await.unwrap();
}

pub async fn create(catalog: &Catalog, sku: &str) -> ProductId {
    catalog.create(input(sku, json!({})), &SYSTEM).await.unwrap().id
}

pub fn of(sku: &str) -> PriceQuery {
    PriceQuery {
        key: sku.to_owned(),
        market: None,
        country: None,
        group: None,
        quantity: 1,
        explain: false,
    }
}

pub async fn price(catalog: &Catalog, sku: &str) -> Price {
    catalog.price(of(sku)).await.unwrap()
}

pub async fn settle(catalog: &Catalog) {
    while catalog.price_due().await.unwrap() {}
    catalog.price_due().await.unwrap();
}

/// What lists and carts say a product costs, which is the same.
pub async fn public(catalog: &Catalog, sku: &str) -> i64 {
    let (product, _) = catalog.shown(sku).await.unwrap();
    let wanted = Wanted { product_id: product.id, quantity: 1 };
    let offer = catalog.offers(Buyer::default(), &[wanted]).await.unwrap().remove(0);
    assert_eq!(offer.price, product.public.price, "{sku}");
    assert_eq!(price(catalog, sku).await.price, Some(offer.price), "{sku}");
    offer.price.minor()
}

pub fn field(error: Error) -> String {
    match error {
        Error::Invalid(errors) => errors[0].field.clone(),
        other => panic!("{other:?}"),
    }
}
