//! Letters that are dead, and webhooks.

use kernel::id::MessageId;
use platform::sql::{Json, Sql};
use serde_json::json;

use super::scene::{About, Scene};
use super::text;
use crate::support::Shop;

pub async fn letters_and_calls(scene: &mut Scene, shop: &Shop) {
    let letter = dead_message(shop, "email", "customer").await;
    let retry = "POST /v1/admin/messages/{id}/retry";
    let entry = scene.bare(retry, &[&letter], "message.retry", About::Is(&letter)).await;
    assert_eq!(entry["after"], json!({"state": "waiting"}));

    let new = json!({"url": "https://erp.example.com/stoa", "events": ["order.shipped"]});
    let (made, entry) =
        scene.json("POST /v1/admin/webhooks", &[], new, "webhook.create", About::Made).await;
    assert!(!entry.to_string().contains(made.body["secret"].as_str().unwrap()));
    let id = text(&made.body["id"]);
    let off = json!({
        "url": "https://erp.example.com/stoa", "events": ["order.shipped"], "active": false
    });
    let put = "PUT /v1/admin/webhooks/{id}";
    let (_, entry) = scene.json(put, &[&id], off, "webhook.change", About::Is(&id)).await;
    assert_eq!(
        (&entry["before"]["active"], &entry["after"]["active"]),
        (&json!(true), &json!(false))
    );
    let call = dead_message(shop, "webhook", &id).await;
    let again = "POST /v1/admin/webhooks/{id}/deliveries/{delivery}/redeliver";
    scene.bare(again, &[&id, &call], "webhook.redeliver", About::Is(&call)).await;
}

/// A message that was tried as often as it may be.
async fn dead_message(shop: &Shop, channel: &str, recipient: &str) -> String {
    let db = shop.database("messages").await;
    let mut tx = db.begin("test").await.unwrap();
    let (id, now) = (MessageId::new(), tx.now());
    let dead = "insert into message (id, event_id, event_kind, event_version, event_at, channel,
                    recipient, data, state, attempts, due_at, created_at, ended_at)
                values ($1, $1, 'order.confirmed', 1, $2, $3, $4, $5, 'dead', 8, $2, $2, $2)";
    let query = tx.query(Sql::new(dead)).bind(id.uuid()).bind(now).bind(channel).bind(recipient);
    query.bind(Json(json!({"number": "1"}))).execute().await.unwrap();
    tx.commit().await.unwrap();
    db.close().await;
    id.to_string()
}
