//! Goods that came back are exchanged for others: what is sent instead is held, paid by what came back, and
//! sent once, or the customer has their money.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{
    APPROVED, Answer, CHALLENGED, Customer, DECLINED, Engine, Shop, WAIT_MAX, id_of,
    on_both_engines, product,
};
use crate::words::{cents, text};

on_both_engines![
    goods_are_exchanged_for_others_of_any_price,
    an_exchange_that_comes_to_nothing_leaves_nothing,
];

/// How many of the staff do the same at once.
const CLERKS: usize = 4;
/// How often an approval races a customer who changes their mind.
const ROUNDS: usize = 3;

fn shop(engine: Engine, pay_days: &str) -> Option<Shop> {
    let goods = [
        product("LAMP-1", "20.00", 100),
        product("TWIN-1", "20.00", 10),
        product("DESK-1", "250.00", 5),
        product("BULB-1", "5.00", 10),
    ];
    let mut shop = Shop::new(engine, &goods)?;
    shop.set("STOA__ORDER__ANSWER_WAIT_MS", "10000");
    shop.set("STOA__ORDER__EXCHANGE_PAY_DAYS", pay_days);
    shop.start(&[]);
    Some(shop)
}

/// A shopper with lamps that arrived, and who may do what with them.
struct Scene {
    ada: Customer,
    staff: Customer,
    order: Value,
}

impl Scene {
    async fn new(shop: &Shop, lamps: i64) -> Self {
        let (ada, staff) = (Customer::guest(shop).await, shop.staff().await);
        ada.fill_cart(&id_of(&ada, "LAMP-1").await, lamps).await;
        let order = ada.order("first", &ada.card(APPROVED).await).await;
        let order = ada.until(order.body["id"].as_str().unwrap(), &["CONFIRMED"]).await.body;
        let scene = Self { ada, staff, order };
        scene.arrives(&scene.order).await;
        scene
    }

    /// All of an order leaves and arrives.
    async fn arrives(&self, order: &Value) {
        for step in ["ship", "deliver"] {
            let path = format!("/v1/admin/orders/{}/{step}", text(&order["id"]));
            let moved = self.staff.post(&path, &json!({})).await;
            assert_eq!(moved.status, 200, "{moved:?}");
        }
    }

    fn returns(order: &Value) -> String {
        format!("/v1/orders/{}/returns", text(&order["id"]))
    }

    /// Asks for other goods instead of one unit of the first line of an order.
    async fn ask(&self, order: &Value, key: &str, wanted: Value) -> Answer {
        let line = json!({"line_id": order["lines"][0]["id"], "quantity": 1, "reason": "other"});
        let body = json!({"lines": [line], "exchange_for": wanted});
        self.ada.command(&Self::returns(order), key, &body).await
    }

    async fn wanted(&self, order: &Value, key: &str, sku: &str, quantity: i64) -> Value {
        let product = id_of(&self.ada, sku).await;
        let wanted = json!([{"product_id": product, "quantity": quantity}]);
        let asked = self.ask(order, key, wanted).await;
        assert_eq!(asked.status, 201, "{asked:?}");
        asked.body
    }

    async fn approve(&self, change: &Value, key: &str) -> Answer {
        let path = format!("/v1/admin/returns/{}/approve", text(&change["id"]));
        self.staff.command(&path, key, &json!({})).await
    }

    async fn step(&self, change: &Value, step: &str, body: &Value) -> Answer {
        let path = format!("/v1/admin/returns/{}/{step}", text(&change["id"]));
        self.staff.post(&path, body).await
    }

    /// The goods come back and are good.
    async fn comes_back(&self, change: &Value) -> Value {
        assert_eq!(self.step(change, "receive", &json!({})).await.status, 200);
        let line = &change["lines"][0]["line_id"];
        let found = json!({"lines": [
            {"line_id": line, "accepted": 1, "condition": "sellable", "restock": true},
        ]});
        let inspected = self.step(change, "inspect", &found).await;
        assert_eq!(inspected.status, 200, "{inspected:?}");
        inspected.body
    }

    /// A return as its customer sees it.
    async fn stands(&self, order: &Value, change: &Value) -> Value {
        let all = self.ada.get(&Self::returns(order)).await.body;
        let is_it = |one: &&Value| one["id"] == change["id"];
        all.as_array().unwrap().iter().find(is_it).unwrap().clone()
    }

