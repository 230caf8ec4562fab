//! Stock by location, as the staff and shoppers see it.

use serde_json::json;

use crate::support::{APPROVED, Customer, Engine, Shop, id_of, on_both_engines, product};

on_both_engines![
    what_lies_elsewhere_is_counted_and_not_for_sale,
    a_location_that_opens_sells_what_lies_there,
];

async fn what_lies_elsewhere_is_counted_and_not_for_sale(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 5)]) else { return };
    let (ada, staff) = (Customer::guest(&shop).await, shop.staff().await);
    let lamp = id_of(&ada, "LAMP-1").await;
    let adjust = async |key: &str, body: serde_json::Value| {
        let path = format!("/v1/admin/stock/{lamp}/adjust");
        let answer = staff.command(&path, key, &body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        shop.settle();
    };
    adjust("1", json!({"delta": 90, "reason": "received", "location": "attic"})).await;
    let seen = ada.get("/v1/products/LAMP-1").await;
    assert_eq!(seen.body["available"], 5, "the attic serves no orders: {seen:?}");
    adjust("2", json!({"delta": 2, "reason": "received"})).await;
    let seen = ada.get("/v1/products/LAMP-1").await;
    assert_eq!(seen.body["available"], 7, "{seen:?}");
    let lies = staff.get(&format!("/v1/admin/stock/{lamp}")).await;
    let on_hand = |n: usize| lies.body["locations"][n]["on_hand"].clone();
    assert_eq!([on_hand(0), on_hand(1)], [json!(90), json!(7)], "{lies:?}");
}

async fn a_location_that_opens_sells_what_lies_there(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 2)]) else { return };
    let (ada, staff) = (Customer::guest(&shop).await, shop.staff().await);
    let lamp = id_of(&ada, "LAMP-1").await;
    let south = json!({"code": "south", "country": "DE", "serves_orders": true});
    let made = staff.post("/v1/admin/stock/locations", &south).await;
    assert_eq!(made.status, 201, "{made:?}");
    let body = json!({"delta": 3, "reason": "received", "location": "south"});
    let path = format!("/v1/admin/stock/{lamp}/adjust");
    assert_eq!(staff.command(&path, "1", &body).await.status, 200);
    shop.settle();
    let seen = ada.get("/v1/products/LAMP-1").await;
    assert_eq!(seen.body["available"], 5, "{seen:?}");
    // More than one location has.
    ada.fill_cart(&lamp, 4).await;
    let order = ada.order("first", &ada.card(APPROVED).await).await;
    ada.until(order.body["id"].as_str().unwrap(), &["CONFIRMED"]).await;
    shop.settle();
    let seen = ada.get("/v1/products/LAMP-1").await;
    assert_eq!(seen.body["available"], 1, "{seen:?}");
    let listed = staff.get("/v1/admin/stock/locations").await;
    let codes: Vec<&str> = listed.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|location| location["code"].as_str().unwrap())
        .collect();
    assert_eq!(codes, ["main", "south"], "{listed:?}");
}
