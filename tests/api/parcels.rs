//! Orders that leave in several parcels.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{
    APPROVED, Answer, Customer, Engine, Shop, id_of, on_both_engines, own_entries, product,
};

on_both_engines![
    an_order_leaves_in_parcels,
    two_clerks_ship_the_last_unit_once,
    a_parcel_that_left_in_part_is_not_called_off,
];

/// How many clerks pack the same unit at once.
const CLERKS: usize = 12;

/// A shopper with a confirmed order of lamps and desks.
async fn ordered(shop: &Shop, units: &[(&str, i64)]) -> (Customer, Value) {
    let ada = Customer::guest(shop).await;
    for (sku, count) in units {
        ada.fill_cart(&id_of(&ada, sku).await, *count).await;
    }
    let order = ada.order("first", &ada.card(APPROVED).await).await;
    let order = ada.until(order.body["id"].as_str().unwrap(), &["CONFIRMED"]).await;
    (ada, order.body)
}

fn below(order: &Value) -> String {
    format!("/v1/admin/orders/{}", order["id"].as_str().unwrap())
}

/// The id of the line of a product.
fn line(order: &Value, sku: &str) -> Value {
    let lines = order["lines"].as_array().unwrap();
    lines.iter().find(|line| line["sku"] == sku).unwrap()["id"].clone()
}

fn units(order: &Value, sku: &str, quantity: i64) -> Value {
    json!({"line_id": line(order, sku), "quantity": quantity})
}

/// What lies in the house of a product, and what of it is promised.
async fn stock(staff: &Customer, sku: &str) -> (Value, Value) {
    let level = staff.get(&format!("/v1/admin/stock/{}", id_of(staff, sku).await)).await;
    let place = &level.body["locations"][0];
    (place["on_hand"].clone(), place["reserved"].clone())
}

fn is(answer: &Answer, status: &str, fulfilment: &str) {
    let told = (&answer.body["status"], &answer.body["fulfilment"]);
    assert_eq!(told, (&json!(status), &json!(fulfilment)), "{answer:?}");
}

async fn an_order_leaves_in_parcels(engine: Engine) {
    let products = [product("LAMP-1", "20.00", 5), product("DESK-1", "250.00", 2)];
    let Some(mut shop) = Shop::new(engine, &products) else { return };
    shop.start(&[("STOA__PAYMENT__CAPTURE", "shipped")]);
    let staff = shop.staff().await;
    let (ada, order) = ordered(&shop, &[("LAMP-1", 3), ("DESK-1", 1)]).await;
    assert_eq!((&order["fulfilment"], &order["shipments"]), (&json!("none"), &json!([])));
    let (mine, ships) = (
        format!("/v1/orders/{}", order["id"].as_str().unwrap()),
        format!("{}/shipments", below(&order)),
    );

    // Nothing of it is anything else than units of the order.
    for (wrong, status) in [
        (json!({"lines": []}), 422),
        (json!({"lines": [units(&order, "LAMP-1", 0)]}), 422),
        (json!({"lines": [units(&order, "LAMP-1", 1), units(&order, "LAMP-1", 1)]}), 422),
        (json!({"lines": [{"line_id": order["id"], "quantity": 1}]}), 422),
        (json!({"lines": [units(&order, "LAMP-1", 4)]}), 409),
        (json!({"carrier": ""}), 422),
        (json!({"tracking": "x".repeat(201)}), 422),
    ] {
        let refused = staff.post(&ships, &wrong).await;
        assert_eq!(refused.status, status, "{wrong}: {refused:?}");
    }
    is(&ada.get(&mine).await, "CONFIRMED", "none");

    let first = json!({"lines": [units(&order, "LAMP-1", 2)], "carrier": "DHL", "tracking": "1"});
    let left = staff.command(&ships, "first", &first).await;
    is(&left, "CONFIRMED", "partial");
    let again = staff.command(&ships, "first", &first).await;
    assert_eq!(again.text, left.text, "a retry ships nothing more");
    let parcel = left.body["shipments"][0].clone();
    let expected = json!({
        "id": parcel["id"], "state": "shipped", "carrier": "DHL", "tracking": "1",
        "lines": [units(&order, "LAMP-1", 2)],
    });
    assert_eq!(parcel, expected);
    shop.settle();
    assert_eq!(stock(&staff, "LAMP-1").await, (json!(3), json!(1)));
    assert_eq!(stock(&staff, "DESK-1").await, (json!(2), json!(1)));
    let seen = ada.get(&mine).await;
    assert_eq!(seen.body["payment"]["status"], "captured", "the first parcel captures the whole");
    assert_eq!(seen.body["shipments"], json!([parcel]));

    let second = json!({"lines": [units(&order, "LAMP-1", 1)]});
    let left = staff.post(&ships, &second).await;
    is(&left, "CONFIRMED", "partial");
    let lost = left.body["shipments"][1]["id"].as_str().unwrap().to_owned();
    let lose = format!("/v1/admin/shipments/{lost}/lost");
    assert_eq!(staff.post(&lose, &json!({"reason": " "})).await.status, 422);
    let gone = staff.post(&lose, &json!({"reason": "fell into the sea"})).await;
    is(&gone, "CONFIRMED", "partial");
    assert_eq!(gone.body["shipments"][1]["reason"], "fell into the sea");
    // The end of a parcel is final.
    let deliver = |id: &Value| format!("/v1/admin/shipments/{}/deliver", id.as_str().unwrap());
    let late = staff.post(&deliver(&json!(lost)), &json!({})).await;
    assert_eq!((late.status, &late.body["shipment_state"]), (409, &json!("lost")), "{late:?}");

    is(&staff.post(&format!("{}/ship", below(&order)), &json!({})).await, "SHIPPED", "complete");
    is(&staff.post(&deliver(&parcel["id"]), &json!({})).await, "SHIPPED", "complete");
    let refused = staff.post(&ships, &json!({})).await;
    assert_eq!(
        (refused.status, &refused.body["allowed"]),
        (409, &json!(["deliver", "return", "refund"]))
    );
    let done = staff.post(&format!("{}/deliver", below(&order)), &json!({})).await;
    is(&done, "DELIVERED", "complete");
    let states: Vec<&Value> =
        done.body["shipments"].as_array().unwrap().iter().map(|it| &it["state"]).collect();
    assert_eq!(states, ["delivered", "lost", "delivered"]);
    let timeline = staff.get(&format!("{}/timeline", below(&order))).await;
    let told: Vec<(&Value, &Value)> = own_entries(&timeline.body)[5..]
        .iter()
        .map(|entry| (&entry["what"], &entry["by"]))
        .collect();
    let what = [
        "parcel_shipped",
        "parcel_shipped",
        "parcel_lost",
        "shipped",
        "parcel_delivered",
        "delivered",
    ];
    let by_staff = json!("staff");
    let what = what.map(Value::from);
    let expected: Vec<(&Value, &Value)> = what.iter().map(|what| (what, &by_staff)).collect();
    assert_eq!(told, expected);
    shop.settle();
    assert_eq!(stock(&staff, "LAMP-1").await, (json!(2), json!(0)));
    assert_eq!(stock(&staff, "DESK-1").await, (json!(1), json!(0)));
    let unknown = staff.post(&deliver(&order["id"]), &json!({})).await;
    assert_eq!(unknown.status, 404, "{unknown:?}");
}