    /// The same once it has ended.
    async fn ends(&self, order: &Value, change: &Value) -> Value {
        let began = Instant::now();
        loop {
            let now = self.stands(order, change).await;
            if now["state"] == "done" {
                return now;
            }
            assert!(began.elapsed() < WAIT_MAX, "still {now}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn pay(&self, order: &Value, change: &Value, key: &str, card: &str) -> Answer {
        let path = format!("{}/{}/pay", Self::returns(order), text(&change["id"]));
        let body = json!({"payment": {"token": self.ada.card(card).await}});
        self.ada.command(&path, key, &body).await
    }

    /// What is sent instead, once it stands so.
    async fn instead(&self, change: &Value, status: &str) -> Value {
        let id = text(&change["exchange"]["replacement_id"]);
        let found = self.ada.until(&id, &[status, "FAILED", "CANCELLED"]).await.body;
        let path = format!("/v1/admin/orders/{}/changes", text(&change["order_id"]));
        assert_eq!(found["status"], status, "{:?}", self.staff.get(&path).await.text);
        found
    }

    /// What is promised of a product.
    /// Waits until so many units of a product are reserved: what came to nothing gives them back when it is heard of.
    async fn holds(&self, sku: &str, units: i64) {
        let path = format!("/v1/admin/stock/{}", id_of(&self.staff, sku).await);
        let began = Instant::now();
        loop {
            let stock = self.staff.get(&path).await;
            if stock.body["locations"][0]["reserved"] == units {
                return;
            }
            assert!(began.elapsed() < WAIT_MAX, "{units} of {sku}: {stock:?}");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    /// What was charged for the order and all that was sent for its goods, and how each payment stands.
    async fn paid(&self) -> Vec<(String, i64)> {
        let path = format!("/v1/admin/payments?order_id={}", text(&self.order["id"]));
        let page = self.staff.get(&path).await;
        let one = |payment: &Value| (text(&payment["status"]), cents(&payment["amount"]));
        page.body["items"].as_array().unwrap().iter().rev().map(one).collect()
    }
}

fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, &answer.body["code"]), (status, &json!(code)), "{answer:?}");
}

/// What a return gave back, took and charged.
fn settled(change: &Value) -> (&str, i64, i64, i64) {
    let exchange = &change["exchange"];
    let state = change["state"].as_str().unwrap();
    (state, cents(&exchange["credit"]), cents(&exchange["charged"]), cents(&change["refund"]))
}

async fn goods_are_exchanged_for_others_of_any_price(engine: Engine) {
    let Some(mut shop) = shop(engine, "7") else { return };
    let scene = Scene::new(&shop, 4).await;
    let (ada, order) = (&scene.ada, &scene.order);
    let total = cents(&order["totals"]["total"]);
    let captured = |cents| ("captured".to_owned(), cents);
    let partly = |cents| ("partially_refunded".to_owned(), cents);

    // Even: no money moves.
    let even = scene.wanted(order, "even", "TWIN-1", 1).await;
    let approved = scene.approve(&even, "even").await;
    assert_eq!((approved.status, &approved.body["state"]), (200, &json!("approved")));
    assert_eq!(scene.approve(&even, "even").await.text, approved.text, "the first answer");
    let even = approved.body;
    let pending = scene.instead(&even, "PENDING").await;
    assert_eq!(pending["totals"]["total"], even["exchange"]["price"]);
    assert_eq!(pending["replaces"]["return_id"], even["id"]);
    assert_eq!(pending["replaces"]["account_id"], order["id"]);
    scene.holds("TWIN-1", 1).await;
    let off = format!("/v1/orders/{}/cancel", text(&pending["id"]));
    refused(&ada.post(&off, &json!({})).await, 409, "order_state");
    refused(&scene.pay(order, &even, "soon", APPROVED).await, 409, "order_state");
    // Whoever waits can order other things.
    ada.fill_cart(&id_of(ada, "LAMP-1").await, 1).await;
    let other = ada.order("second", &ada.card(APPROVED).await).await;
    ada.until(other.body["id"].as_str().unwrap(), &["CONFIRMED"]).await;
    scene.comes_back(&even).await;
    let twin = scene.instead(&even, "CONFIRMED").await;
    let told = scene.stands(order, &even).await;
    assert_eq!(settled(&told), ("done", 2_380, 0, 0), "{told}");
    assert_eq!(scene.paid().await, [captured(total)]);
    let words = ada.get(&format!("/v1/orders/{}/timeline", text(&twin["id"]))).await;
    for what in ["placed", "reserve_stock", "charge_difference", "book_shipment", "confirm"] {
        let is_told = words.body.as_array().unwrap().iter().any(|entry| entry["what"] == what);
        assert!(is_told, "{what}: {words:?}");
    }

    // Cheaper: the rest goes back.
    let cheap = scene.wanted(order, "cheap", "BULB-1", 1).await;
    let cheap = scene.approve(&cheap, "cheap").await.body;
    scene.comes_back(&cheap).await;
    let bulb = scene.instead(&cheap, "CONFIRMED").await;
    let told = scene.ends(order, &cheap).await;
    assert_eq!(settled(&told), ("done", 595, 0, 1_785), "{told}");
    assert_eq!(scene.paid().await, [partly(total)]);

    // Dearer: nothing is sent before the rest is paid, by whatever card works.
    let dear = scene.wanted(order, "dear", "DESK-1", 1).await;
    let dear = scene.approve(&dear, "dear").await.body;
    let asked = scene.comes_back(&dear).await;
    assert_eq!((&asked["state"], cents(&asked["exchange"]["due"])), (&json!("settling"), 27_370));
    refused(&scene.pay(order, &dear, "poor", DECLINED).await, 402, "payment_declined");
    let waits = scene.pay(order, &dear, "asked", CHALLENGED).await;
    assert_eq!(waits.status, 202, "{waits:?}");
    refused(&scene.pay(order, &dear, "twice", APPROVED).await, 409, "conflict");
    let url = text(&waits.body["next_action"]["url"]);
    assert_eq!(ada.post(&url, &json!({"outcome": "decline"})).await.status, 200);
    let waits = loop {
        let again = scene.pay(order, &dear, "again", CHALLENGED).await;
        // What was declined is still being heard of.
        if again.body["code"] != "conflict" {
            break again;
        }
        scene.instead(&dear, "PENDING").await;
    };
    assert_eq!(waits.status, 202, "{waits:?}");
    let url = text(&waits.body["next_action"]["url"]);
    assert_eq!(ada.post(&url, &json!({"outcome": "approve"})).await.status, 200);
    let desk = scene.instead(&dear, "CONFIRMED").await;
    let told = scene.stands(order, &dear).await;
    assert_eq!(settled(&told), ("done", 2_380, 27_370, 0), "{told}");
    refused(&scene.pay(order, &dear, "late", APPROVED).await, 409, "order_state");

    // What was sent instead comes back too: its money is where it was paid, by two cards.
    scene.arrives(&desk).await;
    let line = json!({"line_id": desk["lines"][0]["id"], "quantity": 1, "reason": "other"});
    let back = ada.command(&Scene::returns(&desk), "back", &json!({"lines": [line]})).await;
    assert_eq!(scene.step(&back.body, "approve", &json!({})).await.status, 200);
    scene.comes_back(&back.body).await;
    // And what was not sent yet is called off.
    let off = format!("/v1/orders/{}/cancel", text(&bulb["id"]));
    assert_eq!(ada.post(&off, &json!({})).await.body["status"], "CANCELLED");
    let told = scene.ends(&desk, &back.body).await;
    assert_eq!((&told["state"], cents(&told["refund"])), (&json!("done"), 29_750), "{told}");
    // What was sent instead is exchanged again, and that is still paid by the first order.
    scene.arrives(&twin).await;
    let third = scene.wanted(&twin, "third", "TWIN-1", 1).await;
    let third = scene.approve(&third, "third").await.body;
    scene.comes_back(&third).await;
    let third = scene.instead(&third, "CONFIRMED").await;
    assert_eq!(third["replaces"]["account_id"], order["id"]);
    let off = format!("/v1/orders/{}/cancel", text(&third["id"]));
    assert_eq!(ada.post(&off, &json!({})).await.status, 200);
    shop.settle();
    let path = format!("/v1/admin/orders/{}/changes", text(&bulb["id"]));
    let of_bulb = scene.staff.get(&path).await.body;
    assert_eq!((&of_bulb[0]["state"], cents(&of_bulb[0]["refund"])), (&json!("done"), 595));
    // All of it is with the two payments that were taken: the desk was paid by both.
    let declined = || ("declined".to_owned(), 27_370);
    let paid = scene.paid().await;
    assert_eq!(paid[1..3], [declined(), declined()]);
    let is_part = |paid: &(String, i64)| paid.0.contains("refunded");
    assert!(is_part(&paid[0]) && is_part(&paid[3]) && paid.len() == 4, "{paid:?}");
    for (sku, units) in [("TWIN-1", 0), ("BULB-1", 0), ("DESK-1", 0)] {
        scene.holds(sku, units).await;
    }
    shop.stop();
    shop.assert_books();
}

async fn an_exchange_that_comes_to_nothing_leaves_nothing(engine: Engine) {
    // Nobody pays within no time.
    let Some(mut shop) = shop(engine, "0") else { return };
    let scene = Scene::new(&shop, 8).await;
    let (ada, order) = (&scene.ada, &scene.order);
    let twin = id_of(ada, "TWIN-1").await;
    for (n, wrong) in [
        json!([{"product_id": twin, "quantity": 0}]),
        json!([{"product_id": twin, "quantity": -1}]),
        json!([{"product_id": twin, "quantity": i64::MAX}]),
        json!([{"product_id": twin, "quantity": 1}, {"product_id": twin, "quantity": 1}]),
        json!([{"product_id": "lamp", "quantity": 1}]),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = scene.ask(order, &format!("wrong {n}"), wrong).await;
        assert!([400, 422].contains(&answer.status), "{answer:?}");
    }
    let nothing = scene.ask(order, "nothing", json!([{"product_id": order["id"], "quantity": 1}]));
    let nothing = nothing.await.body;
    refused(&scene.approve(&nothing, "nothing").await, 409, "not_sellable");

    // There is not enough of it: nothing is approved, and it can be asked again.
    let many = scene.wanted(order, "many", "DESK-1", 6).await;
    for key in ["many", "once more"] {
        let sold_out = scene.approve(&many, key).await;
        refused(&sold_out, 409, "out_of_stock");
        assert_eq!(scene.approve(&many, key).await.text, sold_out.text);
    }
    let told = scene.stands(order, &many).await;
    assert_eq!(told["state"], "requested", "{told}");
    assert_eq!(scene.instead(&told, "FAILED").await["failure"]["code"], "out_of_stock");
    scene.holds("DESK-1", 0).await;

    // Of many who approve it at once one does, and what it holds goes back with the return.
    for (end, key) in [("reject", "a"), ("withdraw", "b")] {
        let change = scene.wanted(order, key, "TWIN-1", 2).await;
        let keys: Vec<String> = (0..CLERKS).map(|n| format!("{key} {n}")).collect();
        let all = join_all(keys.iter().map(|key| scene.approve(&change, key))).await;
        let done = all.iter().filter(|answer| answer.status == 200).count();
        assert!(done == 1 && all.iter().all(|it| [200, 409].contains(&it.status)), "{all:?}");
        scene.holds("TWIN-1", 2).await;
        let change = scene.stands(order, &change).await;
        let ended = if end == "reject" {
            scene.step(&change, end, &json!({"reason": "worn"})).await
        } else {
            let path = format!("{}/{}/{end}", Scene::returns(order), text(&change["id"]));
            ada.post(&path, &json!({})).await
        };
        assert_eq!(ended.status, 200, "{ended:?}");
        scene.instead(&change, "CANCELLED").await;
    }
    for round in 0..ROUNDS {
        let change = scene.wanted(order, &format!("race {round}"), "TWIN-1", 1).await;
        let path = format!("{}/{}/withdraw", Scene::returns(order), text(&change["id"]));
        let nothing = json!({});
        let race = tokio::join!(scene.approve(&change, &path), ada.post(&path, &nothing));
        assert_eq!(race.1.status, 200, "{race:?}");
        assert_eq!(scene.stands(order, &change).await["state"], "withdrawn");
    }

    // Whoever does not pay has their money, and what they wanted can be sold.
    let before = scene.paid().await;
    let dear = scene.wanted(order, "dear", "DESK-1", 1).await;
    let dear = scene.approve(&dear, "dear").await.body;
    scene.holds("DESK-1", 1).await;
    scene.comes_back(&dear).await;
    refused(&scene.pay(order, &dear, "late", APPROVED).await, 409, "order_state");
    scene.instead(&dear, "CANCELLED").await;
    let told = scene.ends(order, &dear).await;
    assert_eq!(settled(&told), ("done", 0, 0, 2_380), "{told}");
    shop.settle();
    assert!(told["answer"].is_string() && told["exchange"].get("due").is_none(), "{told}");
    let after = scene.paid().await;
    assert_eq!((after.len(), after[0].0.as_str()), (before.len(), "partially_refunded"));
    for sku in ["TWIN-1", "DESK-1"] {
        scene.holds(sku, 0).await;
    }
    shop.stop();
    shop.assert_books();
}
