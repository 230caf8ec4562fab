//! Calling orders off at any time, also while they are being checked out, against whatever else happens
//! to them in that moment: there is one outcome, and it is told honestly.

use std::time::Duration;

use platform::sql::Sql;
use serde_json::{Value, json};

use crate::support::{
    APPROVED, Answer, CHALLENGED, Customer, Engine, Shop, id_of, on_both_engines, order_body,
    own_entries, product,
};
use crate::words::text;

/// How often a race is run.
const ROUNDS: u64 = 40;

on_both_engines![
    an_order_that_waits_for_its_shopper_can_be_called_off,
    the_staff_calls_off_what_waits_and_the_timeline_tells_it,
    calling_off_races_the_confirmation,
    calling_off_races_the_approval_of_the_payment,
    calling_off_twice_is_told_once,
    calling_off_twice_with_one_key_is_one_answer,
    an_order_moves_only_with_its_parcel,
];

/// A shop that waits until a command is done, and its lamp, of which there are a hundred.
async fn patient(engine: Engine) -> Option<(Shop, String)> {
    let mut shop = Shop::new(engine, &[product("LAMP-1", "20.00", 100)])?;
    shop.set("STOA__ORDER__ANSWER_WAIT_MS", "10000");
    shop.start(&[]);
    let lamp = id_of(&Customer::guest(&shop).await, "LAMP-1").await;
    Some((shop, lamp))
}

async fn nothing_is_sold(shop: &Shop) {
    shop.settle();
    let lamp = Customer::anyone(shop).get("/v1/products/LAMP-1").await;
    assert_eq!(lamp.body["available"], 100, "{lamp:?}");
}

/// A guest whose order waits for them, and the order.
async fn waiting(shop: &Shop, lamp: &str) -> (Customer, Value) {
    let ada = Customer::guest(shop).await;
    ada.fill_cart(lamp, 1).await;
    let order = ada.order("order", &ada.card(CHALLENGED).await).await;
    let order = ada.until(&text(&order.body["id"]), &["AWAITING_PAYMENT"]).await;
    (ada, order.body)
}

fn cancel_path(order: &Value) -> String {
    format!("/v1/orders/{}/cancel", order["id"].as_str().unwrap())
}

/// What a timeline tells, each with who did it.
fn told(timeline: &Answer) -> Vec<(&str, &str, &str)> {
    let entries = timeline.body.as_array().unwrap().iter();
    entries
        .map(|entry| {
            let word = |name: &str| entry[name].as_str().unwrap();
            (word("what"), word("outcome"), word("by"))
        })
        .collect()
}

async fn an_order_that_waits_for_its_shopper_can_be_called_off(engine: Engine) {
    let Some(mut shop) = Shop::new(engine, &[product("LAMP-1", "20.00", 5)]) else { return };
    shop.set("STOA__ORDER__ANSWER_WAIT_MS", "10000");
    shop.start(&[]);
    let staff = shop.staff().await;
    let coupon = json!({"code": "ONCE", "percent": "50", "uses_max": 1});
    assert_eq!(staff.post("/v1/admin/promotions", &coupon).await.status, 201);
    let ada = Customer::guest(&shop).await;
    ada.fill_cart(&id_of(&ada, "LAMP-1").await, 2).await;
    let mut body = order_body(&ada.card(CHALLENGED).await);
    body["coupon"] = json!("ONCE");
    let placed = ada.command("/v1/orders", "order", &body).await;
    assert_eq!(placed.body["status"], "AWAITING_PAYMENT", "{placed:?}");
    let id = text(&placed.body["id"]);
    let ship = staff.post(&format!("/v1/admin/orders/{id}/ship"), &json!({})).await;
    assert_eq!((ship.status, &ship.body["allowed"]), (409, &json!(["cancel"])), "{ship:?}");

    let path = cancel_path(&placed.body);
    let cancelled = ada.command(&path, "cancel", &json!({})).await;
    assert_eq!(cancelled.status, 200, "{cancelled:?}");
    assert_eq!(cancelled.body["status"], "CANCELLED");
    assert_eq!(cancelled.body["payment"]["status"], "expired");
    let again = ada.command(&path, "cancel", &json!({})).await;
    assert_eq!((again.status, &again.text), (200, &cancelled.text));
    let other = ada.command(&path, "other", &json!({})).await;
    assert_eq!((other.status, &other.body["order_status"]), (409, &json!("CANCELLED")));
    assert_eq!(other.body["allowed"], json!([]), "{other:?}");
    // What was answered when it was placed stays what it was.
    let replayed = ada.command("/v1/orders", "order", &body).await;
    assert_eq!(replayed.text, placed.text);
    shop.settle();

    let timeline = ada.get(&format!("/v1/orders/{id}/timeline")).await;
    assert_eq!(told(&timeline).last(), Some(&("cancelled", "done", "customer")), "{timeline:?}");
    assert_eq!(ada.get("/v1/products/LAMP-1").await.body["available"], 5);
    let sales = staff.get("/v1/admin/analytics/sales").await;
    assert_eq!(sales.body["items"], json!([]), "it was never sold: {sales:?}");
    // The cart is as it was and the coupon can be used: both are good for another order.
    body["payment"]["token"] = json!(ada.card(APPROVED).await);
    let order = ada.command("/v1/orders", "once more", &body).await;
    assert_eq!(order.body["status"], "CONFIRMED", "{order:?}");
    shop.settle();
}

