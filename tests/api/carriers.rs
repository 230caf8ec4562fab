//! A carrier between the shop and its customers: it is asked again and books once, it tells the same thing
//! often, late and in any order, and it may have left before it is called back.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use platform::sql::Sql;
use serde_json::{Value, json};

use crate::support::{
    APPROVED, Answer, Customer, Engine, Shop, WAIT_MAX, id_of, on_both_engines, order_body, product,
};

on_both_engines![
    whatever_the_order_of_webhooks_a_parcel_ends_the_same,
    what_is_called_off_and_goes_is_shown_to_the_staff,
];

const CALLS: &str = "/v1/webhooks/carrier";
const EVENTS: &str = "/v1/admin/shipments/carrier-events";
const EXCEPTIONS: &str = "/v1/admin/shipments/exceptions";
/// How many calls come at once.
const AT_ONCE: usize = 20;
/// How often a cancel races a pick-up.
const ROUNDS: usize = 4;

struct Scene {
    shop: Shop,
    staff: Customer,
    lamp: String,
    secret: Vec<u8>,
}

impl Scene {
    async fn new(engine: Engine) -> Option<Self> {
        let mut shop = Shop::new(engine, &[product("LAMP-1", "20.00", 100)])?;
        for (name, value) in [
            ("ORDER__CARRIER", "sandbox"),
            ("ORDER__CARRIER_WAIT_MS", "2000"),
            ("ORDER__CARRIER_POLL_MS", "50"),
            ("CARRIER__POLL_MS", "50"),
            ("CARRIER__LATE_MS", "3600000"),
        ] {
            shop.set(&format!("STOA__{name}"), value);
        }
        shop.start(&[]);
        let db = shop.database("carrier").await;
        let (secret,): (Vec<u8>,) =
            db.query(Sql::new("select secret from merchant")).one().await.unwrap();
        db.close().await;
        let staff = shop.staff().await;
        let lamp = id_of(&staff, "LAMP-1").await;
        Some(Self { shop, staff, lamp, secret })
    }

    /// A confirmed order to a house where this goes wrong.
    async fn ordered(&self, faults: &str) -> (Customer, String) {
        let ada = Customer::guest(&self.shop).await;
        ada.fill_cart(&self.lamp, 2).await;
        let mut body = order_body(&ada.card(APPROVED).await);
        body["shipping_address"]["line2"] = json!(format!("sandbox:{faults}"));
        let order = ada.command("/v1/orders", "order", &body).await;
        let id = order.body["id"].as_str().unwrap().to_owned();
        ada.until(&id, &["CONFIRMED"]).await;
        (ada, id)
    }

    /// What the carrier has of an order.
    async fn parcel(&self, order: &str) -> Value {
        let all = self.staff.get("/v1/admin/carrier/parcels?limit=100").await;
        let all = all.body["items"].as_array().unwrap().clone();
        let mut of_order = all.into_iter().filter(|parcel| parcel["order_id"] == order);
        let found = of_order.next().unwrap();
        assert_eq!(of_order.next(), None, "it is booked once");
        found
    }

    async fn tracking(&self, order: &str) -> String {
        self.parcel(order).await["tracking"].as_str().unwrap().to_owned()
    }

