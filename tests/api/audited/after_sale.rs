//! What the staff does with orders after they were sold.

use serde_json::{Value, json};

use super::scene::{About, Scene};
use super::{euros, text};
use crate::support::{APPROVED, Customer, Shop};

pub async fn after_its_sale(scene: &mut Scene, shop: &Shop, lamp: &str) {
    let ada = Customer::guest(shop).await;
    ada.fill_cart(lamp, 3).await;
    let order = ada.order("first", &ada.card(APPROVED).await).await;
    let order = ada.until(order.body["id"].as_str().unwrap(), &["CONFIRMED"]).await.body;
    let (id, line) = (text(&order["id"]), text(&order["lines"][0]["id"]));
    let about = || About::Is(&id);
    let one = json!([{"line_id": line, "quantity": 1}]);
    let off = json!({"lines": one, "reason": "broken"});
    let cancel = "POST /v1/admin/orders/{id}/cancel-lines";
    let (_, entry) = scene.json(cancel, &[&id], off, "order.cancel_lines", about()).await;
    assert_eq!(entry["after"], json!({"cancelled": one, "reason": "broken"}));
    let ship = "POST /v1/admin/orders/{id}/ship";
    scene.json(ship, &[&id], json!({}), "order.ship", about()).await;
    let deliver = "POST /v1/admin/orders/{id}/deliver";
    scene.bare(deliver, &[&id], "order.deliver", about()).await;
    let back = json!({"amount": euros("1.00"), "reason": "late"});
    let refund = "POST /v1/admin/orders/{id}/refund";
    let (_, entry) = scene.json(refund, &[&id], back, "order.refund", about()).await;
    let told = [&entry["after"]["refund"], &entry["after"]["reason"]];
    assert_eq!(told, [&euros("1.00"), &json!("late")]);

    let kept = asked_back(&ada, &id, &line, "a").await;
    let (approve, why) = ("POST /v1/admin/returns/{id}/approve", json!({"reason": "worn"}));
    scene.bare(approve, &[&kept], "order.return_approve", about()).await;
    let reject = "POST /v1/admin/returns/{id}/reject";
    let (_, entry) = scene.json(reject, &[&kept], why, "order.return_reject", about()).await;
    assert_eq!(entry["before"], json!({"state": "approved"}));
    assert_eq!(entry["after"], json!({"state": "rejected", "answer": "worn"}));
    let taken = asked_back(&ada, &id, &line, "b").await;
    scene.bare(approve, &[&taken], "order.return_approve", about()).await;
    let receive = "POST /v1/admin/returns/{id}/receive";
    scene.bare(receive, &[&taken], "order.return_receive", about()).await;
    let found = json!({"lines": [
        {"line_id": line, "accepted": 1, "condition": "sellable", "restock": true},
    ]});
    let inspect = "POST /v1/admin/returns/{id}/inspect";
    let (_, entry) = scene.json(inspect, &[&taken], found, "order.return_inspect", about()).await;
    assert_eq!(entry["after"]["state"], "settling");
    assert!(entry["after"]["refund"].is_object(), "the amount is named: {entry}");
}

async fn asked_back(ada: &Customer, order: &str, line: &str, key: &str) -> String {
    let lines: Value = json!([{"line_id": line, "quantity": 1, "reason": "damaged"}]);
    let path = format!("/v1/orders/{order}/returns");
    let asked = ada.command(&path, key, &json!({"lines": lines})).await;
    assert_eq!(asked.status, 201, "{asked:?}");
    text(&asked.body["id"])
}
