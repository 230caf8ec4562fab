//! What is decided before a processor hears of a payment, and what the staff makes of it.

use serde_json::json;

use crate::support::{APPROVED, Customer, Engine, Shop, id_of, on_both_engines, product};

on_both_engines![what_is_suspect_is_refused_and_looked_at];

async fn what_is_suspect_is_refused_and_looked_at(engine: Engine) {
    let Some(mut shop) = Shop::new(engine, &[product("LAMP-1", "20.00", 9)]) else { return };
    shop.start(&[
        ("STOA__FRAUD__RULES__VELOCITY", "deny"),
        ("STOA__FRAUD__VELOCITY__ACCOUNT__MINUTE", "0"),
        ("STOA__FRAUD__VELOCITY__ACCOUNT__HOUR", "1"),
    ]);
    let ada = Customer::guest(&shop).await;
    let lamp = id_of(&ada, "LAMP-1").await;
    let token = ada.card(APPROVED).await;
    let mut orders = Vec::new();
    for (key, status) in [("first", 201), ("second", 402)] {
        ada.fill_cart(&lamp, 1).await;
        let answer = ada.order(key, &token).await;
        assert_eq!(answer.status, status, "{answer:?}");
        let id = if status == 201 { &answer.body["id"] } else { &answer.body["order_id"] };
        orders.push(id.as_str().unwrap().to_owned());
    }
    let refused = ada.get(&format!("/v1/orders/{}", orders[1])).await;
    assert_eq!(refused.body["status"], "FAILED", "{refused:?}");
    shop.settle();

    let admin = shop.admin().await;
    let of = |order: &str| format!("/v1/admin/fraud/decisions?order_id={order}");
    let allowed = admin.get(&of(&orders[0])).await.body["items"][0].clone();
    assert_eq!(
        (&allowed["decision"], &allowed["outcome"]),
        (&json!("allow"), &json!("authorized"))
    );
    assert!(allowed["features"]["amount_to_median"].is_number(), "{allowed}");
    let denied = admin.get(&of(&orders[1])).await.body["items"][0].clone();
    assert_eq!(denied["decision"], "deny", "{denied}");
    let reason = json!({"rule": "velocity", "of": "account", "seconds": 3600, "attempts": 2});
    assert_eq!(denied["reasons"], json!([reason]));
    assert_eq!(denied["outcome"], json!(null), "no processor heard of it");
    assert_eq!(ada.get("/v1/admin/fraud/reviews").await.status, 403);
    assert_eq!(admin.get("/v1/admin/fraud/reviews").await.body["items"], json!([]));
}