    /// Calls the shop as the carrier does, or with another secret or at another time.
    async fn call(&self, id: &str, body: &Value, secret: &[u8], age_s: i64) -> Answer {
        let at = kernel::Clock::system().now().timestamp() - age_s;
        let body = body.to_string().into_bytes();
        let signature = platform::webhook::sign(secret, id, at, &body).unwrap();
        let at = at.to_string();
        let headers: [(&'static str, &[u8]); 4] = [
            ("content-type", b"application/json"),
            ("webhook-id", id.as_bytes()),
            ("webhook-timestamp", at.as_bytes()),
            ("webhook-signature", signature.as_bytes()),
        ];
        Customer::anyone(&self.shop).send_as_is("POST", CALLS, &headers, &body).await
    }

    async fn told(&self, tracking: &str, seq: i64, event: &str) -> Answer {
        let body = json!({
            "tracking": tracking, "seq": seq, "event": event,
            "happened_at": "2026-11-29T10:00:00Z",
        });
        self.call(&format!("{tracking}/{seq}"), &body, &self.secret, 0).await
    }

    async fn events(&self, state: &str) -> Vec<Value> {
        let page = self.staff.get(&format!("{EVENTS}?limit=100&state={state}")).await;
        page.body["items"].as_array().unwrap().clone()
    }

    /// Waits until what is at a path is so.
    async fn until(&self, path: &str, is: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let answer = self.staff.get(path).await;
            if is(&answer.body) {
                return answer.body;
            }
            assert!(began.elapsed() < WAIT_MAX, "{answer:?}\n{}", self.shop.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn stock(&self) -> (Value, Value) {
        let level = self.staff.get(&format!("/v1/admin/stock/{}", self.lamp)).await;
        let place = &level.body["locations"][0];
        (place["on_hand"].clone(), place["reserved"].clone())
    }
}

fn mine(order: &str) -> String {
    format!("/v1/orders/{order}")
}

fn below(order: &str) -> String {
    format!("/v1/admin/orders/{order}")
}

async fn whatever_the_order_of_webhooks_a_parcel_ends_the_same(engine: Engine) {
    let Some(scene) = Scene::new(engine).await else { return };
    let (ada, first) = scene.ordered("").await;
    let tracking = scene.tracking(&first).await;

    // What the carrier has not signed just now is not kept.
    let good = json!({
        "tracking": tracking, "seq": 1, "event": "delivered", "happened_at": "2026-11-29T10:00:00Z",
    });
    let mut none = good.clone();
    none["seq"] = json!(0);
    let mut large = good.clone();
    large["detail"] = json!("x".repeat(70_000));
    let unsigned = Customer::anyone(&scene.shop).post(CALLS, &good).await;
    assert_eq!((unsigned.status, &unsigned.body["code"]), (401, &json!("unauthenticated")));
    for (body, secret, age_s, status) in [
        (&good, &[0; 32][..], 0, 401),
        (&good, &scene.secret, 600, 401),
        (&good, &scene.secret, -600, 401),
        (&json!({"tracking": tracking}), &[0; 32], 0, 401),
        (&none, &scene.secret, 0, 422),
        (&large, &scene.secret, 0, 413),
        (&json!({"tracking": tracking}), &scene.secret, 0, 422),
    ] {
        let refused = scene.call("bad", body, secret, age_s).await;
        assert_eq!(refused.status, status, "{refused:?}");
    }
    let all = scene.staff.get(EVENTS).await;
    assert_eq!(all.body["items"], json!([]), "nothing of it is kept");
    assert_eq!(ada.get(&mine(&first)).await.body["status"], "CONFIRMED");

    // One call twenty times at once; and each order of three, twice each.
    let calls = (0..AT_ONCE).map(|_| scene.told(&tracking, 1, "picked_up"));
    assert!(join_all(calls).await.iter().all(|answer| answer.status == 204));
    ada.until(&first, &["SHIPPED"]).await;
    let words = ["picked_up", "in_transit", "delivered"];
    let mut orders = vec![first];
    scene.told(&tracking, 2, words[1]).await;
    scene.told(&tracking, 3, words[2]).await;
    for way in [[1, 0, 2], [2, 0, 1], [2, 1, 0]] {
        let (_, order) = scene.ordered("").await;
        let tracking = scene.tracking(&order).await;
        for n in way.into_iter().chain(way) {
            let seq = i64::try_from(n).unwrap() + 1;
            assert_eq!(scene.told(&tracking, seq, words[n]).await.status, 204);
        }
        orders.push(order);
    }
    let mut ends = Vec::new();
    for order in &orders {
        let is_done = |body: &Value| body["status"] == "DELIVERED";
        let body = scene.until(&below(order), is_done).await;
        let parcel = &body["shipments"][0];
        assert_eq!(body["shipments"].as_array().unwrap().len(), 1, "{body}");
        assert_eq!(parcel["tracking"], scene.tracking(order).await);
        ends.push((parcel["state"].clone(), body["fulfilment"].clone()));
    }
    scene.until(&format!("{EVENTS}?state=waiting"), |body| body["items"] == json!([])).await;
    assert!(ends.iter().all(|end| *end == ends[0]), "{ends:?}");
    assert_eq!((ends[0].0.as_str(), ends[0].1.as_str()), (Some("delivered"), Some("complete")));
    let known = scene.events("applied").await.len() + scene.events("late").await.len();
    assert_eq!((known, scene.events("stuck").await.len()), (3 * orders.len(), 0));

    let timeline = scene.staff.get(&format!("{}/timeline", below(&orders[1]))).await;
    let what = |entry: &Value| entry["what"].as_str().unwrap().to_owned();
    let all = timeline.body.as_array().unwrap();
    let carried = all.iter().filter(|entry| entry["by"] == "carrier").map(what);
    let expected = words.map(|word| format!("carrier_{word}"));
    assert_eq!(carried.collect::<Vec<_>>(), expected, "{timeline:?}");

    // What nobody knows yet is kept; what nobody understands, and what cannot be, the staff sees.
    assert_eq!(scene.told("SBX-NOBODY", 1, "picked_up").await.status, 204);
    assert_eq!(scene.told(&tracking, 4, "eaten_by_a_dog").await.status, 204);
    assert_eq!(scene.told(&tracking, 5, "lost").await.status, 204);
    let stuck = format!("{EVENTS}?state=stuck");
    let is_shown = |body: &Value| body["items"].as_array().unwrap().len() == 2;
    let stuck = scene.until(&stuck, is_shown).await;
    let wrong = scene.staff.get(EXCEPTIONS).await;
    assert_eq!(wrong.body["items"][0]["exception"], "contradiction", "{wrong:?}");
    let is_noted = |body: &Value| body["items"][0]["note"].is_string();
    scene.until(&format!("{EVENTS}?state=waiting"), is_noted).await;
    let retry = format!("{EVENTS}/{}/retry", stuck["items"][0]["id"].as_str().unwrap());
    assert_eq!(scene.staff.post(&retry, &json!({})).await.status, 200);

    // The carrier's own calls, late answers included.
    let (bob, lost_answer) = scene.ordered("lost_answer,repeat,fail").await;
    let happens = scene.tracking(&lost_answer).await;
    let happens = format!("/v1/admin/carrier/parcels/{happens}/events");
    assert_eq!(scene.staff.post(&happens, &json!({"event": "delivered"})).await.status, 409);
    for event in ["picked_up", "in_transit", "exception"] {
        let event = json!({"event": event, "detail": "no street of this name"});
        assert_eq!(scene.staff.post(&happens, &event).await.status, 200);
    }
    let is_held = |body: &Value| body["items"].as_array().unwrap().len() == 2;
    let held = scene.until(EXCEPTIONS, is_held).await;
    assert_eq!(held["items"][0]["exception"], "held_up");
    assert_eq!(held["items"][0]["detail"], "no street of this name");
    let lost = json!({"event": "lost", "detail": "fell into the sea"});
    assert_eq!(scene.staff.post(&happens, &lost).await.status, 200);
    let order = bob.until(&lost_answer, &["DELIVERED"]).await;
    assert_eq!(order.body["shipments"][0]["state"], "lost");
    assert_eq!(order.body["shipments"][0]["reason"], "fell into the sea");
    scene.shop.settle();
    let left = i64::try_from(2 * (orders.len() + 1)).unwrap();
    assert_eq!(scene.stock().await, (json!(100 - left), json!(0)), "each unit left once");
}

async fn what_is_called_off_and_goes_is_shown_to_the_staff(engine: Engine) {
    let Some(scene) = Scene::new(engine).await else { return };
    let nothing = json!({});
    let (ada, plain) = scene.ordered("").await;
    let cancelled = ada.post(&format!("{}/cancel", mine(&plain)), &nothing).await;
    assert_eq!(cancelled.status, 200, "{cancelled:?}");

    // It is gone before anybody was told.
    let (bob, gone) = scene.ordered("gone,late").await;
    let cancelled = bob.post(&format!("{}/cancel", mine(&gone)), &nothing).await;
    assert_eq!((cancelled.status, &cancelled.body["status"]), (200, &json!("CANCELLED")));
    let is_one = |body: &Value| body["items"].as_array().unwrap().len() == 1;
    let shown = scene.until(EXCEPTIONS, is_one).await["items"][0].clone();
    let told = (&shown["exception"], &shown["order_id"], &shown["state"], &shown["order_status"]);
    let expected = [json!("recall_refused"), json!(gone), json!("cancelled"), json!("CANCELLED")];
    assert_eq!(told, (&expected[0], &expected[1], &expected[2], &expected[3]));
    let began = Instant::now();
    while scene.parcel(&plain).await["state"] != "cancelled" {
        assert!(began.elapsed() < WAIT_MAX, "{:?}", scene.parcel(&plain).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // Its way is told, changes nothing, and is told of no more.
    let tracking = scene.tracking(&gone).await;
    for (seq, event) in [(1, "picked_up"), (2, "delivered")] {
        assert_eq!(scene.told(&tracking, seq, event).await.status, 204);
    }
    let is_two = |body: &Value| body["items"].as_array().unwrap().len() == 2;
    scene.until(&format!("{EVENTS}?state=stuck"), is_two).await;
    assert_eq!(bob.get(&mine(&gone)).await.body["status"], "CANCELLED");
    let resolve = format!("/v1/admin/shipments/{}/resolve", shown["shipment_id"].as_str().unwrap());
    let note = json!({"note": "It comes back."});
    assert_eq!(scene.staff.post(&resolve, &json!({"note": " "})).await.status, 422);
    assert_eq!(scene.staff.post(&resolve, &note).await.status, 204);
    assert_eq!(scene.staff.post(&resolve, &note).await.status, 409);
    assert_eq!(scene.staff.get(EXCEPTIONS).await.body["items"], json!([]));

    // Whoever comes first decides, and the books are right either way.
    for _ in 0..ROUNDS {
        let (eve, order) = scene.ordered("").await;
        let tracking = scene.tracking(&order).await;
        let happens = format!("/v1/admin/carrier/parcels/{tracking}/events");
        let (event, cancel) = (json!({"event": "picked_up"}), format!("{}/cancel", mine(&order)));
        let (picked, cancelled) =
            tokio::join!(scene.staff.post(&happens, &event), eve.post(&cancel, &nothing));
        assert!([200, 409].contains(&picked.status), "{picked:?}");
        if cancelled.status == 200 {
            let is_off = |body: &Value| body["status"] == "CANCELLED";
            scene.until(&below(&order), is_off).await;
        } else {
            assert_eq!((cancelled.status, picked.status), (409, 200), "{cancelled:?}");
            eve.until(&order, &["SHIPPED"]).await;
        }
    }
    scene.shop.settle();
    let all = scene.staff.get("/v1/admin/orders?limit=100&status=CANCELLED").await;
    let shown = scene.staff.get(&format!("{EXCEPTIONS}?limit=100")).await;
    for order in all.body["items"].as_array().unwrap() {
        let id = order["id"].as_str().unwrap();
        let goes = scene.parcel(id).await["state"] != "cancelled";
        let is_shown =
            shown.body["items"].as_array().unwrap().iter().any(|it| it["order_id"] == id);
        assert_eq!(goes && id != gone, is_shown, "{order}");
    }
    // A carrier that does not go there ends the checkout before anything is charged.
    let ada = Customer::guest(&scene.shop).await;
    ada.fill_cart(&scene.lamp, 1).await;
    let mut body = order_body(&ada.card(APPROVED).await);
    body["shipping_address"]["line2"] = json!("sandbox:refuse");
    let refused = ada.command("/v1/orders", "order", &body).await;
    assert_eq!((refused.status, &refused.body["code"]), (409, &json!("shipping_failed")));
    scene.shop.settle();
}
