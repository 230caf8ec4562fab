//! Parcels of the sandbox carrier, and what is wrong with parcels.

use kernel::id::OrderId;
use platform::sql::{Json, Sql};
use serde_json::json;

use super::scene::{About, Scene};
use crate::support::Shop;

pub async fn parcels(scene: &mut Scene, shop: &Shop) {
    let order = OrderId::new();
    booked(shop, order).await;
    let id = order.to_string();
    let happens = "POST /v1/admin/carrier/parcels/{tracking}/events";
    let event = json!({"event": "picked_up"});
    let (_, entry) =
        scene.json(happens, &["SBX1"], event.clone(), "parcel.move", About::Is(&id)).await;
    assert_eq!(entry["after"], event);

    wrong(shop, order).await;
    let (resolve, note) = ("POST /v1/admin/shipments/{id}/resolve", json!({"note": "It is back."}));
    let (_, entry) =
        scene.json(resolve, &[&id], note.clone(), "shipment.resolve", About::Is(&id)).await;
    assert_eq!(entry["after"], note);
    let retry = "POST /v1/admin/shipments/carrier-events/{id}/retry";
    let entry = scene.bare(retry, &[&id], "carrier_event.retry", About::Is(&id)).await;
    assert_eq!(entry["after"], json!({"state": "waiting"}));
}

/// A parcel that the carrier expects.
async fn booked(shop: &Shop, order: OrderId) {
    let db = shop.database("carrier").await;
    let mut tx = db.begin("test").await.unwrap();
    let now = tx.now();
    let parcel = "insert into parcel (order_id, tracking, parameters, faults, state, booked_at,
                      updated_at)
                  values ($1, 'SBX1', '', $2, 'booked', $3, $3)";
    let query = tx.query(Sql::new(parcel)).bind(order.uuid());
    query.bind(Json(json!([]))).bind(now).execute().await.unwrap();
    tx.commit().await.unwrap();
    db.close().await;
}

/// A parcel with which something is wrong, and an event that cannot be applied.
async fn wrong(shop: &Shop, order: OrderId) {
    let db = shop.database("order").await;
    let mut tx = db.begin("test").await.unwrap();
    let now = tx.now();
    let parcel = "insert into shipment (id, order_id, n, state, method, booked_at, updated_at,
                      exception, exception_at)
                  values ($1, $1, 1, 'cancelled', '', $2, $2, 'held_up', $2)";
    tx.query(Sql::new(parcel)).bind(order.uuid()).bind(now).execute().await.unwrap();
    let event =
        "insert into carrier_event (id, event_id, carrier_ref, seq, event, happened_at, raw,
                     state, due_at, received_at, handled_at)
                 values ($1, 'a', 'SBX1', 1, 'eaten', $2, '{}', 'stuck', $2, $2, $2)";
    tx.query(Sql::new(event)).bind(order.uuid()).bind(now).execute().await.unwrap();
    tx.commit().await.unwrap();
    db.close().await;
}
