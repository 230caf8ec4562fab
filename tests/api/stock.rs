//! Stock by location, as the staff and shoppers see it.

use serde_json::json;

use crate::support::{APPROVED, Customer, Engine, Shop, id_of, on_both_engines, product};

on_both_engines![
    what_lies_elsewhere_is_counted_and_not_for_sale,
    a_location_that_opens_sells_what_lies_there,
    what_is_not_there_yet_is_sold_told_and_kept_in_the_house,
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

async fn what_is_not_there_yet_is_sold_told_and_kept_in_the_house(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 2)]) else { return };
    let (ada, staff) = (Customer::guest(&shop).await, shop.staff().await);
    let lamp = id_of(&ada, "LAMP-1").await;
    let policy = format!("/v1/admin/stock/{lamp}/policy");
    let put = async |path: &str, body: &serde_json::Value| {
        let kind: [(&str, &[u8]); 1] = [("content-type", b"application/json")];
        staff.send_as_is("PUT", path, &kind, body.to_string().as_bytes()).await
    };
    for (wrong, status) in [
        (json!({"policy": "backorder", "backorder_max": 0}), 422),
        (json!({"policy": "backorder", "backorder_max": -1}), 422),
        (json!({"policy": "backorder", "backorder_max": 10_001}), 422),
        (json!({"policy": "preorder", "backorder_max": 1}), 422),
        (json!({"policy": "maybe", "backorder_max": 1}), 422),
    ] {
        let answer = put(&policy, &wrong).await;
        assert_eq!(answer.status, status, "{wrong}: {answer:?}");
    }
    let capped = json!({"policy": "backorder", "backorder_max": 3});
    let nowhere = policy.replace(&lamp, "0198f2a4-6f0e-7c3a-9d61-0a4f3c1b2d10");
    assert_eq!(put(&nowhere, &capped).await.status, 404);
    let level = put(&policy, &capped).await;
    assert_eq!((level.status, &level.body["backorderable"]), (200, &json!(3)), "{level:?}");
    shop.settle();
    let seen = ada.get("/v1/products/LAMP-1").await;
    assert_eq!((&seen.body["available"], &seen.body["backorderable"]), (&json!(2), &json!(3)));
    ada.fill_cart(&lamp, 4).await;
    let cart = ada.get("/v1/cart").await;
    let line = &cart.body["lines"][0];
    assert_eq!((&line["available"], &line["backordered"]), (&json!(2), &json!(2)), "{cart:?}");
    assert_eq!(cart.body["obstacles"], json!([]), "{cart:?}");
    let order = ada.order("first", &ada.card(APPROVED).await).await;
    let order = ada.until(order.body["id"].as_str().unwrap(), &["CONFIRMED"]).await;
    let below = format!("/v1/admin/orders/{}", order.body["id"].as_str().unwrap());
    let ships = format!("{below}/shipments");
    let refused = staff.post(&ships, &json!({})).await;
    assert_eq!((refused.status, &refused.body["code"]), (409, &json!("out_of_stock")));
    assert_eq!(refused.body["lines"][0]["available"], 2, "{refused:?}");
    let two = json!({"lines": [{"line_id": order.body["lines"][0]["id"], "quantity": 2}]});
    assert_eq!(staff.post(&ships, &two).await.body["fulfilment"], "partial");
    let more = staff.post(&ships, &json!({})).await;
    assert_eq!((more.status, &more.body["lines"][0]["available"]), (409, &json!(0)), "{more:?}");
    let lower = put(&policy, &json!({"policy": "deny"})).await;
    assert_eq!((lower.status, &lower.body["backordered"]), (409, &json!(2)), "{lower:?}");
    let adjust = format!("/v1/admin/stock/{lamp}/adjust");
    let delivery = json!({"delta": 3, "reason": "received"});
    assert_eq!(staff.command(&adjust, "1", &delivery).await.body["available"], 1);
    assert_eq!(staff.post(&ships, &json!({})).await.body["status"], "SHIPPED");
    shop.settle();
    let seen = ada.get("/v1/products/LAMP-1").await;
    assert_eq!(seen.body["available"], 1, "{seen:?}");
}
