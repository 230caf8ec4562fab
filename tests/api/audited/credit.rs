//! Gift cards and store credit that the staff gives, corrects and blocks.

use serde_json::json;

use super::scene::{About, Scene};
use super::text;
use crate::support::{Customer, Shop};
use crate::words::euros;

pub async fn stored_value(scene: &mut Scene, shop: &Shop) {
    let new = json!({"amount": euros("50.00"), "reason": "A present"});
    let issue = "POST /v1/admin/gift-cards";
    let (made, entry) = scene.json(issue, &[], new, "credit.issue", About::Made).await;
    let (id, code) = (text(&made.body["id"]), text(&made.body["code"]));
    assert!(!entry.to_string().contains(&code), "{entry}");
    let less = json!({"amount": euros("-5.00"), "reason": "A mistake"});
    let adjust = "POST /v1/admin/gift-cards/{id}/adjust";
    let (_, entry) = scene.json(adjust, &[&id], less, "credit.adjust", About::Is(&id)).await;
    assert_eq!(entry["after"]["amount"], euros("-5.00"));
    for step in ["block", "unblock"] {
        let path = format!("POST /v1/admin/gift-cards/{{id}}/{step}");
        scene.json(&path, &[&id], json!({}), "credit.block", About::Is(&id)).await;
    }
    let ada =
        json!({"email": "credit@example.com", "password": "correct horse battery", "name": "A"});
    let ada = Customer::anyone(shop).post("/v1/auth/register", &ada).await;
    let ada = text(&ada.body["id"]);
    let grant = json!({"amount": euros("5.00"), "reason": "For the trouble"});
    let path = "POST /v1/admin/customers/{id}/store-credit";
    scene.json(path, &[&ada], grant, "credit.grant", About::Is(&ada)).await;
    let less = json!({"amount": euros("-5.00"), "reason": "Nobody will spend it"});
    let path = "POST /v1/admin/customers/{id}/store-credit/adjust";
    let (_, entry) = scene.json(path, &[&ada], less, "credit.adjust", About::Is(&ada)).await;
    assert_eq!(entry["after"]["amount"], euros("-5.00"));
}
