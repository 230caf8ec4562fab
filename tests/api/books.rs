//! `stoa verify` finds what it is there to find: each invariant is broken on purpose.

mod wounds;

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::support::{APPROVED, Customer, DECLINED, Engine, Shop, id_of, product};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_wound_is_found() {
    let shop = Shop::running(Engine::Sqlite, &[product("LAMP-1", "20.00", 50)]);
    let mut shop = shop.unwrap();
    let staff = shop.staff().await;
    let coupon = json!({"code": "TEN", "percent": "10", "uses_max": 3});
    staff.post("/v1/admin/promotions", &coupon).await;
    let lamp = id_of(&staff, "LAMP-1").await;
    for card in [APPROVED, APPROVED, DECLINED] {
        let ada = Customer::guest(&shop).await;
        ada.fill_cart(&lamp, 2).await;
        ada.order("a", &ada.card(card).await).await;
    }
    by_gift_card(&shop, &staff, &lamp).await;
    in_parcels(&shop, &staff, &lamp).await;
    after_its_sale(&shop, &staff, &lamp).await;
    shop.settle();
    crate::ledger::newest_receipt(&staff).await;
    shop.stop();
    let clean = shop.run(&["verify", "--grace-s", "0"]);
    let clean = String::from_utf8_lossy(&clean.stdout).into_owned();
    let mut unbroken: BTreeSet<&str> = clean.lines().filter_map(invariant).collect();
    assert!(unbroken.len() > 20 && !clean.contains("BROKEN"), "{clean}");
    let whole = shop.folder.join("whole");
    std::fs::create_dir(&whole).unwrap();
    let files: Vec<_> = std::fs::read_dir(&shop.folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "db"))
        .collect();
    for file in &files {
        std::fs::copy(file, whole.join(file.file_name().unwrap())).unwrap();
    }
    for (module, wound, words) in wounds::WOUNDS {
        for file in &files {
            for stale in ["db-wal", "db-shm"] {
                let _ = std::fs::remove_file(file.with_extension(stale));
            }
            std::fs::copy(whole.join(file.file_name().unwrap()), file).unwrap();
        }
        break_it(&shop.folder.join(format!("{module}.db")), wound);
        let verified = shop.run(&["verify", "--grace-s", "0"]);
        let text = String::from_utf8_lossy(&verified.stdout);
        assert_eq!(verified.status.code(), Some(1), "{wound}\n{text}\n{verified:?}");
        let named = |line: &str| line.starts_with("BROKEN") && line.contains(words);
        let found: Vec<&str> = text.lines().filter(|line| named(line)).collect();
        assert!(!found.is_empty(), "{wound} is not named by {words:?}\n{text}");
        for sentence in found.into_iter().filter_map(invariant) {
            unbroken.remove(sentence);
        }
    }
    assert!(unbroken.is_empty(), "no wound breaks these: {unbroken:#?}");
}

/// An order that a gift card pays in part.
async fn by_gift_card(shop: &Shop, staff: &Customer, lamp: &str) {
    let issue = json!({"amount": {"amount": "15.00", "currency": "EUR"}});
    let card = staff.command("/v1/admin/gift-cards", "card", &issue).await;
    assert_eq!(card.status, 201, "{card:?}");
    let ada = Customer::guest(shop).await;
    ada.fill_cart(lamp, 1).await;
    let mut body = crate::support::order_body(&ada.card(APPROVED).await);
    body["gift_cards"] = json!([card.body["code"]]);
    let order = ada.command("/v1/orders", "a", &body).await;
    ada.until(order.body["id"].as_str().unwrap(), &["CONFIRMED"]).await;
}

/// Two orders that left in part and as a whole, each with one parcel that arrived.
async fn in_parcels(shop: &Shop, staff: &Customer, lamp: &str) {
    for rest in [false, true] {
        let ada = Customer::guest(shop).await;
        ada.fill_cart(lamp, 2).await;
        let order = ada.order("a", &ada.card(APPROVED).await).await;
        let order = ada.until(order.body["id"].as_str().unwrap(), &["CONFIRMED"]).await;
        let path = format!("/v1/admin/orders/{}/shipments", order.body["id"].as_str().unwrap());
        let one = json!({"lines": [{"line_id": order.body["lines"][0]["id"], "quantity": 1}]});
        let left = staff.post(&path, &one).await;
        let parcel = left.body["shipments"][0]["id"].as_str().unwrap();
        let deliver = format!("/v1/admin/shipments/{parcel}/deliver");
        assert_eq!(staff.post(&deliver, &json!({})).await.status, 200);
        let invoice = format!("/v1/orders/{}/invoice.pdf", order.body["id"].as_str().unwrap());
        assert_eq!(ada.download(&invoice).await.0, 200);
        if rest {
            assert_eq!(staff.post(&path, &json!({})).await.status, 200);
        } else {
            exchanged(staff, &ada, &order.body, lamp).await;
        }
    }
}

/// A unit that arrived is exchanged for another one.
async fn exchanged(staff: &Customer, ada: &Customer, order: &Value, lamp: &str) {
    let (path, line) =
        (format!("/v1/orders/{}/returns", order["id"].as_str().unwrap()), &order["lines"][0]["id"]);
    let lines = json!([{"line_id": line, "quantity": 1, "reason": "other"}]);
    let instead = json!([{"product_id": lamp, "quantity": 1}]);
    let asked = ada.command(&path, "a", &json!({"lines": lines, "exchange_for": instead})).await;
    let found = json!([{"line_id": line, "accepted": 1, "condition": "sellable", "restock": true}]);
    let steps =
        [("approve", json!({})), ("receive", json!({})), ("inspect", json!({"lines": found}))];
    for (step, body) in steps {
        let path = format!("/v1/admin/returns/{}/{step}", asked.body["id"].as_str().unwrap());
        let done = staff.post(&path, &body).await;
        assert_eq!(done.status, 200, "{done:?}");
    }
}

/// An order of which a unit was called off, and a part of the rest paid back.
async fn after_its_sale(shop: &Shop, staff: &Customer, lamp: &str) {
    let ada = Customer::guest(shop).await;
    ada.fill_cart(lamp, 3).await;
    let order = ada.order("a", &ada.card(APPROVED).await).await;
    let order = ada.until(order.body["id"].as_str().unwrap(), &["CONFIRMED"]).await.body;
    shop.settle();
    let below = format!("/v1/admin/orders/{}", order["id"].as_str().unwrap());
    let lines = json!([{"line_id": order["lines"][0]["id"], "quantity": 1}]);
    let off = json!({"lines": lines, "reason": "broken"});
    assert_eq!(staff.post(&format!("{below}/cancel-lines"), &off).await.status, 200);
    let back = json!({"amount": {"amount": "1.00", "currency": "EUR"}, "reason": "late"});
    let back = staff.command(&format!("{below}/refund"), "a", &back).await;
    assert!([200, 202].contains(&back.status), "{back:?}");
}

/// The module and the sentence of a line that `stoa verify` prints of an invariant.
fn invariant(line: &str) -> Option<&str> {
    line.split_once(" rows  ").map(|(_, sentence)| sentence)
}

/// Hurts a file behind the back of its constraints.
fn break_it(file: &Path, wound: &str) {
    let connection = Connection::open(file).unwrap();
    connection
        .execute_batch("pragma foreign_keys = off; pragma ignore_check_constraints = on")
        .unwrap();
    connection.execute_batch(wound).unwrap();
}
