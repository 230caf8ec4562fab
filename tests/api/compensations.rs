//! Every way a checkout can come to nothing, and what is left of it then: nothing of the stock, the
//! money, the coupon and the parcel, the cart as it was, and the customer told why.

use std::time::{Duration, Instant};

use inventory::Inventory;
use kernel::id::OrderId;
use kernel::ports::Stock;
use platform::sql::{Json, Sql};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{
    APPROVED, CHALLENGED, Customer, DECLINED, Engine, Shop, WAIT_MAX, id_of, on_both_engines,
    order_body, product,
};

on_both_engines![every_cause_leaves_nothing_behind];

/// How many units there are.
const UNITS: i64 = 3;

/// What makes a checkout come to nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Cause {
    Declined,
    OutOfStock,
    HoldEnded,
    CalledOff,
    Deadline,
    BookingRefused,
}

/// What is left of an order.
#[derive(Debug, PartialEq)]
struct Left {
    status: &'static str,
    code: Option<&'static str>,
    compensation: Option<&'static str>,
    payment: Option<&'static str>,
    /// The state of its parcel; one that was called off is not booked later.
    parcel: Option<&'static str>,
}

const fn failed(
    code: &'static str,
    compensation: Option<&'static str>,
    payment: Option<&'static str>,
    parcel: Option<&'static str>,
) -> Left {
    Left { status: "FAILED", code: Some(code), compensation, payment, parcel }
}

const TABLE: [(Cause, Left); 6] = [
    (Cause::Declined, failed("payment_declined", Some("PAYMENT_FAILED"), Some("declined"), None)),
    (Cause::OutOfStock, failed("out_of_stock", Some("INVENTORY_UNAVAILABLE"), None, None)),
    (
        Cause::HoldEnded,
        failed(
            "order_not_completed",
            Some("INVENTORY_UNAVAILABLE"),
            Some("voided"),
            Some("cancelled"),
        ),
    ),
    (
        Cause::CalledOff,
        Left {
            status: "CANCELLED",
            code: None,
            compensation: None,
            payment: Some("expired"),
            parcel: Some("cancelled"),
        },
    ),
    (Cause::Deadline, failed("order_not_completed", None, Some("expired"), Some("cancelled"))),
    (
        Cause::BookingRefused,
        failed("shipping_failed", Some("SHIPPING_FAILED"), Some("voided"), None),
    ),
];

async fn every_cause_leaves_nothing_behind(engine: Engine) {
    let lamps = [product("LAMP-1", "20.00", UNITS)];
    let Some(mut shop) = Shop::running(engine, &lamps) else { return };
    let mut staff = shop.staff().await;
    let coupon = json!({"code": "TEN", "percent": "10", "uses_max": 1});
    assert_eq!(staff.post("/v1/admin/promotions", &coupon).await.status, 201);
    for (cause, expected) in TABLE {
        prepare(&mut shop, engine, cause).await;
        staff = staff.at(&shop);
        let ada = Customer::guest(&shop).await;
        let units = if cause == Cause::OutOfStock { UNITS + 1 } else { UNITS };
        ada.fill_cart(&id_of(&ada, "LAMP-1").await, units).await;
        let id = order(&shop, &ada, cause).await;
        let order = ada.until(&id, &[expected.status]).await.body;
        let failure = &order["failure"];
        assert_eq!(failure["code"].as_str(), expected.code, "{cause:?}: {order}");
        assert_eq!(failure["compensation"].as_str(), expected.compensation, "{cause:?}: {order}");
        assert_eq!(order["payment"]["status"].as_str(), expected.payment, "{cause:?}: {order}");
        shop.settle();
        let lamp = ada.get("/v1/products/LAMP-1").await;
        assert_eq!(lamp.body["available"], UNITS, "{cause:?}: {lamp:?}");
        let coupons = staff.get("/v1/admin/promotions").await;
        assert_eq!(coupons.body["items"][0]["uses"], 0, "{cause:?}: {coupons:?}");
        let cart = ada.get("/v1/cart").await;
        assert_eq!(cart.body["lines"][0]["quantity"], units, "{cause:?}: {cart:?}");
        written_down(&shop, &id, cause, &expected).await;
    }
}

