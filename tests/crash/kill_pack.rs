//! SIGKILL around the commit of a pack: events are rows or packed, and none is both or lost.

use std::os::unix::process::ExitStatusExt as _;

use chrono::TimeDelta;
use platform::sql::Sql;
use serde_json::Value;

use crate::support::{Customer, Engine, Shop, on_both_engines, product};

on_both_engines![a_kill_at_the_commit_of_a_pack_loses_no_event];

const SIGKILL: i32 = 9;
/// Their events and those of their prices are more than two packs.
const PRODUCTS: usize = 2_100;

async fn a_kill_at_the_commit_of_a_pack_loses_no_event(engine: Engine) {
    let products: Vec<Value> =
        (0..PRODUCTS).map(|n| product(&format!("LAMP-{n}"), "20.00", 5)).collect();
    let Some(mut shop) = Shop::new(engine, &products) else { return };
    shop.start(&[]);
    shop.settle();
    shop.stop();
    age(&shop, "catalog").await;
    let told = events(&shop, "catalog");
    assert!(told.lines().count() > PRODUCTS, "{}", told.lines().count());
    for (point, packs) in [("before commit of outbox.pack", 0), ("after commit of outbox.pack", 1)]
    {
        shop.set("STOA_FAULT", &format!("kill:{point}"));
        let died = shop.run(&["serve"]);
        assert_eq!(died.status.signal(), Some(SIGKILL), "{point}: {died:?}");
        shop.set("STOA_FAULT", "");
        assert_eq!(packed(&shop, "catalog").await, packs, "{point}");
        assert!(events(&shop, "catalog") == told, "{point}: other events");
        shop.assert_books();
    }
    age(&shop, "inventory").await;
    let of_stock = events(&shop, "inventory");
    shop.start(&[]);
    shop.settle();
    shop.stop();
    assert!(packed(&shop, "catalog").await >= 2 && packed(&shop, "inventory").await >= 1);
    assert!(events(&shop, "catalog") == told, "other events");
    assert!(events(&shop, "inventory") == of_stock, "other events");
    let replayed = shop.run(&["replay", "catalog.stock"]);
    assert!(replayed.status.success(), "{replayed:?}");
    shop.start(&[]);
    shop.settle();
    let shown = Customer::anyone(&shop).get("/v1/products/LAMP-7").await;
    assert_eq!(shown.body["available"], 5, "{shown:?}");
    shop.stop();
    shop.assert_books();
}

/// Makes all events of a module so old that they are packed.
async fn age(shop: &Shop, module: &'static str) {
    let db = shop.database(module).await;
    let mut tx = db.begin("test").await.unwrap();
    let long_ago = tx.now() - TimeDelta::days(60);
    let age = Sql::new("update outbox set time = $1");
    tx.query(age).bind(long_ago).execute().await.unwrap();
    tx.commit().await.unwrap();
    db.close().await;
}

/// All events of a module, as the command shows them.
fn events(shop: &Shop, module: &str) -> String {
    let shown = shop.run(&["events", module, "--limit", "10000"]);
    assert!(shown.status.success(), "{shown:?}");
    String::from_utf8(shown.stdout).unwrap()
}

async fn packed(shop: &Shop, module: &'static str) -> i64 {
    let db = shop.database(module).await;
    let (packs,): (i64,) =
        db.query(Sql::new("select count(*) from outbox_pack")).one().await.unwrap();
    db.close().await;
    packs
}