async fn two_clerks_ship_the_last_unit_once(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 9)]) else { return };
    let staff = shop.staff().await;
    let (_, order) = ordered(&shop, &[("LAMP-1", 3)]).await;
    let ships = format!("{}/shipments", below(&order));
    let one = json!({"lines": [units(&order, "LAMP-1", 1)]});
    let all = join_all((0..CLERKS).map(|_| staff.post(&ships, &one))).await;
    let shipped = all.iter().filter(|answer| answer.status == 200).count();
    assert!(all.iter().all(|answer| [200, 409].contains(&answer.status)), "{all:?}");
    // A clerk who met too many others is told so, and may try again.
    let rest = if shipped < 3 { staff.post(&ships, &json!({})).await } else { all[0].clone() };
    assert!(shipped == 3 || rest.status == 200, "{rest:?}");
    let order = staff.get(&below(&order)).await;
    is(&order, "SHIPPED", "complete");
    let parcels = order.body["shipments"].as_array().unwrap();
    let inside: i64 =
        parcels.iter().map(|parcel| parcel["lines"][0]["quantity"].as_i64().unwrap()).sum();
    assert_eq!((inside, &order.body["lines"][0]["shipped"]), (3, &json!(3)));

    // Of one parcel that arrives and is lost at once, one thing happened.
    let parcel = format!("/v1/admin/shipments/{}", parcels[0]["id"].as_str().unwrap());
    let (deliver, lose) = (format!("{parcel}/deliver"), format!("{parcel}/lost"));
    let (nothing, reason) = (json!({}), json!({"reason": "lost"}));
    let ended = tokio::join!(staff.post(&deliver, &nothing), staff.post(&lose, &reason));
    let mut statuses = [ended.0.status, ended.1.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409], "{ended:?}");
    shop.settle();
    assert_eq!(stock(&staff, "LAMP-1").await, (json!(6), json!(0)));
}

async fn a_parcel_that_left_in_part_is_not_called_off(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 9)]) else { return };
    let staff = shop.staff().await;
    let (ada, order) = ordered(&shop, &[("LAMP-1", 2)]).await;
    let mine = format!("/v1/orders/{}", order["id"].as_str().unwrap());
    let ships = format!("{}/shipments", below(&order));
    let one = json!({"lines": [units(&order, "LAMP-1", 1)]});
    assert_eq!(staff.post(&ships, &one).await.status, 200);
    let cancels = [format!("{mine}/cancel"), format!("{}/cancel", below(&order))];
    let (nothing, reason) = (json!({}), json!({"reason": "no more lamps"}));
    for (who, path, body) in [(&ada, &cancels[0], nothing), (&staff, &cancels[1], reason)] {
        let refused = who.post(path, &body).await;
        assert_eq!((refused.status, &refused.body["code"]), (409, &json!("order_state")));
        assert_eq!(
            refused.body["allowed"],
            json!(["cancel_lines", "ship", "refund"]),
            "{refused:?}"
        );
    }
    is(&ada.get(&mine).await, "CONFIRMED", "partial");

    // Whoever comes first decides: a parcel leaves, or the order is called off.
    let (bob, raced) = ordered(&shop, &[("LAMP-1", 2)]).await;
    let mine = format!("/v1/orders/{}", raced["id"].as_str().unwrap());
    let ships = format!("{}/shipments", below(&raced));
    let one = json!({"lines": [units(&raced, "LAMP-1", 1)]});
    let (cancel, nothing) = (format!("{mine}/cancel"), json!({}));
    let both = tokio::join!(staff.post(&ships, &one), bob.post(&cancel, &nothing));
    let after = bob.get(&mine).await;
    let statuses = (both.0.status, both.1.status);
    if after.body["status"] == "CANCELLED" {
        assert_eq!(statuses, (409, 200), "{both:?}");
    } else {
        assert_eq!(statuses, (200, 409), "{both:?}");
        is(&after, "CONFIRMED", "partial");
    }
    shop.settle();
}