/// Lets the next order come to nothing for a reason that its shopper has no part in.
async fn prepare(shop: &mut Shop, engine: Engine, cause: Cause) {
    if cause == Cause::Deadline {
        shop.stop();
        shop.set("STOA__ORDER__CHECKOUT_DEADLINE_S", "8");
        shop.start(&[]);
    }
    if cause != Cause::BookingRefused {
        return;
    }
    let refusing: &[&str] = match engine {
        Engine::Sqlite => &["create trigger refuse after insert on shipment begin
                 update shipment set state = 'cancelled' where id = new.id; end"],
        Engine::Postgres => &[
            "create function refuse() returns trigger language plpgsql as
                 'begin new.state := ''cancelled''; return new; end'",
            "create trigger refuse before insert on shipment
                 for each row execute function refuse()",
        ],
    };
    let db = shop.database("order").await;
    let mut tx = db.begin("test").await.unwrap();
    for statement in refusing {
        tx.query(Sql::new(statement)).execute().await.unwrap();
    }
    tx.commit().await.unwrap();
    db.close().await;
}

/// Orders what is in the cart, with the coupon; what makes it fail happens.
async fn order(shop: &Shop, ada: &Customer, cause: Cause) -> String {
    let card = match cause {
        Cause::Declined => DECLINED,
        Cause::OutOfStock | Cause::BookingRefused => APPROVED,
        Cause::HoldEnded | Cause::CalledOff | Cause::Deadline => CHALLENGED,
    };
    let mut body = order_body(&ada.card(card).await);
    body["coupon"] = json!("TEN");
    ada.command("/v1/orders", "key", &body).await;
    let orders = ada.get("/v1/orders").await;
    let id = orders.body["items"][0]["id"].as_str().unwrap().to_owned();
    if cause == Cause::HoldEnded {
        let order = ada.until(&id, &["AWAITING_PAYMENT"]).await;
        let db = shop.database("inventory").await;
        let settings = inventory::Settings {
            location: "main".to_owned(),
            allocation: inventory::Allocation::Split,
            sweep_every_ms: 1_000,
        };
        let order_id: OrderId = id.parse().unwrap();
        Inventory::new(db.clone(), settings).release(order_id).await.unwrap();
        db.close().await;
        let payment = order.body["payment"]["id"].as_str().unwrap();
        let path = format!("/v1/payments/{payment}/challenge");
        let approved = ada.post(&path, &json!({"outcome": "approve"})).await;
        assert_eq!(approved.status, 200, "{approved:?}");
    } else if cause == Cause::CalledOff {
        ada.until(&id, &["AWAITING_PAYMENT"]).await;
        let cancelled = ada.post(&format!("/v1/orders/{id}/cancel"), &json!({})).await;
        assert!([200, 202].contains(&cancelled.status), "{cancelled:?}");
    }
    id
}

/// The parcel, the event, and that the customer is told of that event once.
async fn written_down(shop: &Shop, id: &str, cause: Cause, expected: &Left) {
    let db = shop.database("order").await;
    let order: OrderId = id.parse().unwrap();
    let parcel: Option<(String,)> = db
        .query(Sql::new("select state from shipment where order_id = $1"))
        .bind(order.uuid())
        .optional()
        .await
        .unwrap();
    let parcel = parcel.map(|(state,)| state);
    let last = "select id, kind, data from outbox where subject = $1 order by version desc limit 1";
    let (event, kind, Json(data)): (Uuid, String, Json<Value>) =
        db.query(Sql::new(last)).bind(order.uuid()).one().await.unwrap();
    db.close().await;
    assert_eq!(parcel.as_deref(), expected.parcel, "{cause:?}");
    assert_eq!(kind, format!("order.{}", expected.status.to_lowercase()));
    assert_eq!(data["code"].as_str(), expected.code, "{cause:?}: {data}");
    assert_eq!(data["compensation"].as_str(), expected.compensation, "{cause:?}: {data}");
    let db = shop.database("messages").await;
    let began = Instant::now();
    loop {
        let told = "select event_kind, state from message where event_id = $1";
        let told: Vec<(String, String)> = db.query(Sql::new(told)).bind(event).all().await.unwrap();
        // They are guests who named no address.
        if told == [(kind.clone(), "nobody".to_owned())] {
            break;
        }
        assert!(began.elapsed() < WAIT_MAX, "{cause:?}: {told:?} of {event}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    db.close().await;
}
