//! Orders that are edited before anything of them has left, alone and against whatever else happens to
//! them in that moment.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{
    APPROVED, Answer, CHALLENGED, Customer, DECLINED, Engine, Shop, WAIT_MAX, id_of,
    on_both_engines, product,
};
use crate::words::cents;

on_both_engines![
    an_edit_changes_the_order_its_stock_and_its_money,
    what_no_edit_can_be_changes_nothing,
    an_edit_waits_for_its_shopper_and_nothing_leaves_meanwhile,
    an_edit_races_other_edits_parcels_and_a_cancel,
];

/// How often each race is run.
const ROUNDS: usize = 4;

/// A shop that waits until a command is done.
fn patient(engine: Engine) -> Option<Shop> {
    let products = [product("LAMP-1", "20.00", 100), product("DESK-1", "250.00", 2)];
    let mut shop = Shop::new(engine, &products)?;
    shop.set("STOA__ORDER__ANSWER_WAIT_MS", "10000");
    shop.start(&[]);
    Some(shop)
}

/// A shopper with a confirmed order of lamps.
async fn ordered(shop: &Shop, lamps: i64) -> (Customer, Value) {
    let ada = Customer::guest(shop).await;
    ada.fill_cart(&id_of(&ada, "LAMP-1").await, lamps).await;
    let order = ada.order("first", &ada.card(APPROVED).await).await;
    let order = ada.until(order.body["id"].as_str().unwrap(), &["CONFIRMED"]).await;
    (ada, order.body)
}

fn below(order: &Value) -> String {
    format!("/v1/admin/orders/{}", order["id"].as_str().unwrap())
}

/// Another number of the lamps of an order.
fn lamps(order: &Value, quantity: i64) -> Value {
    json!([{"line_id": order["lines"][0]["id"], "quantity": quantity}])
}

/// What lies in the house of a product, and what of it is promised.
async fn stock(staff: &Customer, sku: &str) -> (Value, Value) {
    let level = staff.get(&format!("/v1/admin/stock/{}", id_of(staff, sku).await)).await;
    let place = &level.body["locations"][0];
    (place["on_hand"].clone(), place["reserved"].clone())
}

/// The payments of an order, oldest first: what each is for, how it stands and how much it is.
async fn payments(staff: &Customer, order: &Value) -> Vec<(String, String, i64)> {
    let path = format!("/v1/admin/payments?order_id={}", order["id"].as_str().unwrap());
    let page = staff.get(&path).await;
    let one = |payment: &Value| {
        let text = |name: &str| payment[name].as_str().unwrap().to_owned();
        (text("purpose"), text("status"), cents(&payment["amount"]))
    };
    page.body["items"].as_array().unwrap().iter().rev().map(one).collect()
}

/// What an order is, without when and how it came to be.
fn is(order: &Value) -> [&Value; 4] {
    [&order["status"], &order["lines"], &order["totals"], &order["shipping_address"]]
}

