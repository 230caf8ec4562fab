//! Search, cart, payment, order, and what may become of it.

use serde_json::json;

use crate::support::{
    APPROVED, CHALLENGED, Customer, DECLINED, Engine, Shop, id_of, on_both_engines, order_body,
    product,
};

on_both_engines![
    a_cart_becomes_a_confirmed_order,
    a_declined_card_leaves_nothing_behind,
    a_challenge_is_waited_for,
    a_lost_answer_charges_once,
    a_changed_price_is_told,
    a_cancelled_order_gives_everything_back,
    a_shipped_order_cannot_be_cancelled,
    a_coupon_is_used_once,
    strangers_see_nothing,
];

async fn a_cart_becomes_a_confirmed_order(engine: Engine) {
    let products = [product("LAMP-1", "19.99", 5), product("DESK-1", "250.00", 2)];
    let Some(shop) = Shop::running(engine, &products) else { return };
    let ada = Customer::guest(&shop).await;
    let found = ada.get("/v1/products?q=lamp").await;
    assert_eq!(found.body["items"][0]["sku"], "LAMP-1", "{found:?}");
    let lamp = found.body["items"][0]["id"].as_str().unwrap().to_owned();
    ada.fill_cart(&lamp, 2).await;
    ada.fill_cart(&id_of(&ada, "DESK-1").await, 1).await;
    let token = ada.card(APPROVED).await;
    let order = ada.order("first", &token).await;
    assert_eq!(order.status, 201, "{order:?}");
    assert_eq!(order.body["status"], "CONFIRMED");
    // 2 * 19.99 + 250.00 + 4.90 shipping, and 19 % of it.
    assert_eq!(order.body["totals"]["tax"], json!({"amount": "56.03", "currency": "EUR"}));
    assert_eq!(order.body["totals"]["total"]["amount"], "350.91");
    assert_eq!(order.body["payment"]["status"], "authorized");
    assert_eq!(ada.get("/v1/cart").await.body["lines"], json!([]));

    let again = ada.order("first", &token).await;
    assert_eq!((again.status, &again.text), (201, &order.text));
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert!(!order.headers.contains_key("idempotency-replayed"));
    shop.settle();
    let id = order.body["id"].as_str().unwrap();
    assert_eq!(ada.get(&format!("/v1/orders/{id}")).await.body["payment"]["status"], "captured");
    let timeline = ada.get(&format!("/v1/orders/{id}/timeline")).await;
    let what: Vec<&str> =
        timeline.body.as_array().unwrap().iter().map(|e| e["what"].as_str().unwrap()).collect();
    let steps = [
        "placed",
        "reserve_stock",
        "authorize_payment",
        "book_shipment",
        "confirm",
        "payment_capture",
    ];
    assert_eq!(what, steps);
    let lamp = ada.get("/v1/products/LAMP-1").await;
    assert_eq!(lamp.body["available"], 3, "{lamp:?}");
}

async fn a_declined_card_leaves_nothing_behind(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 5)]) else { return };
    let ada = Customer::guest(&shop).await;
    ada.fill_cart(&id_of(&ada, "LAMP-1").await, 5).await;
    let order = ada.order("a", &ada.card(DECLINED).await).await;
    assert_eq!(order.status, 402, "{order:?}");
    assert_eq!(order.body["code"], "payment_declined");
    assert_eq!(order.headers["content-type"], "application/problem+json");
    let id = order.body["order_id"].as_str().unwrap();
    let failed = ada.get(&format!("/v1/orders/{id}")).await;
    assert_eq!(failed.body["status"], "FAILED");
    assert_eq!(failed.body["failure"]["code"], "payment_declined");
    shop.settle();
    // The cart is as it was, and another card buys it.
    let order = ada.order("b", &ada.card(APPROVED).await).await;
    assert_eq!(order.body["status"], "CONFIRMED", "{order:?}");
    shop.settle();
}

async fn a_challenge_is_waited_for(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 2)]) else { return };
    for (outcome, state) in [("approve", "CONFIRMED"), ("decline", "FAILED")] {
        let ada = Customer::guest(&shop).await;
        ada.fill_cart(&id_of(&ada, "LAMP-1").await, 1).await;
        let order = ada.order("a", &ada.card(CHALLENGED).await).await;
        assert_eq!(order.status, 201, "{order:?}");
        assert_eq!(order.body["status"], "AWAITING_PAYMENT");
        assert_eq!(order.body["payment"]["next_action"]["type"], "redirect");
        let payment = order.body["payment"]["id"].as_str().unwrap();
        let path = format!("/v1/payments/{payment}/challenge");
        let done = ada.post(&path, &json!({"outcome": outcome})).await;
        assert_eq!(done.status, 200, "{done:?}");
        ada.until(order.body["id"].as_str().unwrap(), &[state]).await;
    }
    shop.settle();
}

async fn a_lost_answer_charges_once(engine: Engine) {
    // 1 * 5.00 + 4.90 = 9.90, and 19 % of it is 1.88: 11.78. For a total that ends in .51 the
    // processor charges and says nothing: 73.61 + 4.90 = 78.51 to a country without tax.
    let Some(shop) = Shop::running(engine, &[product("LAMP-1", "73.61", 5)]) else { return };
    let ada = Customer::guest(&shop).await;
    ada.fill_cart(&id_of(&ada, "LAMP-1").await, 1).await;
    let mut body = order_body(&ada.card(APPROVED).await);
    body["shipping_address"]["country"] = json!("CH");
    body["shipping_address"]["postal_code"] = json!("8001");
    let order = ada.command("/v1/orders", "a", &body).await;
    assert!([201, 202].contains(&order.status), "{order:?}");
    assert_eq!(order.body["totals"]["total"]["amount"], "78.51");
    let id = order.body["id"].as_str().unwrap().to_owned();
    ada.until(&id, &["CONFIRMED"]).await;
    shop.settle();
}

