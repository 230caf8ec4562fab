//! `stoa verify` finds what it is there to find: each invariant is broken on purpose.

use std::path::Path;

use serde_json::json;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};

use crate::support::{APPROVED, Customer, DECLINED, Engine, Shop, id_of, product};

/// A wound: the module's file, what is done to it, and words of the invariant that must be named.
const WOUNDS: &[(&str, &str, &str)] = &[
    ("inventory", "update stock set on_hand = on_hand + 1", "on_hand"),
    ("inventory", "update stock set reserved = on_hand + 1", "reserved"),
    (
        "inventory",
        "update reservation set quantity = quantity + 1 where state = 'committed'",
        "reserv",
    ),
    ("order", "update orders set total_minor = total_minor + 1", "total"),
    (
        "order",
        "update order_line set unit_minor = unit_minor + 1, total_minor = total_minor + 1",
        "lines",
    ),
    ("order", "update orders set status = 'PENDING' where status = 'CONFIRMED'", "has a saga"),
    (
        "order",
        "update cart set order_id = (select id from orders where status = 'CONFIRMED' limit 1)",
        "cart",
    ),
    ("order", "update coupon set uses = uses + 1", "coupon uses"),
    ("order", "update coupon set uses = uses_max + 1", "coupon.uses"),
    ("order", "update shipment set state = 'shipped' where state = 'booked'", "shipment"),
    ("order", "update saga set phase = 'stuck', ended_at = null", "saga"),
    ("order", "update orders set status = 'CANCELLED' where status = 'CONFIRMED'", "money"),
    ("order", "update orders set status = 'SHIPPED' where status = 'CONFIRMED'", "stock"),
    ("order", "delete from outbox where seq = 2", "gapless"),
    ("order", "update outbox set version = version + 5 where seq = 3", "gapless"),
    (
        "order",
        "delete from order_line; delete from saga_history; delete from orders",
        "belongs to an order",
    ),
    ("payment", "update payment set captured_minor = 0 where captured_minor > 0", "money"),
    (
        "payment",
        "update payment set refunded_minor = captured_minor + 1 where captured_minor > 0",
        "refund",
    ),
    ("payment", "update cursor set pos = 0", "every event reached"),
    ("analytics", "update cursor set pos = pos + 100", "every event reached"),
    ("analytics", "update sales_day set revenue_minor = revenue_minor + 1", "sales"),
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
    shop.settle();
    shop.stop();
    shop.assert_books();
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
        break_it(&shop.folder.join(format!("{module}.db")), wound).await;
        let verified = shop.run(&["verify", "--grace-s", "0"]);
        let text = String::from_utf8_lossy(&verified.stdout);
        assert_eq!(verified.status.code(), Some(1), "{wound}\n{text}\n{verified:?}");
        let named = |line: &str| line.starts_with("BROKEN") && line.contains(words);
        assert!(text.lines().any(named), "{wound} is not named by {words:?}\n{text}");
    }
}

/// Hurts a file behind the back of its constraints.
async fn break_it(file: &Path, wound: &str) {
    let mut connection: SqliteConnection = SqliteConnectOptions::new()
        .filename(file)
        .foreign_keys(false)
        .pragma("ignore_check_constraints", "on")
        .connect()
        .await
        .unwrap();
    let text = sqlx::AssertSqlSafe(wound.to_owned());
    sqlx::raw_sql(text).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}
