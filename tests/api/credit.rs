//! Gift cards and store credit in a whole shop: beside a card, instead of one, and back again.

use serde_json::{Value, json};

use crate::support::{
    APPROVED, Answer, Customer, DECLINED, Engine, Shop, WAIT_MAX, id_of, on_both_engines,
    order_body, product,
};
use crate::words::{cents, euros, text};

on_both_engines![gift_cards_and_store_credit_pay_and_come_back];

/// A card whose holder disputes what was taken.
const DISPUTED: &str = "4000000000000259";
/// What a lamp costs with its shipping and tax, in cents.
const TOTAL: i64 = 2_963;

/// A shop with a gift card, and those who have it.
struct Scene {
    shop: Shop,
    staff: Customer,
    lamp: String,
    card: String,
    code: Value,
}

impl Scene {
    async fn left(&self) -> i64 {
        let card = self.staff.get(&format!("/v1/admin/gift-cards/{}", self.card)).await;
        cents(&card.body["balance"])
    }

    async fn order(&self, who: &Customer, key: &str, body: &Value) -> Answer {
        who.fill_cart(&self.lamp, 1).await;
        who.command("/v1/orders", key, body).await
    }

    async fn bought(&self, who: &Customer, key: &str, body: &Value) -> Value {
        let placed = self.order(who, key, body).await;
        assert!([201, 202].contains(&placed.status), "{placed:?}");
        who.until(&text(&placed.body["id"]), &["CONFIRMED"]).await.body
    }

    async fn refund(&self, order: &Value, key: &str, body: Value) -> Answer {
        let path = format!("/v1/admin/orders/{}/refund", text(&order["id"]));
        self.staff.command(&path, key, &body).await
    }
}

async fn gift_cards_and_store_credit_pay_and_come_back(engine: Engine) {
    let Some(mut shop) = Shop::new(engine, &[product("LAMP-1", "20.00", 50)]) else { return };
    shop.start(&[
        ("STOA__ORDER__ANSWER_WAIT_MS", "5000"),
        ("STOA__PAYMENT__SANDBOX__DISPUTE_AFTER_MS", "0"),
        ("STOA__PAYMENT__SANDBOX__POLL_MS", "50"),
    ]);
    let staff = shop.staff().await;
    let lamp = id_of(&staff, "LAMP-1").await;
    let issue = json!({"amount": euros("40.00")});
    let issued = staff.command("/v1/admin/gift-cards", "card", &issue).await;
    assert_eq!(issued.status, 201, "{issued:?}");
    let (card, code) = (text(&issued.body["id"]), issued.body["code"].clone());
    let mut scene = Scene { shop, staff, lamp, card, code };
    a_part_and_all_of_an_order(&scene).await;
    what_comes_to_nothing_gives_back(&scene).await;
    store_credit_after_the_sale(&scene).await;
    scene.shop.settle();
    scene.shop.stop();
    scene.shop.assert_books();
    assert!(!scene.shop.log().contains(scene.code.as_str().unwrap()), "a code is in no log");
}

async fn a_part_and_all_of_an_order(scene: &Scene) {
    let ada = Customer::guest(&scene.shop).await;
    ada.fill_cart(&scene.lamp, 1).await;
    let mut body = order_body(&ada.card(APPROVED).await);
    let token = body.as_object_mut().unwrap().remove("payment").unwrap();
    body["gift_cards"] = json!([scene.code]);
    let quote = ada.post("/v1/cart/quote", &body).await;
    assert_eq!(quote.status, 200, "{quote:?}");
    assert_eq!(
        (&quote.body["due"], cents(&quote.body["credit"][0]["amount"])),
        (&euros("0.00"), TOTAL)
    );
    assert_eq!(scene.left().await, 4_000, "a quote takes nothing");
    let all = ada.command("/v1/orders", "all", &body).await;
    assert_eq!(all.status, 201, "{all:?}");
    assert_eq!((&all.body["status"], &all.body["payment"]), (&json!("CONFIRMED"), &Value::Null));
    assert_eq!(scene.left().await, 4_000 - TOTAL);
    let again = ada.command("/v1/orders", "all", &body).await;
    assert_eq!(again.text, all.text, "once for the key");

    ada.fill_cart(&scene.lamp, 1).await;
    let unpaid = ada.command("/v1/orders", "unpaid", &body).await;
    assert_eq!((unpaid.status, &unpaid.body["errors"][0]["field"]), (422, &json!("payment")));
    for wrong in ["0", "00000-00000-00000-00000"] {
        body["gift_cards"] = json!([wrong]);
        let refused = ada.command("/v1/orders", wrong, &body).await;
        assert_eq!(
            (refused.status, &refused.body["reason"]),
            (409, &json!("unknown")),
            "{refused:?}"
        );
        assert_eq!(refused.body["errors"][0]["field"], "gift_cards[0]");
    }
    body["gift_cards"] = json!([scene.code]);
    body["payment"] = token;
    let part = ada.command("/v1/orders", "part", &body).await;
    assert_eq!(part.status, 201, "{part:?}");
    assert_eq!((scene.left().await, cents(&part.body["credit"][0]["amount"])), (0, 4_000 - TOTAL));
    let by_card = 2 * TOTAL - 4_000;
    let id = text(&part.body["id"]);
    let payments = scene.staff.get(&format!("/v1/admin/payments?order_id={id}")).await;
    assert_eq!(cents(&payments.body["items"][0]["authorized"]), by_card);

    scene.shop.settle();
    let back = json!({"amount": euros("16.00"), "reason": "late"});
    let given = scene.refund(&part.body, "back", back).await;
    assert_eq!(given.status, 200, "{given:?}");
    assert_eq!(scene.left().await, 4_000 - TOTAL, "first what the gift card paid");
    let payments = scene.staff.get(&format!("/v1/admin/payments?order_id={id}")).await;
    assert_eq!(cents(&payments.body["items"][0]["refunded"]), 1_600 - (4_000 - TOTAL));
    let cancelled =
        ada.post(&format!("/v1/orders/{}/cancel", text(&all.body["id"])), &json!({})).await;
    assert_eq!(cancelled.status, 200, "{cancelled:?}");
    scene.shop.settle();
    assert_eq!(scene.left().await, 4_000);
}

