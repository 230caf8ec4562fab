//! What happens to an order after it was sold: money goes back, units are called off, goods come back.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{APPROVED, Answer, Customer, Engine, Shop, id_of, on_both_engines, product};
use crate::words::{below, cents, euros, text, units};

on_both_engines![
    money_goes_back_by_order_and_never_too_much,
    units_leave_or_are_called_off,
    goods_come_back,
];

/// How many of the staff do the same at once.
const CLERKS: usize = 8;

/// A shopper with a confirmed order that was paid.
async fn ordered(shop: &Shop, units: &[(&str, i64)]) -> (Customer, Value) {
    let ada = Customer::guest(shop).await;
    for (sku, count) in units {
        ada.fill_cart(&id_of(&ada, sku).await, *count).await;
    }
    let order = ada.order("first", &ada.card(APPROVED).await).await;
    let order = ada.until(order.body["id"].as_str().unwrap(), &["CONFIRMED"]).await.body;
    shop.settle();
    (ada, order)
}

fn counted(order: &Value, sku: &str, what: &str) -> i64 {
    let lines = order["lines"].as_array().unwrap();
    lines.iter().find(|line| line["sku"] == sku).unwrap()[what].as_i64().unwrap()
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
    let Some(mut shop) = Shop::new(engine, &lamps) else { return };
    shop.start(&[("STOA__ORDER__ANSWER_WAIT_MS", "5000")]);
    let staff = shop.staff().await;
    let (ada, order) = ordered(&shop, &[("LAMP-1", 3)]).await;
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
    // A shop that has much to do gives it back after it has answered.
    let is_done = |answer: &&Answer| [200, 202].contains(&answer.status);
    let done = answers.iter().filter(is_done).count();
    assert_eq!(i64::try_from(done).unwrap(), left / 1_000, "{answers:?}");
    let refused = answers.iter().find(|answer| !is_done(answer)).unwrap();
    assert_eq!((refused.status, &refused.body["code"]), (409, &json!("order_state")));
    assert_eq!(cents(&refused.body["refundable"]), left % 1_000);
    shop.settle();
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
    let (ada, order) = ordered(&shop, &[("LAMP-1", 3), ("DESK-1", 1)]).await;
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
    let (eve, part) = ordered(&shop, &[("LAMP-1", 3)]).await;
    let one = json!({"lines": [units(&part, "LAMP-1", 1)]});
    assert_eq!(staff.post(&below(&part, "shipments"), &one).await.status, 200);
    let rest = because(json!([units(&part, "LAMP-1", 2)]));
    let called = staff.post(&below(&part, "cancel-lines"), &rest).await;
    assert_eq!(called.body["status"], "SHIPPED", "{called:?}");
    // What is left of an order of which nothing has left: it is called off, with all of its money.
    let (bob, whole) = ordered(&shop, &[("LAMP-1", 2)]).await;
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

async fn goods_come_back(engine: Engine) {
    let lamps = [product("LAMP-1", "20.00", 50)];
    let Some(mut shop) = Shop::running(engine, &lamps) else { return };
    let staff = shop.staff().await;
    let (ada, order) = ordered(&shop, &[("LAMP-1", 3)]).await;
    let mine = format!("/v1/orders/{}", text(&order["id"]));
    let returns = format!("{mine}/returns");
    let line = text(&order["lines"][0]["id"]);
    let ask = |quantity: i64| json!({"lines": [{"line_id": line, "quantity": quantity, "reason": "no_longer_wanted"}]});
    let early = ada.command(&returns, "early", &ask(1)).await;
    assert_eq!((early.status, &early.body["left"]), (409, &json!(0)), "nothing arrived: {early:?}");
    for step in ["ship", "deliver"] {
        assert_eq!(staff.post(&below(&order, step), &json!({})).await.status, 200);
    }
    let before = ada.get(&mine).await;
    for (n, (wrong, status)) in [
        (ask(0), 422),
        (ask(-1), 422),
        (ask(4), 409),
        (ask(i64::MAX), 409),
        (json!({"lines": []}), 422),
        (json!({"lines": [{"line_id": line, "quantity": 1, "reason": "boring"}]}), 422),
        (json!({"lines": [{"line_id": order["id"], "quantity": 1, "reason": "other"}]}), 422),
    ]
    .into_iter()
    .enumerate()
    {
        let refused = ada.command(&returns, &format!("wrong-{n}"), &wrong).await;
        assert_eq!(refused.status, status, "{refused:?}");
    }
    let eve = Customer::guest(&shop).await;
    assert_eq!(eve.command(&returns, "hers", &ask(1)).await.status, 404);
    assert_eq!(ada.get(&mine).await.text, before.text, "nothing was changed");

    // Of many who ask for all of it at once one return is made; it can be withdrawn until it came back.
    let keys: Vec<String> = (0..CLERKS).map(|n| format!("all-{n}")).collect();
    let all = ask(3);
    let answers = join_all(keys.iter().map(|key| ada.command(&returns, key, &all))).await;
    let made: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert_eq!(made.len(), 1, "{answers:?}");
    let first = text(&made[0].body["id"]);
    let withdraw = format!("{returns}/{first}/withdraw");
    assert_eq!(eve.post(&withdraw, &json!({})).await.status, 404);
    let withdrawn = ada.post(&withdraw, &json!({})).await;
    assert_eq!((withdrawn.status, &withdrawn.body["state"]), (200, &json!("withdrawn")));
    let again = ada.post(&withdraw, &json!({})).await;
    assert_eq!((again.status, &again.body["change_state"]), (409, &json!("withdrawn")));
    assert_eq!(again.body["allowed"], json!([]));

    // Two parts come back, one unit of them damaged: what was accepted is paid back, to the last cent.
    let mut left = 3;
    for (key, asked, condition) in [("two", 2, "sellable"), ("one", 1, "damaged")] {
        let made = ada.command(&returns, key, &ask(asked)).await;
        assert_eq!(made.status, 201, "{made:?}");
        let at = |step: &str| format!("/v1/admin/returns/{}/{step}", text(&made.body["id"]));
        let found = |accepted: i64, restock: bool| {
            json!({"lines": [{
                "line_id": line, "accepted": accepted, "condition": condition, "restock": restock,
            }]})
        };
        let is_sellable = condition == "sellable";
        let soon = staff.post(&at("inspect"), &found(asked, is_sellable)).await;
        assert_eq!(
            (soon.status, &soon.body["allowed"]),
            (409, &json!(["approve", "reject", "withdraw"]))
        );
        for (step, state) in [("approve", "approved"), ("receive", "received")] {
            let moved = staff.post(&at(step), &json!({})).await;
            assert_eq!((moved.status, &moved.body["state"]), (200, &json!(state)), "{moved:?}");
        }
        for wrong in
            [found(-1, false), found(asked + 1, false), found(0, false), json!({"lines": []})]
        {
            assert_eq!(staff.post(&at("inspect"), &wrong).await.status, 422, "{wrong}");
        }
        if !is_sellable {
            assert_eq!(staff.post(&at("inspect"), &found(asked, true)).await.status, 422);
        }
        let body = found(asked, is_sellable);
        let inspect = at("inspect");
        let twice = join_all([staff.post(&inspect, &body), staff.post(&inspect, &body)]);
        let statuses: Vec<u16> = twice.await.iter().map(|answer| answer.status).collect();
        assert!(statuses.contains(&200) && statuses.contains(&409), "{statuses:?}");
        left -= asked;
        let status = if left == 0 { "RETURNED" } else { "DELIVERED" };
        let now = ada.get(&mine).await.body;
        assert_eq!(
            (&now["status"], counted(&now, "LAMP-1", "returned")),
            (&json!(status), 3 - left)
        );
    }
    shop.settle();
    let told = ada.get(&returns).await.body;
    let given: i64 = told.as_array().unwrap().iter().map(|one| cents(&one["refund"])).sum();
    assert_eq!(given, cents(&order["totals"]["total"]), "with the shipping: nothing remains");
    let payment = ada.get(&mine).await;
    assert_eq!(payment.body["payment"]["status"], "refunded");
    let stock = staff.get(&format!("/v1/admin/stock/{}", id_of(&staff, "LAMP-1").await)).await;
    assert_eq!(stock.body["locations"][0]["on_hand"], 49, "the damaged one is not sold again");
    let waiting = staff.get("/v1/admin/returns?state=done").await;
    assert_eq!(waiting.body["items"].as_array().unwrap().len(), 2, "{waiting:?}");
    shop.stop();
    shop.assert_books();
}