async fn a_changed_price_is_told(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 5)]) else { return };
    let ada = Customer::guest(&shop).await;
    ada.fill_cart(&id_of(&ada, "LAMP-1").await, 1).await;
    let mut body = order_body(&ada.card(APPROVED).await);
    body["expected_total"] = json!({"amount": "20.00", "currency": "EUR"});
    let refused = ada.command("/v1/orders", "a", &body).await;
    assert_eq!((refused.status, &refused.body["code"]), (409, &json!("price_changed")));
    body["expected_total"] = refused.body["totals"]["total"].clone();
    let order = ada.command("/v1/orders", "b", &body).await;
    assert_eq!(order.status, 201, "{order:?}");
}

async fn a_cancelled_order_gives_everything_back(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 5)]) else { return };
    let ada = Customer::guest(&shop).await;
    ada.fill_cart(&id_of(&ada, "LAMP-1").await, 3).await;
    let order = ada.order("a", &ada.card(APPROVED).await).await;
    let id = order.body["id"].as_str().unwrap();
    let cancelled = ada.post(&format!("/v1/orders/{id}/cancel"), &json!({})).await;
    assert_eq!(cancelled.body["status"], "CANCELLED", "{cancelled:?}");
    let again = ada.post(&format!("/v1/orders/{id}/cancel"), &json!({})).await;
    assert_eq!((again.status, &again.body["code"]), (409, &json!("order_state")));
    shop.settle();
    assert_eq!(ada.get("/v1/products/LAMP-1").await.body["available"], 5);
}

async fn a_shipped_order_cannot_be_cancelled(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 5)]) else { return };
    let (ada, staff) = (Customer::guest(&shop).await, shop.staff().await);
    ada.fill_cart(&id_of(&ada, "LAMP-1").await, 3).await;
    let order = ada.order("a", &ada.card(APPROVED).await).await;
    let id = order.body["id"].as_str().unwrap();
    let ship = format!("/v1/admin/orders/{id}/ship");
    assert_eq!(ada.post(&ship, &json!({})).await.status, 403);
    let shipped = staff.command(&ship, "s", &json!({"tracking": "T1"})).await;
    assert_eq!(shipped.body["status"], "SHIPPED", "{shipped:?}");
    let again = staff.command(&ship, "s", &json!({"tracking": "T1"})).await;
    assert_eq!(again.text, shipped.text);
    let cancelled = ada.post(&format!("/v1/orders/{id}/cancel"), &json!({})).await;
    assert_eq!(
        (cancelled.status, &cancelled.body["allowed"]),
        (409, &json!(["deliver", "refund"]))
    );
    let delivered = staff.post(&format!("/v1/admin/orders/{id}/deliver"), &json!({})).await;
    assert_eq!(delivered.body["status"], "DELIVERED", "{delivered:?}");
    shop.settle();
}

async fn a_coupon_is_used_once(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 9)]) else { return };
    let staff = shop.staff().await;
    let coupon = json!({"code": "HALF", "percent": "50", "uses_max": 1});
    assert_eq!(staff.post("/v1/admin/promotions", &coupon).await.status, 201);
    let lamp = id_of(&staff, "LAMP-1").await;
    let mut confirmed = 0;
    let (ada, bob) = (Customer::guest(&shop).await, Customer::guest(&shop).await);
    for customer in [&ada, &bob] {
        customer.fill_cart(&lamp, 1).await;
    }
    let order = |customer: Customer| async move {
        let mut body = order_body(&customer.card(APPROVED).await);
        body["coupon"] = json!("HALF");
        customer.command("/v1/orders", "a", &body).await
    };
    for answer in <[_; 2]>::from(tokio::join!(order(ada), order(bob))) {
        match answer.status {
            201 => confirmed += 1,
            409 => assert_eq!(answer.body["code"], "coupon_refused"),
            _ => panic!("{answer:?}"),
        }
    }
    assert_eq!(confirmed, 1);
    shop.settle();
}

async fn strangers_see_nothing(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 5)]) else { return };
    let (ada, eve) = (Customer::guest(&shop).await, Customer::guest(&shop).await);
    ada.fill_cart(&id_of(&ada, "LAMP-1").await, 1).await;
    let order = ada.order("a", &ada.card(APPROVED).await).await;
    let id = order.body["id"].as_str().unwrap();
    for path in [format!("/v1/orders/{id}"), format!("/v1/orders/{id}/timeline")] {
        assert_eq!(eve.get(&path).await.status, 404);
        assert_eq!(Customer::anyone(&shop).get(&path).await.status, 401);
    }
    assert_eq!(eve.post(&format!("/v1/orders/{id}/cancel"), &json!({})).await.status, 404);
    assert_eq!(eve.get("/v1/orders").await.body["items"], json!([]));
    assert_eq!(eve.get("/v1/admin/orders").await.status, 403);
    // The same key of another customer is another key.
    eve.fill_cart(&id_of(&eve, "LAMP-1").await, 1).await;
    let other = eve.order("a", &eve.card(APPROVED).await).await;
    assert_ne!(other.body["id"], order.body["id"]);
}
