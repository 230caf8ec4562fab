//! Every step of the checkout is refused, loses its answer, or runs twice: it ends CONFIRMED with
//! everything, or FAILED with nothing.

use crate::support::{
    APPROVED, Customer, Engine, Shop, id_of, on_both_engines, order_body, product,
};

const STEPS: [&str; 4] = ["reserve_stock", "authorize_payment", "book_shipment", "confirm"];

on_both_engines![
    every_step_refused,
    every_answer_lost,
    every_step_twice,
    what_a_dead_node_did_is_undone,
];

/// The shop dies before any step is recorded. Then the first step is refused when it runs again, and
/// what came after it the first time is undone all the same.
async fn what_a_dead_node_did_is_undone(engine: Engine) {
    let Some(mut shop) = Shop::new(engine, &[product("LAMP-1", "20.00", 5)]) else { return };
    shop.set("STOA__SAGA__LEASE_MS", "5000");
    shop.start(&[("STOA_FAULT", "kill:after run of book_shipment")]);
    let ada = Customer::guest(&shop).await;
    ada.fill_cart(&id_of(&ada, "LAMP-1").await, 1).await;
    let body = order_body(&ada.card(APPROVED).await);
    ada.try_command("/v1/orders", "key", &body).await.unwrap_err();
    shop.start(&[("STOA_FAULT", "reject:reserve_stock")]);
    let ada = ada.at(&shop);
    let orders = ada.get("/v1/orders").await;
    let order = ada.until(orders.body["items"][0]["id"].as_str().unwrap(), &["FAILED"]).await;
    assert_eq!(order.body["payment"]["status"], "voided", "{order:?}");
    shop.settle();
    assert_eq!(ada.get("/v1/products/LAMP-1").await.body["available"], 5);
}

async fn every_step_refused(engine: Engine) {
    ends(engine, "reject", "FAILED").await;
}

/// The effect is there and nobody knows: after the last try its undo must find it.
async fn every_answer_lost(engine: Engine) {
    ends(engine, "lose", "FAILED").await;
}

async fn every_step_twice(engine: Engine) {
    ends(engine, "repeat", "CONFIRMED").await;
}

async fn ends(engine: Engine, fault: &str, state: &str) {
    let Some(mut shop) = Shop::new(engine, &[product("LAMP-1", "20.00", 5)]) else { return };
    shop.set("STOA__SAGA__PAUSE_MS", "20");
    shop.set("STOA__SAGA__ATTEMPTS_MAX", "3");
    for step in STEPS {
        shop.start(&[("STOA_FAULT", &format!("{fault}:{step}"))]);
        let ada = Customer::guest(&shop).await;
        let before = ada.get("/v1/products/LAMP-1").await.body["available"].as_i64().unwrap();
        ada.fill_cart(&id_of(&ada, "LAMP-1").await, 1).await;
        ada.order("key", &ada.card(APPROVED).await).await;
        let orders = ada.get("/v1/orders").await;
        let id = orders.body["items"][0]["id"].as_str().unwrap();
        let order = ada.until(id, &["CONFIRMED", "FAILED"]).await;
        assert_eq!(order.body["status"], state, "{fault} {step}: {order:?}");
        shop.settle();
        let after = ada.get("/v1/products/LAMP-1").await.body["available"].as_i64().unwrap();
        let sold = i64::from(state == "CONFIRMED");
        assert_eq!(after, before - sold, "{fault} {step}");
        shop.stop();
    }
}