async fn the_staff_calls_off_what_waits_and_the_timeline_tells_it(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 5)]) else { return };
    let staff = shop.staff().await;
    let lamp = id_of(&staff, "LAMP-1").await;
    let (ada, order) = waiting(&shop, &lamp).await;
    let below = format!("/v1/admin/orders/{}", text(&order["id"]));
    let why = json!({"reason": "the lamp is broken"});
    let cancelled = staff.post(&format!("{below}/cancel"), &why).await;
    assert!([200, 202].contains(&cancelled.status), "{cancelled:?}");
    let order = ada.until(&text(&order["id"]), &["CANCELLED"]).await;
    assert_eq!(order.body["payment"]["status"], "expired", "{order:?}");
    let mine = ada.get(&format!("/v1/orders/{}/timeline", text(&order.body["id"]))).await;
    assert_eq!(told(&mine).last(), Some(&("cancelled", "done", "staff")));
    assert!(!mine.text.contains("actor"), "{mine:?}");

    // A plain one, to its end.
    ada.order("plain", &ada.card(APPROVED).await).await;
    let id = text(&ada.get("/v1/orders").await.body["items"][0]["id"]);
    ada.until(&id, &["CONFIRMED"]).await;
    let below = format!("/v1/admin/orders/{id}");
    for step in ["ship", "deliver"] {
        assert_eq!(staff.post(&format!("{below}/{step}"), &json!({})).await.status, 200);
    }
    shop.settle();
    let mut timeline = staff.get(&format!("{below}/timeline")).await;
    for of_payment in ["payment_authorize", "payment_capture", "letter_order_confirmed"] {
        let all = told(&timeline);
        let many = all.iter().filter(|(what, ..)| *what == of_payment).count();
        assert_eq!(many, 1, "{of_payment}: {timeline:?}");
    }
    let own: Vec<Value> = own_entries(&timeline.body).into_iter().cloned().collect();
    timeline.body = json!(own);
    let expected = [
        ("placed", "done", "customer"),
        ("reserve_stock", "done", "shop"),
        ("authorize_payment", "done", "shop"),
        ("book_shipment", "done", "shop"),
        ("confirm", "done", "shop"),
        ("shipped", "done", "staff"),
        ("delivered", "done", "staff"),
    ];
    assert_eq!(told(&timeline), expected);
    assert!(timeline.body[5]["actor"].is_string(), "{timeline:?}");
    assert_eq!(timeline.body[5]["actor_name"], "staff@test.example", "{timeline:?}");
    assert_eq!(ada.get(&format!("{below}/timeline")).await.status, 403);
    shop.settle();
}

/// The checkout takes a while, and the order is called off at another moment of it each time, or just
/// after it.
async fn calling_off_races_the_confirmation(engine: Engine) {
    let Some(mut shop) = Shop::new(engine, &[product("LAMP-1", "20.00", 100)]) else { return };
    shop.set("STOA__PAYMENT__SANDBOX__LATENCY_MS", "20");
    shop.set("STOA__ORDER__ANSWER_WAIT_MS", "10000");
    shop.start(&[]);
    let lamp = id_of(&Customer::guest(&shop).await, "LAMP-1").await;
    let (mut refused, mut confirmed) = (0, 0);
    for round in 0..ROUNDS {
        let ada = Customer::guest(&shop).await;
        ada.fill_cart(&lamp, 2).await;
        let token = ada.card(APPROVED).await;
        let (buyer, card) = (ada.clone(), token.clone());
        let placing = tokio::spawn(async move { buyer.order("order", &card).await });
        let order = loop {
            let orders = ada.get("/v1/orders").await;
            if orders.body["items"][0]["id"].is_string() {
                break orders.body["items"][0].clone();
            }
        };
        tokio::time::sleep(Duration::from_millis(round * 3 / 2)).await;
        let cancelled = ada.command(&cancel_path(&order), "cancel", &json!({})).await;
        assert_eq!(cancelled.status, 200, "{cancelled:?}");
        assert_eq!(cancelled.body["status"], "CANCELLED");
        let placed = placing.await.unwrap();
        match placed.status {
            201 => confirmed += 1,
            409 | 202 => refused += 1,
            _ => panic!("{placed:?}"),
        }
        // Whoever placed it and asks again is told the same, or what came of it.
        let again = ada.order("order", &token).await;
        match placed.status {
            201 => assert_eq!(again.text, placed.text),
            _ => assert_eq!(again.body["code"], "order_cancelled", "{again:?}"),
        }
        let now = ada.until(&text(&order["id"]), &["CANCELLED"]).await;
        assert_eq!(now.body["lines"], order["lines"]);
    }
    assert!(refused > 0, "{confirmed} were confirmed first");
    nothing_is_sold(&shop).await;
}

