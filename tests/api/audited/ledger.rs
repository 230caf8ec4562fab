//! What the processor settles, and what the staff makes of it.

use serde_json::json;

use super::scene::{About, Scene};
use super::text;

pub async fn settlements(scene: &mut Scene) {
    let file = "id,type,payment_id,charge_id,gross,fee,net,currency,created_at,available_on\n\
                txn_1,charge,,ch_unknown,5.00,0.00,5.00,EUR,2026-01-01T00:00:00Z,2026-01-03T00:00:00Z\n";
    let (import, body) = ("POST /v1/admin/ledger/settlements", ("text/csv", file.into()));
    let wanted = [("settlement.import", About::Made)];
    let (made, _) = scene.call(import, &[], body, &wanted).await;
    assert_eq!(made.body["differences"], 1);
    let fetch = "POST /v1/admin/ledger/settlements/fetch";
    let long_ago = json!({"from": "2020-01-01T00:00:00Z"});
    scene.json(fetch, &[], long_ago, "settlement.import", About::Made).await;
    let open = scene.caller.get("/v1/admin/ledger/differences?open=true").await;
    let id = text(&open.body["items"][0]["id"]);
    let resolve = "POST /v1/admin/ledger/differences/{id}/resolve";
    let note = json!({"note": "The processor took it back."});
    let (_, entry) =
        scene.json(resolve, &[&id], note.clone(), "difference.resolve", About::Is(&id)).await;
    assert_eq!(entry["after"]["note"], note["note"]);
}