/// Waits until no edit of the order is under way.
async fn edited(staff: &Customer, order: &Value) -> Value {
    let began = Instant::now();
    loop {
        let now = staff.get(&below(order)).await.body;
        if now["editing"].is_null() {
            return now;
        }
        assert!(began.elapsed() < WAIT_MAX, "still {now}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, &answer.body["code"]), (status, &json!(code)), "{answer:?}");
}

async fn an_edit_changes_the_order_its_stock_and_its_money(engine: Engine) {
    let Some(shop) = patient(engine) else { return };
    let staff = shop.staff().await;
    let (ada, order) = ordered(&shop, 2).await;
    let path = format!("{}/edit", below(&order));
    let before = cents(&order["totals"]["total"]);
    let desk = json!([{"product_id": id_of(&staff, "DESK-1").await, "quantity": 1}]);
    let mut more = json!({
        "add": desk, "change": lamps(&order, 3), "reason": "They called.",
        "payment_token": ada.card(APPROVED).await,
        "expected_difference": {"amount": "0.00", "currency": "EUR"},
    });
    let told = staff.command(&path, "wrong", &more).await;
    refused(&told, 409, "price_changed");
    more["expected_difference"] = told.body["difference"].clone();
    let difference = cents(&told.body["difference"]);

    let done = staff.command(&path, "more", &more).await;
    assert_eq!(done.status, 200, "{done:?}");
    assert_eq!(cents(&done.body["totals"]["total"]), before + difference);
    let lines: Vec<_> = done.body["lines"].as_array().unwrap().iter().collect();
    assert_eq!(
        (lines[0]["quantity"].as_i64(), lines[1]["sku"].as_str()),
        (Some(3), Some("DESK-1"))
    );
    assert_eq!(lines[0]["unit_price"], order["lines"][0]["unit_price"]);
    assert_eq!(staff.command(&path, "more", &more).await.text, done.text, "a retry edits nothing");
    shop.settle();
    assert_eq!(stock(&staff, "LAMP-1").await, (json!(100), json!(3)));
    assert_eq!(stock(&staff, "DESK-1").await, (json!(2), json!(1)));
    let captured = |purpose: &str, cents| (purpose.to_owned(), "captured".to_owned(), cents);
    let paid = [captured("order", before), captured("edit", difference)];
    assert_eq!(payments(&staff, &order).await, paid);
    assert_eq!(
        is(&ada.get(&format!("/v1/orders/{}", order["id"].as_str().unwrap())).await.body),
        is(&done.body)
    );

    let mut to = order["shipping_address"].clone();
    to["line1"] = json!("Unter den Linden 2");
    let moved = json!({"shipping_address": to, "reason": "She has moved."});
    let moved = staff.command(&path, "moved", &moved).await;
    assert_eq!((moved.status, &moved.body["shipping_address"]), (200, &to), "{moved:?}");
    assert_eq!(is(&moved.body)[..3], is(&done.body)[..3]);
    // Fewer lamps: their price goes back, and they can be sold again.
    let fewer = json!({"change": lamps(&order, 1), "reason": "Two too many."});
    let fewer = staff.command(&path, "fewer", &fewer).await;
    assert_eq!(fewer.status, 200, "{fewer:?}");
    let less = cents(&moved.body["totals"]["total"]) - cents(&fewer.body["totals"]["total"]);
    assert_eq!(less, 2 * 2_380);
    shop.settle();
    assert_eq!(stock(&staff, "LAMP-1").await, (json!(100), json!(1)));
    let changes = staff.get(&format!("{}/changes", below(&order))).await;
    let last = changes.body.as_array().unwrap().last().unwrap();
    assert_eq!((&last["kind"], &last["state"]), (&json!("edit"), &json!("done")), "{changes:?}");
    assert_eq!(cents(&last["refund"]), less);
    let timeline = staff.get(&format!("{}/timeline", below(&order))).await;
    let steps = ["edit_begun", "edited", "give_money_back", "refunded"];
    let what = timeline.body.as_array().unwrap().iter().filter_map(|entry| entry["what"].as_str());
    let what: Vec<_> = what.filter(|what| steps.contains(what)).collect();
    assert_eq!(what, [["edit_begun", "edited"].repeat(3), steps[2..].to_vec()].concat());

    // Nothing that has left can be edited, and nothing that has its invoice.
    assert_eq!(staff.post(&format!("{}/ship", below(&order)), &json!({})).await.status, 200);
    let late =
        staff.command(&path, "late", &json!({"change": lamps(&order, 1), "reason": "?"})).await;
    refused(&late, 409, "order_state");
    let (_, billed) = ordered(&shop, 1).await;
    assert_eq!(staff.download(&format!("{}/invoice.pdf", below(&billed))).await.0, 200);
    let more = json!({
        "change": lamps(&billed, 2), "reason": "?", "payment_token": ada.card(APPROVED).await,
    });
    let late = staff.command(&format!("{}/edit", below(&billed)), "late", &more).await;
    refused(&late, 409, "order_state");
    assert!(late.body["detail"].as_str().unwrap().contains("invoice"), "{late:?}");
    shop.settle();
    assert_eq!(stock(&staff, "LAMP-1").await, (json!(99), json!(1)));
}

async fn what_no_edit_can_be_changes_nothing(engine: Engine) {
    let Some(shop) = patient(engine) else { return };
    let staff = shop.staff().await;
    let (ada, order) = ordered(&shop, 2).await;
    let (_, other) = ordered(&shop, 1).await;
    let path = format!("{}/edit", below(&order));
    let desk = id_of(&staff, "DESK-1").await;
    let (card, poor) = (ada.card(APPROVED).await, ada.card(DECLINED).await);
    let add = |product: &Value, quantity: i64| {
        json!({"add": [{"product_id": product, "quantity": quantity}], "reason": "?",
               "payment_token": card})
    };
    let change = |quantity: i64| {
        json!({"change": lamps(&order, quantity), "reason": "?",
                                        "payment_token": card})
    };
    let lamp = &order["lines"][0]["product_id"];
    let mut abroad = order["shipping_address"].clone();
    abroad["country"] = json!("FR");
    let mut unpaid = change(3);
    unpaid["payment_token"] = json!(poor);
    let mut by_nothing = change(3);
    by_nothing.as_object_mut().unwrap().remove("payment_token");
    let cases = [
        (json!({"reason": "?"}), 422, "invalid_value"),
        (add(&json!(desk), 0), 422, "invalid_value"),
        (add(&json!(desk), -1), 422, "invalid_value"),
        (add(&json!(desk), 1_000_000_000_000), 422, "invalid_value"),
        (add(&json!(desk), 3), 409, "out_of_stock"),
        (add(&order["id"], 1), 409, "not_sellable"),
        (add(lamp, 1), 422, "invalid_value"),
        (change(0), 422, "invalid_value"),
        (change(-1), 422, "invalid_value"),
        (change(10_000), 409, "out_of_stock"),
        (json!({"change": lamps(&other, 2), "reason": "?"}), 422, "invalid_value"),
        (json!({"change": lamps(&order, 2), "reason": " "}), 422, "invalid_value"),
        (json!({"shipping_address": abroad, "reason": "?"}), 422, "invalid_value"),
        (by_nothing, 422, "invalid_value"),
        (unpaid, 402, "payment_declined"),
    ];
    for (n, (wrong, status, code)) in cases.iter().enumerate() {
        refused(&staff.command(&path, &format!("wrong {n}"), wrong).await, *status, code);
    }
    let unknown = staff.command("/v1/admin/orders/none/edit", "none", &change(3)).await;
    assert_eq!(unknown.status, 404);
    assert_eq!(staff.post(&path, &change(3)).await.status, 400, "a key is needed");
    let now = edited(&staff, &order).await;
    assert_eq!(is(&now), is(&order));
    shop.settle();
    assert_eq!(stock(&staff, "LAMP-1").await, (json!(100), json!(3)));
    assert_eq!(stock(&staff, "DESK-1").await, (json!(2), json!(0)));
    let held: Vec<String> =
        payments(&staff, &order).await.into_iter().map(|(_, status, _)| status).collect();
    assert_eq!(held, ["captured", "declined"]);
    // After all of that it can be edited.
    assert_eq!(staff.command(&path, "right", &change(3)).await.status, 200);
}

async fn an_edit_waits_for_its_shopper_and_nothing_leaves_meanwhile(engine: Engine) {
    let Some(shop) = patient(engine) else { return };
    let staff = shop.staff().await;
    let (ada, order) = ordered(&shop, 2).await;
    let path = format!("{}/edit", below(&order));
    for (outcome, quantity, status) in [("decline", 2, "CONFIRMED"), ("approve", 5, "CONFIRMED")] {
        let more = json!({
            "change": lamps(&order, 5), "reason": "They called.",
            "payment_token": ada.card(CHALLENGED).await,
        });
        let waits = staff.command(&path, outcome, &more).await;
        assert_eq!(waits.status, 202, "{waits:?}");
        assert_eq!(stock(&staff, "LAMP-1").await, (json!(100), json!(5)));
        let ship = staff.post(&format!("{}/ship", below(&order)), &json!({})).await;
        refused(&ship, 409, "order_state");
        assert_eq!(ship.body["allowed"], json!(["cancel", "refund"]));
        let fewer = json!({"lines": lamps(&order, 1), "reason": "?"});
        let fewer = staff.post(&format!("{}/cancel-lines", below(&order)), &fewer).await;
        refused(&fewer, 409, "order_state");
        let again = json!({"change": lamps(&order, 3), "reason": "?"});
        refused(&staff.command(&path, "again", &again).await, 409, "order_state");
        assert_eq!(staff.download(&format!("{}/invoice.pdf", below(&order))).await.0, 409);
        let url = waits.body["next_action"]["url"].as_str().unwrap();
        let ended = ada.post(url, &json!({"outcome": outcome})).await;
        assert_eq!(ended.status, 200, "{ended:?}");
        let now = edited(&staff, &order).await;
        assert_eq!(
            (&now["lines"][0]["quantity"], &now["status"]),
            (&json!(quantity), &json!(status))
        );
        shop.settle();
        assert_eq!(stock(&staff, "LAMP-1").await, (json!(100), json!(quantity)));
    }
    // Calling it off wins over an edit that waits, and nothing is left of either.
    let more = json!({
        "change": lamps(&order, 6), "reason": "They called.",
        "payment_token": ada.card(CHALLENGED).await,
    });
    assert_eq!(staff.command(&path, "third", &more).await.status, 202);
    let cancel = staff.post(&format!("{}/cancel", below(&order)), &json!({"reason": "gone"})).await;
    assert_eq!(cancel.status, 200, "{cancel:?}");
    assert_eq!(edited(&staff, &order).await["status"], "CANCELLED");
    shop.settle();
    assert_eq!(stock(&staff, "LAMP-1").await, (json!(100), json!(0)));
    let paid = payments(&staff, &order).await;
    let is_held = |status: &str| ["authorized", "captured", "action_required"].contains(&status);
    assert!(paid.iter().all(|(_, status, _)| !is_held(status)), "{paid:?}");
}

async fn an_edit_races_other_edits_parcels_and_a_cancel(engine: Engine) {
    let Some(shop) = patient(engine) else { return };
    let staff = shop.staff().await;
    for round in 0..ROUNDS {
        let (ada, order) = ordered(&shop, 2).await;
        let path = format!("{}/edit", below(&order));
        let edit = |quantity, token| json!({"change": lamps(&order, quantity), "reason": "?", "payment_token": token});
        let (one, two) = (edit(3, ada.card(APPROVED).await), edit(4, ada.card(APPROVED).await));
        let both =
            join_all([staff.command(&path, "one", &one), staff.command(&path, "two", &two)]).await;
        let done: Vec<_> = both.iter().filter(|answer| answer.status == 200).collect();
        assert!(
            both.iter().all(|it| [200, 409].contains(&it.status)) && !done.is_empty(),
            "{both:?}"
        );
        let now = edited(&staff, &order).await;
        let quantity = now["lines"][0]["quantity"].as_i64().unwrap();
        assert!(done.iter().any(|it| it.body["lines"][0]["quantity"] == quantity), "{now}");

        // One order is packed while it is edited, the next one called off.
        let third = edit(7, ada.card(APPROVED).await);
        let (rival, body) = match round % 2 {
            0 => (format!("{}/ship", below(&order)), json!({})),
            _ => (format!("{}/cancel", below(&order)), json!({"reason": "no more lamps"})),
        };
        let (third, rival) =
            tokio::join!(staff.command(&path, "third", &third), staff.post(&rival, &body));
        let now = edited(&staff, &order).await;
        let units = if third.status == 200 { 7 } else { quantity };
        assert_eq!(now["lines"][0]["quantity"], units, "{third:?} {rival:?}");
        let ended = if round % 2 == 0 { "SHIPPED" } else { "CANCELLED" };
        assert_eq!(now["status"] == ended, rival.status == 200, "{third:?} {rival:?}");
        assert!(third.status == 200 || rival.status == 200, "{third:?} {rival:?}");
    }
    shop.settle();
}