async fn calling_off_races_the_approval_of_the_payment(engine: Engine) {
    let Some((shop, lamp)) = patient(engine).await else { return };
    for round in 0..ROUNDS {
        let (ada, order) = waiting(&shop, &lamp).await;
        let approve = format!("/v1/payments/{}/challenge", text(&order["payment"]["id"]));
        let outcome = json!({"outcome": "approve"});
        let later = async {
            tokio::time::sleep(Duration::from_millis(round / 2)).await;
            ada.command(&cancel_path(&order), "cancel", &json!({})).await
        };
        let (approved, cancelled) = tokio::join!(ada.post(&approve, &outcome), later);
        assert!(approved.status < 500, "{approved:?}");
        assert_eq!((cancelled.status, &cancelled.body["status"]), (200, &json!("CANCELLED")));
    }
    nothing_is_sold(&shop).await;
}

async fn calling_off_twice_is_told_once(engine: Engine) {
    let Some((shop, lamp)) = patient(engine).await else { return };
    for _ in 0..ROUNDS {
        let (ada, order) = waiting(&shop, &lamp).await;
        let (path, nothing) = (cancel_path(&order), json!({}));
        let both = tokio::join!(ada.post(&path, &nothing), ada.post(&path, &nothing));
        let mut both = <[Answer; 2]>::from(both);
        both.sort_by_key(|answer| answer.status);
        assert_eq!((both[0].status, &both[0].body["status"]), (200, &json!("CANCELLED")));
        assert_eq!((both[1].status, &both[1].body["code"]), (409, &json!("order_state")));
        assert_eq!(both[1].body["order_status"], "CANCELLED");
    }
    shop.settle();
}

async fn calling_off_twice_with_one_key_is_one_answer(engine: Engine) {
    let Some((shop, lamp)) = patient(engine).await else { return };
    for _ in 0..ROUNDS {
        let (ada, order) = waiting(&shop, &lamp).await;
        let (path, nothing) = (cancel_path(&order), json!({}));
        let cancel = || ada.command(&path, "same", &nothing);
        let both = <[Answer; 2]>::from(tokio::join!(cancel(), cancel()));
        let known = cancel().await;
        assert_eq!((known.status, &known.body["status"]), (200, &json!("CANCELLED")));
        for answer in both {
            let runs = answer.body["code"] == "idempotency_in_progress";
            assert!(runs || answer.text == known.text, "{answer:?}");
        }
    }
    shop.settle();
}

async fn an_order_moves_only_with_its_parcel(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 5)]) else { return };
    let (ada, staff) = (Customer::guest(&shop).await, shop.staff().await);
    ada.fill_cart(&id_of(&ada, "LAMP-1").await, 1).await;
    let order = ada.order("order", &ada.card(APPROVED).await).await;
    let id = text(&ada.until(&text(&order.body["id"]), &["CONFIRMED"]).await.body["id"]);
    let below = format!("/v1/admin/orders/{id}");
    let parcel_is = async |state: &str| {
        let db = shop.database("order").await;
        let mut tx = db.begin("test").await.unwrap();
        let sql = Sql::new("update shipment set state = $1");
        assert_eq!(tx.query(sql).bind(state).execute().await.unwrap(), 1);
        tx.commit().await.unwrap();
        db.close().await;
    };
    for (parcel, step, allowed, status) in [
        ("cancelled", "ship", json!(["cancel", "cancel_lines", "refund"]), "CONFIRMED"),
        ("booked", "deliver", json!(["refund"]), "SHIPPED"),
    ] {
        parcel_is(parcel).await;
        let path = format!("{below}/{step}");
        let refused = staff.command(&path, "key", &json!({})).await;
        assert_eq!((refused.status, &refused.body["allowed"]), (409, &allowed), "{refused:?}");
        let order = ada.get(&format!("/v1/orders/{id}")).await;
        assert_eq!(order.body["status"], status, "{order:?}");
        parcel_is(if step == "ship" { "booked" } else { "shipped" }).await;
        assert_eq!(staff.command(&path, "key", &json!({})).await.status, 200);
    }
    shop.settle();
}