async fn what_comes_to_nothing_gives_back(scene: &Scene) {
    let eve = Customer::guest(&scene.shop).await;
    eve.fill_cart(&scene.lamp, 1).await;
    let mut body = order_body(&eve.card(DECLINED).await);
    body["gift_cards"] = json!([scene.code]);
    // Two lamps are more than is on the card.
    let declined = scene.order(&eve, "declined", &body).await;
    assert_eq!(declined.status, 402, "{declined:?}");
    assert_eq!(scene.left().await, 4_000);
    scene.staff.post(&format!("/v1/admin/gift-cards/{}/block", scene.card), &json!({})).await;
    let blocked = eve.command("/v1/orders", "blocked", &body).await;
    assert_eq!((blocked.status, &blocked.body["reason"]), (409, &json!("unknown")), "{blocked:?}");
}

async fn store_credit_after_the_sale(scene: &Scene) {
    let credentials =
        json!({"email": "ada@example.com", "password": "correct horse battery", "name": "Ada"});
    let registered = Customer::anyone(&scene.shop).post("/v1/auth/register", &credentials).await;
    assert_eq!(registered.status, 201, "{registered:?}");
    let credentials = json!({"email": "ada@example.com", "password": "correct horse battery"});
    let ada = Customer::anyone(&scene.shop).log_in(&credentials).await.unwrap();
    let order = scene.bought(&ada, "one", &order_body(&ada.card(APPROVED).await)).await;
    let becomes = json!({"amount": euros("10.00"), "to": "store_credit", "reason": "late"});
    let early = scene.refund(&order, "early", becomes.clone()).await;
    assert_eq!((early.status, &early.body["code"]), (409, &json!("order_state")), "{early:?}");
    let ship = format!("/v1/admin/orders/{}/ship", text(&order["id"]));
    assert_eq!(scene.staff.post(&ship, &json!({})).await.status, 200);
    // Nothing becomes credit that was not taken yet.
    let began = std::time::Instant::now();
    while scene.refund(&order, "credit", becomes.clone()).await.status == 409 {
        assert!(began.elapsed() < WAIT_MAX, "{}", scene.shop.log());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    for _ in 0..2 {
        let given = scene.refund(&order, "credit", becomes.clone()).await;
        assert_eq!((given.status, &given.body["refund_to"]), (200, &json!("store_credit")));
    }
    let own = ada.get("/v1/me/store-credit").await;
    assert_eq!(own.body[0]["balance"], euros("10.00"), "{own:?}");

    let mut body = order_body(&ada.card(APPROVED).await);
    body["store_credit"] = json!(true);
    let second = scene.bought(&ada, "two", &body).await;
    assert_eq!(second["credit"][0]["kind"], "store_credit");
    let statement = format!("/v1/me/store-credit/{}/movements", text(&own.body[0]["id"]));
    let moved = ada.get(&statement).await;
    assert_eq!(moved.body["items"][0]["amount"], euros("-10.00"), "{moved:?}");

    disputed_money_becomes_no_credit(scene, &ada, becomes.clone()).await;
    let guest = Customer::guest(&scene.shop).await;
    let order = scene.bought(&guest, "guest", &order_body(&guest.card(APPROVED).await)).await;
    let ship = format!("/v1/admin/orders/{}/ship", text(&order["id"]));
    assert_eq!(scene.staff.post(&ship, &json!({})).await.status, 200);
    let lost = scene.refund(&order, "lost", becomes).await;
    assert_eq!((lost.status, &lost.body["errors"][0]["field"]), (422, &json!("to")), "{lost:?}");
}

/// The order's balance does not know of a dispute; what its payments keep does.
async fn disputed_money_becomes_no_credit(scene: &Scene, ada: &Customer, becomes: Value) {
    let order = scene.bought(ada, "disputed", &order_body(&ada.card(DISPUTED).await)).await;
    let ship = format!("/v1/admin/orders/{}/ship", text(&order["id"]));
    assert_eq!(scene.staff.post(&ship, &json!({})).await.status, 200);
    let payment = format!("/v1/payments/{}", text(&order["payment"]["id"]));
    let began = std::time::Instant::now();
    while scene.staff.get(&payment).await.body["status"] != "disputed" {
        assert!(began.elapsed() < WAIT_MAX, "{}", scene.shop.log());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let erase = scene.shop.run(&["customer", "erase", "ada@example.com"]);
    let why = String::from_utf8_lossy(&erase.stdout);
    assert!(why.contains("is disputed"), "who could say what there is to say? {erase:?}");
    let refused = scene.refund(&order, "disputed", becomes).await;
    assert_eq!((refused.status, &refused.body["refundable"]), (409, &euros("0.00")), "{refused:?}");
}
