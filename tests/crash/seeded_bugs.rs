//! The tests can fail: each seeded bug is switched on in a shop, and one and the same scenario has
//! to find it, by wrong answers or by `stoa verify`. Without a bug the scenario passes.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use serde_json::{Value, json};

use crate::bugs::Found::{ByAnswers, Either};
use crate::bugs::{BUGS, Found};
use crate::support::{
    APPROVED, CHALLENGED, Customer, DECLINED, Engine, Shop, id_of, order_body, product,
};

/// How long an order may take to its end, and a product to show what is left of it.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a shop may take to settle, in rounds of a verification and a short pause.
const ROUNDS_MAX: u32 = 200;
/// In how many rounds the books must have been wrong as expected until nothing better is hoped for.
const WRONG_MAX: u32 = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_without_a_bug_passes() {
    assert_eq!(scenario("", ByAnswers).await, Ok(()));
}

/// The bugs of one part of the list, one shop after the other.
macro_rules! parts {
    ($($name:ident: $part:literal),+) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() { every_bug_is_found($part).await; })+
    };
}
parts! { bugs_are_found_1: 0, bugs_are_found_2: 1, bugs_are_found_3: 2, bugs_are_found_4: 3 }

async fn every_bug_is_found(part: usize) {
    let mut missed = Vec::new();
    for (bug, expected) in BUGS.iter().skip(part).step_by(4) {
        // A panic of the scenario is an answer that it could not do anything with.
        let ran = AssertUnwindSafe(scenario(bug, *expected)).catch_unwind().await;
        let found = match ran {
            Ok(Ok(())) => None,
            Ok(Err(wrong)) => Some(wrong),
            Err(_) => Some(Wrong::Answers("the scenario broke off".to_owned())),
        };
        let as_expected = match (&found, expected) {
            (Some(Wrong::Answers(_)), ByAnswers | Either(_)) => true,
            (Some(Wrong::Books(text)), expected) => expected.is_named(text),
            _ => false,
        };
        if !as_expected {
            missed.push(format!("{bug}, expected {expected:?}: {found:#?}"));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

/// What was wrong with a shop.
#[derive(Debug, PartialEq, Eq)]
enum Wrong {
    Answers(String),
    Books(String),
}

fn expect(holds: bool, what: impl std::fmt::Debug) -> Result<(), Wrong> {
    if holds { Ok(()) } else { Err(Wrong::Answers(format!("{what:?}"))) }
}

/// A shop with the bug, and the one who talks to it.
struct Trial {
    shop: Shop,
    bug: String,
    expected: Found,
    staff: Customer,
    lamp: String,
    rare: String,
    desk: String,
}

async fn scenario(bug: &str, expected: Found) -> Result<(), Wrong> {
    let products = [
        product("LAMP-1", "20.00", 20),
        product("RARE-1", "5.00", 2),
        product("DESK-1", "73.61", 5),
    ];
    let mut shop = Shop::new(Engine::Sqlite, &products).unwrap();
    shop.set("STOA__SAGA__PAUSE_MS", "20");
    shop.set("STOA__SAGA__ATTEMPTS_MAX", "4");
    shop.set("STOA__INVENTORY__SWEEP_EVERY_MS", "100");
    shop.start(&[("STOA_BUG", bug)]);
    let staff = shop.staff().await;
    // The stock is opened by an event.
    let began = Instant::now();
    loop {
        let lamp = staff.get("/v1/products/LAMP-1").await;
        if lamp.body["available"] == 20 {
            break;
        }
        expect(began.elapsed() < PATIENCE, lamp)?;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let lamp = id_of(&staff, "LAMP-1").await;
    let rare = id_of(&staff, "RARE-1").await;
    let desk = id_of(&staff, "DESK-1").await;
    let mut trial = Trial { shop, bug: bug.to_owned(), expected, staff, lamp, rare, desk };
    trial.a_plain_order().await?;
    trial.a_declined_card().await?;
    trial.a_cancelled_order().await?;
    trial.the_last_unit().await?;
    trial.a_challenge().await?;
    trial.a_cancelled_checkout().await?;
    trial.a_parcel_that_is_gone().await?;
    trial.a_lost_answer().await?;
    trial.a_refused_step().await?;
    trial.a_kill_between_two_steps().await
}

impl Trial {
    async fn available(&self, sku: &str, units: i64) -> Result<(), Wrong> {
        let began = Instant::now();
        loop {
            let product = self.staff.get(&format!("/v1/products/{sku}")).await;
            if product.body["available"] == units || began.elapsed() > PATIENCE {
                return expect(product.body["available"] == units, product);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until the books are right, for a short time.
    async fn settle(&self) -> Result<(), Wrong> {
        let (mut text, mut wrong) = (String::new(), 0);
        for _ in 0..ROUNDS_MAX {
            let verified = self.shop.run(&["verify", "--grace-s", "0"]);
            if verified.status.success() {
                return Ok(());
            }
            text = String::from_utf8_lossy(&verified.stdout).into_owned();
            wrong += u32::from(self.expected.is_named(&text));
            if wrong == WRONG_MAX {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err(Wrong::Books(text))
    }

    /// The order's status as its owner sees it, once it is final.
    async fn ends(&self, who: &Customer, id: &str, status: &str) -> Result<Value, Wrong> {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            let order = who.get(&format!("/v1/orders/{id}")).await;
            if order.body["status"] == status {
                return Ok(order.body);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(Wrong::Answers(format!("the order is not {status}")))
    }

    async fn a_plain_order(&self) -> Result<(), Wrong> {
        let ada = Customer::guest(&self.shop).await;
        ada.fill_cart(&self.lamp, 2).await;
        let token = ada.card(APPROVED).await;
        let order = ada.order("key", &token).await;
        expect(order.status == 201 && order.body["status"] == "CONFIRMED", &order)?;
        // 2 * 20.00 + 4.90 shipping, and 19 % of it.
        expect(order.body["totals"]["total"]["amount"] == "53.43", &order)?;
        let again = ada.order("key", &token).await;
        expect(again.text == order.text, again)?;
        let cart = ada.get("/v1/cart").await;
        expect(cart.body["lines"] == json!([]), cart)?;
        self.settle().await?;
        let id = order.body["id"].as_str().unwrap_or_default();
        let order = self.ends(&ada, id, "CONFIRMED").await?;
        expect(order["payment"]["status"] == "captured", order)?;
        self.available("LAMP-1", 18).await?;
        let sales = self.staff.get("/v1/admin/analytics/sales").await;
        let sold = &sales.body["items"][0];
        expect(sold["orders"] == 1 && sold["revenue"]["amount"] == "53.43", sales)
    }

    async fn a_declined_card(&self) -> Result<(), Wrong> {
        let coupon = json!({"code": "TEN", "percent": "10", "uses_max": 3});
        let made = self.staff.post("/v1/admin/promotions", &coupon).await;
        expect(made.status == 201, made)?;
        let ada = Customer::guest(&self.shop).await;
        ada.fill_cart(&self.lamp, 2).await;
        let mut body = order_body(&ada.card(DECLINED).await);
        body["coupon"] = json!("TEN");
        let order = ada.command("/v1/orders", "key", &body).await;
        expect(order.status == 402 && order.body["code"] == "payment_declined", order)?;
        self.settle().await?;
        self.available("LAMP-1", 18).await
    }

    async fn a_cancelled_order(&self) -> Result<(), Wrong> {
        let ada = Customer::guest(&self.shop).await;
        ada.fill_cart(&self.lamp, 3).await;
        let order = ada.order("key", &ada.card(APPROVED).await).await;
        expect(order.status == 201, &order)?;
        let id = order.body["id"].as_str().unwrap_or_default();
        self.settle().await?;
        let payment = self.ends(&ada, id, "CONFIRMED").await?["payment"]["id"].clone();
        let path = format!("/v1/admin/payments/{}/refund", payment.as_str().unwrap_or_default());
        let much = json!({"amount": {"amount": "1000.00", "currency": "EUR"}});
        let refused = self.staff.command(&path, "refund", &much).await;
        expect((400..500).contains(&refused.status), refused)?;
        let path = format!("/v1/orders/{id}/cancel");
        let cancelled = ada.command(&path, "cancel", &json!({})).await;
        expect(cancelled.body["status"] == "CANCELLED", &cancelled)?;
        let again = ada.command(&path, "cancel", &json!({})).await;
        expect(again.text == cancelled.text, again)?;
        self.settle().await?;
        let order = self.ends(&ada, id, "CANCELLED").await?;
        expect(order["payment"]["status"] == "refunded", order)?;
        self.available("LAMP-1", 18).await
    }

    async fn the_last_unit(&self) -> Result<(), Wrong> {
        let eve = Customer::guest(&self.shop).await;
        eve.fill_cart(&self.rare, 2).await;
        let order = eve.order("key", &eve.card(APPROVED).await).await;
        expect(order.status == 201, &order)?;
        let path = format!("/v1/orders/{}/cancel", order.body["id"].as_str().unwrap_or_default());
        expect(eve.post(&path, &json!({})).await.status == 200, order)?;
        self.settle().await?;
        let (ada, bob) = (Customer::guest(&self.shop).await, Customer::guest(&self.shop).await);
        let buy = |who: Customer, lamp: String| async move {
            who.fill_cart(&lamp, 2).await;
            who.order("key", &who.card(APPROVED).await).await
        };
        let both = tokio::join!(buy(ada, self.rare.clone()), buy(bob, self.rare.clone()));
        let mut statuses = [both.0.status, both.1.status];
        statuses.sort_unstable();
        expect(statuses == [201, 409], both)?;
        self.settle().await?;
        self.available("RARE-1", 0).await
    }

    async fn a_challenge(&self) -> Result<(), Wrong> {
        let ada = Customer::guest(&self.shop).await;
        ada.fill_cart(&self.desk, 2).await;
        let order = ada.order("key", &ada.card(CHALLENGED).await).await;
        expect(order.body["status"] == "AWAITING_PAYMENT", &order)?;
        self.available("DESK-1", 3).await?;
        // Long enough for the sweeper to come by.
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.available("DESK-1", 3).await?;
        let payment = order.body["payment"]["id"].as_str().unwrap_or_default();
        let path = format!("/v1/payments/{payment}/challenge");
        let approved = ada.post(&path, &json!({"outcome": "approve"})).await;
        expect(approved.status == 200, approved)?;
        let id = order.body["id"].as_str().unwrap_or_default();
        self.ends(&ada, id, "CONFIRMED").await?;
        self.settle().await
    }

    async fn a_cancelled_checkout(&self) -> Result<(), Wrong> {
        let ada = Customer::guest(&self.shop).await;
        ada.fill_cart(&self.lamp, 1).await;
        let order = ada.order("key", &ada.card(CHALLENGED).await).await;
        expect(order.body["status"] == "AWAITING_PAYMENT", &order)?;
        let id = order.body["id"].as_str().unwrap_or_default();
        let cancelled = ada.post(&format!("/v1/orders/{id}/cancel"), &json!({})).await;
        expect(cancelled.status == 200 && cancelled.body["status"] == "CANCELLED", &cancelled)?;
        self.settle().await?;
        self.available("LAMP-1", 18).await
    }

    async fn a_parcel_that_is_gone(&self) -> Result<(), Wrong> {
        let ada = Customer::guest(&self.shop).await;
        ada.fill_cart(&self.lamp, 1).await;
        let order = ada.order("key", &ada.card(APPROVED).await).await;
        expect(order.status == 201, &order)?;
        let id = order.body["id"].as_str().unwrap_or_default();
        let books = rusqlite::Connection::open(self.shop.folder.join("order.db")).unwrap();
        books.busy_timeout(Duration::from_secs(30)).unwrap();
        let gone = "update shipment set state = 'cancelled' where state = 'booked'
                       and booked_at = (select max(booked_at) from shipment)";
        expect(books.execute(gone, []).unwrap() == 1, &order)?;
        let ship = format!("/v1/admin/orders/{id}/ship");
        let refused = self.staff.post(&ship, &json!({})).await;
        expect(refused.status == 409, refused)?;
        let cancelled = ada.post(&format!("/v1/orders/{id}/cancel"), &json!({})).await;
        expect(cancelled.status == 200, cancelled)?;
        self.settle().await?;
        self.available("LAMP-1", 18).await
    }

    /// For a total that ends in .51 the processor charges and says nothing: 73.61 + 4.90.
    async fn a_lost_answer(&self) -> Result<(), Wrong> {
        let ada = Customer::guest(&self.shop).await;
        ada.fill_cart(&self.desk, 1).await;
        let mut body = order_body(&ada.card(APPROVED).await);
        body["shipping_address"]["country"] = json!("CH");
        body["shipping_address"]["postal_code"] = json!("8001");
        let order = ada.command("/v1/orders", "key", &body).await;
        let id = order.body["id"].as_str().or(order.body["order_id"].as_str()).unwrap_or_default();
        self.ends(&ada, id, "CONFIRMED").await?;
        self.settle().await
    }

    fn restart(&mut self, fault: &str) {
        self.shop.kill();
        self.shop.start(&[("STOA_BUG", &self.bug), ("STOA_FAULT", fault)]);
        self.staff = self.staff.at(&self.shop);
    }

    async fn a_refused_step(&mut self) -> Result<(), Wrong> {
        self.restart("reject:book_shipment");
        let ada = Customer::guest(&self.shop).await;
        ada.fill_cart(&self.lamp, 1).await;
        let order = ada.order("key", &ada.card(APPROVED).await).await;
        expect((400..500).contains(&order.status), &order)?;
        let id = order.body["order_id"].as_str().unwrap_or_default();
        let order = self.ends(&ada, id, "FAILED").await?;
        expect(order["payment"]["status"] == "voided", order)?;
        self.settle().await
    }

    async fn a_kill_between_two_steps(&mut self) -> Result<(), Wrong> {
        self.restart("kill:after run of reserve_stock");
        let ada = Customer::guest(&self.shop).await;
        ada.fill_cart(&self.lamp, 1).await;
        let body = order_body(&ada.card(APPROVED).await);
        let answered = ada.try_command("/v1/orders", "key", &body).await;
        expect(answered.is_err(), answered)?;
        self.restart("");
        let ada = ada.at(&self.shop);
        let orders = ada.get("/v1/orders").await;
        let id = orders.body["items"][0]["id"].as_str().unwrap_or_default();
        self.ends(&ada, id, "CONFIRMED").await?;
        self.settle().await?;
        self.available("LAMP-1", 17).await
    }
}
