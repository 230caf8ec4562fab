//! Stock by location, as the staff and shoppers see it.

use serde_json::json;

use crate::support::{Customer, Engine, Shop, id_of, on_both_engines, product};

on_both_engines![what_lies_elsewhere_is_counted_and_not_for_sale];

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
