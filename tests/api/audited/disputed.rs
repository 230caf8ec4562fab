//! What the staff does about payments that need it.

use kernel::id::{EventId, OrderId};
use platform::sql::Sql;
use serde_json::json;

use super::scene::{About, Scene};
use crate::support::{Customer, Shop};
use crate::words::text;

const DISPUTED: &str = "4000000000000259";

pub async fn payments(scene: &mut Scene, shop: &Shop, lamp: &str) {
    let won = disputed(scene, shop, lamp).await;
    let resolve = "POST /v1/admin/payments/{id}/resolve";
    scene.bare(resolve, &[&won], "payment.resolve", About::Is(&won)).await;
    let evidence = "POST /v1/admin/payments/{id}/dispute/evidence";
    let said = json!({"text": "winning_evidence"});
    scene.json(evidence, &[&won], said, "payment.dispute_evidence", About::Is(&won)).await;
    is(scene, &won, "won").await;

    let lost = disputed(scene, shop, lamp).await;
    let accept = "POST /v1/admin/payments/{id}/dispute/accept";
    scene.bare(accept, &[&lost], "payment.dispute_accept", About::Is(&lost)).await;
    is(scene, &lost, "lost").await;

    let event = stuck(shop).await;
    let retry = "POST /v1/admin/payments/processor-events/{id}/retry";
    let about = About::Is(&event);
    let entry = scene.bare(retry, &[&event], "processor_event.retry", about).await;
    assert_eq!(entry["after"], json!({"state": "waiting"}));
}

/// A payment whose dispute the processor has told by a webhook.
async fn disputed(scene: &mut Scene, shop: &Shop, lamp: &str) -> String {
    let eve = Customer::guest(shop).await;
    eve.fill_cart(lamp, 1).await;
    let order = eve.order("disputed", &eve.card(DISPUTED).await).await;
    let order = eve.until(order.body["id"].as_str().unwrap(), &["CONFIRMED"]).await;
    let payment = text(&order.body["payment"]["id"]);
    let capture = "POST /v1/admin/payments/{id}/capture";
    scene.bare(capture, &[&payment], "payment.capture", About::Is(&payment)).await;
    is(scene, &payment, "disputed").await;
    payment
}

/// Waits until the payment stands so.
async fn is(scene: &Scene, payment: &str, status: &str) {
    let path = format!("/v1/payments/{payment}");
    for _ in 0..600 {
        if scene.caller.get(&path).await.body["status"] == status {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("{:?} is not {status}", scene.caller.get(&path).await);
}

/// An event of the processor that could not be looked into.
async fn stuck(shop: &Shop) -> String {
    let db = shop.database("payment").await;
    let mut tx = db.begin("test").await.unwrap();
    let (id, now) = (EventId::new().uuid(), tx.now());
    let event =
        "insert into processor_event (id, processor, event_id, kind, payment_id, raw, state,
                     due_at, received_at, handled_at)
                 values ($1, 'sandbox', 'a', 'dispute.opened', $1, '{}', 'stuck', $2, $2, $2)";
    tx.query(Sql::new(event)).bind(id).bind(now).execute().await.unwrap();
    tx.commit().await.unwrap();
    db.close().await;
    id.to_string()
}

/// As if the order had been called off, and its payment not been let go.
pub async fn called_off(shop: &Shop, order: &str) {
    let db = shop.database("payment").await;
    let mut tx = db.begin("test").await.unwrap();
    let (order, now): (OrderId, _) = (order.parse().unwrap(), tx.now());
    let off = Sql::new("update payable set cancelled_at = $2 where order_id = $1");
    tx.query(off).bind(order.uuid()).bind(now).execute().await.unwrap();
    tx.commit().await.unwrap();
    db.close().await;
}
