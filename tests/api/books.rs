//! `stoa verify` finds what it is there to find: each invariant is broken on purpose.

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::support::{APPROVED, Customer, DECLINED, Engine, Shop, id_of, product};

/// A wound: the module's file, what is done to it, and words of the invariant that must be named.
const WOUNDS: &[(&str, &str, &str)] = &[
    (
        "auth",
        "insert into login_attempt (key, failures, failures_max, window_ends, version)
         values ('x', 9, 5, '2026-11-22T00:00:00Z', 1)",
        "login attempts never exceed",
    ),
    ("auth", "update session set generation = generation + 1", "newest refresh token"),
    ("auth", "delete from refresh_token", "newest refresh token"),
    ("auth", "delete from outbox where kind = 'customer.registered'", "opened account was told"),
    (
        "auth",
        "update session set revoked_at = started_at, revoked_reason = 'logout', version = 1",
        "ended session was told",
    ),
    ("auth", "delete from outbox where kind = 'letter.written'", "letter was handed to the bus"),
    (
        "auth",
        "update customer set version = 1 where role = 'guest'",
        "guest who logged in was told",
    ),
    ("catalog", "update product set price = -1", "price is within its bounds"),
    ("catalog", "update product set parent_id = id", "variant has a parent"),
    ("catalog", "update product set parent_id = randomblob(16)", "variant has a parent"),
    ("catalog", "update product set version = version + 1", "version of a product has its event"),
    ("catalog", "update price_history set amount = amount + 1", "public price is the one"),
    (
        "catalog",
        "insert into bundle_part (bundle_id, product_id, quantity)
         select id, id, 1000 from product",
        "every bundle as there are parts",
    ),
    ("catalog", "update category set name = 'Elsewhere'", "category is below the one it names"),
    ("inventory", "update stock set reserved = on_hand + 1", "no more stock is promised"),
    ("inventory", "update stock set on_hand = on_hand + 1", "sum of its movements"),
    (
        "inventory",
        "drop trigger movement_is_never_deleted; delete from movement where kind = 'reserved'",
        "sum of its movements",
    ),
    (
        "inventory",
        "update reservation_line set quantity = quantity + 1",
        "reserved stock is what live orders hold",
    ),
    (
        "inventory",
        "update reservation set state = 'released' where state = 'committed'",
        "reserved stock is what live orders hold",
    ),
    (
        "inventory",
        "update reservation_line set backordered = backordered + 1",
        "orders wait for what is promised and is not there",
    ),
    ("inventory", "update stock set alerts = alerts + 1", "warning of low stock was told"),
    ("inventory", "update location set version = version + 1", "change of a location was told"),
    ("inventory", "delete from reservation_line", "movements fit its state"),
    ("inventory", "delete from reservation", "movements fit its state"),
    (
        "inventory",
        "drop trigger movement_is_never_changed;
         update movement set order_id = randomblob(16) where kind = 'reserved'",
        "movements fit its state",
    ),
    (
        "inventory",
        "update reservation set state = 'shipped' where state = 'committed'",
        "movements fit its state",
    ),
    (
        "inventory",
        "delete from outbox where seq = (select max(seq) from outbox)",
        "every change of stock was told",
    ),
    (
        "inventory",
        "update reservation set state = 'held' where state = 'committed'",
        "holds the stock that its state explains",
    ),
    ("order", "update orders set total_minor = total_minor + 1", "total equals lines"),
    ("order", "update order_line set total_minor = total_minor + 1", "items equal its lines"),
    ("order", "update order_line set unit_minor = unit_minor + 1", "items equal its lines"),
    ("order", "delete from order_line", "items equal its lines"),
    ("order", "update order_line set quantity = quantity + 1", "holds the stock"),
    ("order", "update orders set status = 'PENDING' where status = 'CONFIRMED'", "has a saga"),
    ("order", "update orders set version = version + 1", "change of an order was told"),
    (
        "order",
        "update cart set order_id = (select id from orders where status = 'CONFIRMED' limit 1)",
        "no cart is held",
    ),
    ("order", "update cart set order_id = randomblob(16)", "no cart is held"),
    ("order", "update promotion set uses = uses + 1", "coupon uses equal"),
    ("order", "update promotion set uses = uses_max + 1", "promotion.uses"),
    ("order", "update promotion set spent_minor = spent_minor + 1", "coupon uses equal"),
    ("order", "update promotion set spent_minor = budget_minor + 1", "promotion.spent"),
    (
        "order",
        "insert into promotion_use (key, code, uses, uses_max) values ('TEN/x', 'TEN', 2, 1)",
        "promotion_use.uses",
    ),
    ("order", "update order_line set discount_minor = 1", "discount equals those of its lines"),
    ("order", "update order_line set tax_minor = tax_minor + 1", "tax equals those of its lines"),
    ("order", "update shipment set state = 'shipped' where state = 'booked'", "shipment"),
    ("order", "update shipment set order_id = randomblob(16) where state = 'booked'", "shipment"),
    ("order", "update order_line set shipped = 1", "is in one shipment"),
    (
        "order",
        "update order_line set delivered = delivered + 1 where delivered > 0",
        "is in one shipment",
    ),
    ("order", "update order_line set shipped = 0", "holds the stock"),
    ("order", "update shipment_line set quantity = quantity + 1", "is in one shipment"),
    ("order", "update shipment set state = 'delivered' where state = 'shipped'", "is in one"),
    ("order", "update order_line set lost = 1 where delivered = 1", "units and shipments say"),
    ("order", "update orders set status = 'DELIVERED' where status = 'SHIPPED'", "shipments say"),
    ("order", "delete from shipment_line", "every shipment is explained"),
    ("order", "update order_balance set refunded_minor = 0", "its changes say"),
    (
        "order",
        "update order_balance set refunded_minor = charged_minor + 1",
        "order_balance.refunded",
    ),
    ("order", "update order_change_line set quantity = quantity + 1", "has its change"),
    ("order", "update order_line set cancelled = 0", "has its change"),
    (
        "order",
        "update order_change set due_minor = due_minor - 1 where state = 'done'",
        "money is what its state explains",
    ),
    (
        "order",
        "update order_change set price_minor = price_minor + 1, credit_minor = credit_minor + 1
          where credit_minor > 0",
        "what its exchange paid for it",
    ),
    ("order", "update invoice_series set last = last + 1", "a series without gaps"),
    (
        "order",
        "drop trigger invoice_is_never_deleted; delete from invoice where number = 1",
        "a series without gaps",
    ),
    (
        "order",
        "update shipment set carrier_ref = 'SBX1', progress_seq = 3
          where id = (select min(id) from shipment)",
        "where the newest event of its carrier put it",
    ),
    (
        "order",
        "insert into carrier_event (id, event_id, carrier_ref, seq, event, happened_at, raw, state,
                due_at, received_at)
         values (randomblob(16), 'a', 'SBX1', 1, 'lost', '2026-01-01T00:00:00.000000Z', '{}',
                'waiting', '2026-01-01T00:00:00.000000Z', '2026-01-01T00:00:00.000000Z')",
        "handled within an hour",
    ),
    ("order", "update saga set phase = 'stuck', ended_at = null", "no saga is stuck"),
    (
        "order",
        "update saga set phase = 'forward', ended_at = null, deadline = started_at",
        "past its deadline",
    ),
    ("order", "update orders set status = 'CANCELLED' where status = 'CONFIRMED'", "money"),
    ("order", "update orders set status = 'SHIPPED' where status = 'CONFIRMED'", "stock"),
    (
        "order",
        "delete from order_line; delete from saga_history; delete from orders",
        "belongs to an order",
    ),
    ("order", "delete from outbox where seq = 2", "gapless"),
    ("order", "update outbox set version = version + 5 where seq = 3", "gapless"),
    (
        "order",
        "delete from outbox where seq = (select max(seq) from outbox)",
        "change of an order was told",
    ),
    ("payment", "update payment set authorized_minor = 0", "refunded <= captured <= authorized"),
    (
        "payment",
        "update payment set refunded_minor = captured_minor + 1 where captured_minor > 0",
        "refunded <= captured",
    ),
    ("payment", "delete from payment_operation where kind = 'capture'", "sum of its calls"),
    ("payment", "update payment set captured_minor = 0 where captured_minor > 0", "money"),
    ("payment", "update payment set events = events + 1", "change of a payment was told"),
    (
        "payment",
        "delete from outbox where seq = (select max(seq) from outbox)",
        "change of a payment was told",
    ),
    (
        "payment",
        "update payment_operation set state = 'started', ended_at = null,
                updated_at = '2026-01-01T00:00:00.000000Z' where kind = 'capture'",
        "finished within a minute",
    ),
    ("payment", "update payment set currency = 'USD'", "money"),
    ("payment", "update cursor set pos = 0", "every event reached"),
    ("payment", "delete from payment_operation; delete from payment", "processor's books"),
    ("sandbox", "update charge set captured_minor = captured_minor - 1", "processor's books"),
    ("sandbox", "update charge set status = 'authorized'", "processor's books"),
    ("sandbox", "delete from operation; delete from charge", "processor's books"),
    ("analytics", "update cursor set pos = pos + 100", "every event reached"),
    ("analytics", "update sales_day set units = units + 1", "sum of its products"),
    ("analytics", "update sales_day set revenue = revenue + 1", "the sales of every day"),
    ("analytics", "update sales_day set refunds = refunds + 1", "the sales of every day"),
    ("analytics", "update product_sales set refunds = 1000000", "within what the day gave back"),
    ("analytics", "delete from sales_day; delete from product_sales", "the sales of every day"),
    ("analytics", "update sales_day set day = '1999-01-01'", "the sales of every day"),
    (
        "carrier",
        "insert into parcel (order_id, tracking, parameters, faults, state, booked_at, updated_at)
         values (randomblob(16), 'SBX1', '', '[]', 'booked', '2026-01-01T00:00:00.000000Z',
                '2026-01-01T00:00:00.000000Z')",
        "one that its order explains",
    ),
    ("messages", "delete from message", "customers are told of has its message"),
];

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
    in_parcels(&shop, &staff, &lamp).await;
    after_its_sale(&shop, &staff, &lamp).await;
    shop.settle();
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
    for (module, wound, words) in WOUNDS {
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
