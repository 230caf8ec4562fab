//! What happens to an order after it was sold: money goes back, units are called off.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{APPROVED, Answer, Customer, Engine, Shop, id_of, on_both_engines, product};

on_both_engines![money_goes_back_by_order_and_never_too_much, units_leave_or_are_called_off];

/// How many of the staff do the same at once.
const CLERKS: usize = 8;

/// A shopper with a confirmed order that was paid.
async fn ordered(shop: &mut Shop, units: &[(&str, i64)]) -> (Customer, Value) {
    let ada = Customer::guest(shop).await;
    for (sku, count) in units {
        ada.fill_cart(&id_of(&ada, sku).await, *count).await;
    }
    let order = ada.order("first", &ada.card(APPROVED).await).await;
    let order = ada.until(order.body["id"].as_str().unwrap(), &["CONFIRMED"]).await.body;
    shop.settle();
    (ada, order)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn below(order: &Value, step: &str) -> String {
    format!("/v1/admin/orders/{}/{step}", text(&order["id"]))
}

fn units(order: &Value, sku: &str, quantity: i64) -> Value {
    let lines = order["lines"].as_array().unwrap();
    let line = lines.iter().find(|line| line["sku"] == sku).unwrap();
    json!({"line_id": line["id"], "quantity": quantity})
}

fn counted(order: &Value, sku: &str, what: &str) -> i64 {
    let lines = order["lines"].as_array().unwrap();
    lines.iter().find(|line| line["sku"] == sku).unwrap()[what].as_i64().unwrap()
}

fn euros(amount: &str) -> Value {
    json!({"amount": amount, "currency": "EUR"})
}

fn cents(money: &Value) -> i64 {
    text(&money["amount"]).replace('.', "").parse().unwrap()
}

/// What the changes of an order gave back.
async fn given(staff: &Customer, order: &Value) -> i64 {
    let changes = staff.get(&below(order, "changes")).await;
    let changes = changes.body.as_array().unwrap().clone();
    assert!(changes.iter().all(|change| change["state"] == "done"), "{changes:?}");
    changes.iter().map(|change| cents(&change["refund"])).sum()
}

async fn money_goes_back_by_order_and_never_too_much(engine: Engine) {
    let lamps = [product("LAMP-1", "20.00", 50)];
    let Some(mut shop) = Shop::running(engine, &lamps) else { return };
    let staff = shop.staff().await;
    let (ada, order) = ordered(&mut shop, &[("LAMP-1", 3)]).await;
    let mine = format!("/v1/orders/{}", text(&order["id"]));
    let refund = below(&order, "refund");
    let because = |mut body: Value| {
        body["reason"] = json!("The lamp is scratched.");
        body
    };
    let before = ada.get(&mine).await;
    for (wrong, status, member) in [
        (json!({"amount": euros("0.00")}), 422, "field"),
        (json!({"amount": euros("-1.00")}), 422, "field"),
        (json!({"amount": {"amount": "1.00", "currency": "USD"}}), 422, "field"),
        (json!({"amount": euros("90000000000.00")}), 409, "refundable"),
        (json!({}), 422, "field"),
        (json!({"amount": euros("1.00"), "lines": [units(&order, "LAMP-1", 1)]}), 422, "field"),
        (json!({"lines": []}), 422, "field"),
        (json!({"lines": [{"line_id": order["id"], "quantity": 1}]}), 422, "field"),
        // Nothing has left: such units are called off.
        (json!({"lines": [units(&order, "LAMP-1", 1)]}), 409, "left"),
    ] {
        let refused =
            staff.command(&refund, &wrong.to_string().replace('"', ""), &because(wrong)).await;
        assert_eq!(refused.status, status, "{refused:?}");
        let is_named = refused.body.get(member).is_some() || refused.body.get("errors").is_some();
        assert!(is_named, "{member}: {refused:?}");
    }
    let nameless = staff.command(&refund, "nameless", &json!({"amount": euros("1.00")})).await;
    assert_eq!(nameless.status, 422, "{nameless:?}");
    let nobodys = format!("/v1/admin/orders/{}/refund", text(&order["lines"][0]["id"]));
    let strange = staff.command(&nobodys, "x", &because(json!({"amount": euros("1.00")}))).await;
    assert_eq!(strange.status, 404, "{strange:?}");
    assert_eq!(ada.get(&mine).await.text, before.text, "nothing was changed");

    // One unit left and is lost: it is paid back once.
    let one = json!({"lines": [units(&order, "LAMP-1", 1)]});
    assert_eq!(staff.post(&below(&order, "shipments"), &one).await.status, 200);
    let lost = staff.command(&refund, "lost", &because(one.clone())).await;
    assert_eq!((lost.status, &lost.body["state"]), (200, &json!("done")), "{lost:?}");
    let again = staff.command(&refund, "lost", &because(one.clone())).await;
    assert_eq!(again.text, lost.text, "the first answer");
    let twice = staff.command(&refund, "twice", &because(one)).await;
    assert_eq!((twice.status, &twice.body["left"]), (409, &json!(0)), "{twice:?}");

    // Of many at once so many are done as there is money; with one key, one.
    let left = cents(&order["totals"]["total"]) - cents(&lost.body["refund"]);
    let keys: Vec<String> = (0..CLERKS).map(|n| format!("clerk-{n}")).collect();
    let ten = because(json!({"amount": euros("10.00")}));
    let answers = join_all(keys.iter().map(|key| staff.command(&refund, key, &ten))).await;
    let done = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(i64::try_from(done).unwrap(), left / 1_000, "{answers:?}");
    let refused = answers.iter().find(|answer| answer.status != 200).unwrap();
    assert_eq!((refused.status, &refused.body["code"]), (409, &json!("order_state")));
    assert_eq!(cents(&refused.body["refundable"]), left % 1_000);
    // What the payment itself gives back is not given back by the order too.
    let payment = text(&ada.get(&mine).await.body["payment"]["id"]);
    let rest = json!({"amount": {"amount": format!("{}.{:02}", left % 1_000 / 100, left % 100), "currency": "EUR"}});
    let by_payment = format!("/v1/admin/payments/{payment}/refund");
    assert_eq!(staff.command(&by_payment, "rest", &rest).await.status, 200);
    let late = staff.command(&refund, "late", &because(rest)).await;
    assert_eq!((late.status, &late.body["refund_code"]), (409, &json!("too_much")), "{late:?}");
    assert_eq!(ada.get(&mine).await.body["payment"]["status"], "refunded");
    shop.settle();
    shop.stop();
    shop.assert_books();
}

async fn units_leave_or_are_called_off(engine: Engine) {
    let goods = [product("LAMP-1", "20.00", 50), product("DESK-1", "250.00", 20)];
    let Some(mut shop) = Shop::running(engine, &goods) else { return };
    let staff = shop.staff().await;
    let (ada, order) = ordered(&mut shop, &[("LAMP-1", 3), ("DESK-1", 1)]).await;
    let mine = format!("/v1/orders/{}", text(&order["id"]));
    let cancel = below(&order, "cancel-lines");
    let because = |lines: Value| json!({"lines": lines, "reason": "No more of them."});
    let before = ada.get(&mine).await;
    assert_eq!(before.body["lines"][0]["cancelled"], 0);
    for (wrong, status) in [
        (json!([]), 422),
        (json!([units(&order, "LAMP-1", 0)]), 422),
        (json!([units(&order, "LAMP-1", -1)]), 422),
        (json!([units(&order, "LAMP-1", 1), units(&order, "LAMP-1", 1)]), 422),
        (json!([{"line_id": order["id"], "quantity": 1}]), 422),
        (json!([units(&order, "LAMP-1", 4)]), 409),
        (json!([units(&order, "LAMP-1", i64::MAX)]), 409),
    ] {
        let refused = staff.post(&cancel, &because(wrong)).await;
        assert_eq!(refused.status, status, "{refused:?}");
    }
    assert_eq!(ada.get(&mine).await.text, before.text, "nothing was changed");
    let one = because(json!([units(&order, "LAMP-1", 1)]));
    let called = staff.command(&cancel, "one", &one).await;
    assert_eq!((called.status, &called.body["status"]), (200, &json!("CONFIRMED")), "{called:?}");
    assert_eq!(counted(&called.body, "LAMP-1", "cancelled"), 1);
    assert_eq!(staff.command(&cancel, "one", &one).await.text, called.text, "the first answer");
    shop.settle();
    let lamps = staff.get(&format!("/v1/admin/stock/{}", id_of(&staff, "LAMP-1").await)).await;
    assert_eq!(lamps.body["locations"][0]["reserved"], 2, "{lamps:?}");

    // Of those who pack the last lamps and those who call them off, one has each.
    let two = units(&order, "LAMP-1", 2);
    let (off, pack) = (because(json!([two])), json!({"lines": [two]}));
    let ships = below(&order, "shipments");
    let keys: Vec<String> = (0..CLERKS).map(|n| format!("clerk-{n}")).collect();
    let race = keys.iter().enumerate().map(|(n, key)| {
        let (path, body) = if n % 2 == 0 { (&cancel, &off) } else { (&ships, &pack) };
        staff.command(path, key, body)
    });
    let answers: Vec<Answer> = join_all(race).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1, "{answers:?}");
    let now = ada.get(&mine).await.body;
    let (gone, left) = (counted(&now, "LAMP-1", "cancelled"), counted(&now, "LAMP-1", "shipped"));
    assert_eq!(gone + left, 3, "{now}");

    // The desk leaves, and nothing of the order can be called off any more.
    assert_eq!(staff.post(&below(&order, "ship"), &json!({})).await.body["status"], "SHIPPED");
    let late = staff.post(&cancel, &because(json!([units(&order, "DESK-1", 1)]))).await;
    assert_eq!((late.status, &late.body["order_status"]), (409, &json!("SHIPPED")), "{late:?}");
    assert_eq!(late.body["allowed"], json!(["deliver", "refund"]));

    // What is left after a parcel is called off: the order has left. The shipping is not given back.
    let (eve, part) = ordered(&mut shop, &[("LAMP-1", 3)]).await;
    let one = json!({"lines": [units(&part, "LAMP-1", 1)]});
    assert_eq!(staff.post(&below(&part, "shipments"), &one).await.status, 200);
    let rest = because(json!([units(&part, "LAMP-1", 2)]));
    let called = staff.post(&below(&part, "cancel-lines"), &rest).await;
    assert_eq!(called.body["status"], "SHIPPED", "{called:?}");
    // What is left of an order of which nothing has left: it is called off, with all of its money.
    let (bob, whole) = ordered(&mut shop, &[("LAMP-1", 2)]).await;
    let half = because(json!([units(&whole, "LAMP-1", 1)]));
    for status in ["CONFIRMED", "CANCELLED"] {
        let called = staff.post(&below(&whole, "cancel-lines"), &half).await;
        assert_eq!(called.body["status"], status, "{called:?}");
    }
    shop.settle();
    let paid = cents(&part["totals"]["total"]);
    let back = given(&staff, &part).await;
    assert!(back > 0 && back < paid, "{back} of {paid}");
    let story = eve.get(&format!("/v1/orders/{}/timeline", text(&part["id"]))).await;
    for what in ["lines_cancelled", "give_money_back", "refunded"] {
        let is_told = story.body.as_array().unwrap().iter().any(|entry| entry["what"] == what);
        assert!(is_told, "{what}: {story:?}");
    }
    let payment = bob.get(&format!("/v1/orders/{}", text(&whole["id"]))).await;
    assert_eq!(payment.body["payment"]["status"], "refunded");
    shop.stop();
    shop.assert_books();
}
