//! What the operator's commands say and do, beside a shop and after it was killed.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{
    APPROVED, Customer, Engine, Shop, id_of, on_both_engines, order_body, product,
};

on_both_engines![
    a_saga_is_retried_or_given_up,
    dead_letters_are_redriven,
    projections_and_events_are_shown
];

/// Runs a command that must succeed, and returns what it printed.
fn said(shop: &Shop, arguments: &[&str]) -> String {
    let output = shop.run(arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn fails(shop: &Shop, arguments: &[&str]) {
    let output = shop.run(arguments);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("stoa: "), "{output:?}");
}

/// A shop that was killed after a card was authorized, its customer, and the saga. Its row does not
/// tell how far it had come.
async fn killed(engine: Engine) -> Option<(Shop, Customer, String)> {
    let mut shop = Shop::new(engine, &[product("LAMP-1", "20.00", 5)])?;
    shop.set("STOA__SAGA__LEASE_MS", "5000");
    shop.start(&[("STOA_FAULT", "kill:after run of authorize_payment")]);
    let ada = Customer::guest(&shop).await;
    ada.fill_cart(&id_of(&ada, "LAMP-1").await, 2).await;
    let body = order_body(&ada.card(APPROVED).await);
    assert!(ada.try_command("/v1/orders", "key", &body).await.is_err());
    shop.kill();
    let list = said(&shop, &["sagas", "list"]);
    let words: Vec<&str> = list.split_whitespace().collect();
    assert_eq!((words[0], words[2]), ("forward", "of"), "{list}");
    assert_eq!(list.lines().count(), 1, "{list}");
    let saga = words[1].to_owned();
    Some((shop, ada, saga))
}

async fn a_saga_is_retried_or_given_up(engine: Engine) {
    for (command, status, left) in [("retry", "CONFIRMED", 3), ("compensate", "FAILED", 5)] {
        let Some((mut shop, ada, saga)) = killed(engine).await else { return };
        fails(&shop, &["sagas", command, &kernel::id::EventId::new().to_string()]);
        said(&shop, &["sagas", command, &saga]);
        shop.start(&[]);
        let ada = ada.at(&shop);
        let orders = ada.get("/v1/orders").await;
        ada.until(orders.body["items"][0]["id"].as_str().unwrap(), &[status]).await;
        shop.settle();
        assert_eq!(ada.get("/v1/products/LAMP-1").await.body["available"], left);
        assert_eq!(said(&shop, &["sagas", "list"]), "");
        let history = said(&shop, &["sagas", "history", &saga]);
        let came = match command {
            "retry" => ["forward reserve_stock done", "forward authorize_payment done"],
            _ => ["undoing authorize_payment undone", "undoing reserve_stock undone"],
        };
        assert!(came.iter().all(|turn| history.contains(turn)), "{history}");
        let order = orders.body["items"][0]["id"].as_str().unwrap();
        assert_eq!(history, said(&shop, &["sagas", "history", order]));
        let told = shop.staff().await.get("/v1/admin/audit?action=saga").await;
        let told = told.body["items"].as_array().unwrap();
        assert_eq!(told.len(), 1, "what changed nothing is not in the log: {told:?}");
        let (action, subject) = (format!("saga.{command}"), saga.as_str());
        assert_eq!((&told[0]["action"], &told[0]["subject"]), (&json!(action), &json!(subject)));
        assert_eq!(told[0]["actor_kind"], "operator");
        assert_eq!(told[0]["after"], json!({"about": order}));
        fails(&shop, &["sagas", command, &saga]);
    }
}

async fn dead_letters_are_redriven(engine: Engine) {
    let Some(mut shop) = Shop::new(engine, &[product("LAMP-1", "20.00", 5)]) else { return };
    assert_eq!(said(&shop, &["dead-letters", "list"]), "");
    fails(&shop, &["dead-letters", "redrive", "no.such"]);
    // Goods leave that were never committed: the inventory cannot take them out of its books. Nothing else fails
    // twice.
    shop.set("STOA__BUS__ATTEMPTS_MAX", "2");
    shop.set("STOA__BUS__LEASE_MS", "30000");
    shop.start(&[("STOA_BUG", "commit_changes_nothing")]);
    let (ada, staff) = (Customer::guest(&shop).await, shop.staff().await);
    ada.fill_cart(&id_of(&ada, "LAMP-1").await, 2).await;
    let order = ada.order("key", &ada.card(APPROVED).await).await;
    let id = order.body["id"].as_str().unwrap();
    let shipped = staff.post(&format!("/v1/admin/orders/{id}/ship"), &json!({})).await;
    assert_eq!(shipped.status, 200, "{shipped:?}");
    let letter = until_dead(&shop).await;
    assert!(letter.contains("inventory.orders shipment.shipped"), "{letter}");
    assert!(letter.contains("not final"), "{letter}");
    assert_eq!(said(&shop, &["dead-letters", "list", "payment.capture"]), "");
    let event = letter.split_whitespace().nth(3).unwrap();
    let stranger = kernel::id::EventId::new().to_string();
    for (event, count) in [(stranger.as_str(), 0), (event, 1)] {
        let redrive = ["dead-letters", "redrive", "inventory.orders", "--event", event];
        assert_eq!(said(&shop, &redrive), format!("{count} will be tried again\n"));
    }
    let told = staff.get("/v1/admin/audit?action=dead_letter").await;
    let told = told.body["items"].as_array().unwrap();
    assert_eq!(told.len(), 1, "what changed nothing is not in the log: {told:?}");
    let after = json!({"subscription": "inventory.orders", "event": event, "events": 1});
    assert_eq!((&told[0]["after"], &told[0]["actor_kind"]), (&after, &json!("operator")));
    // It was tried again, and died again.
    assert!(until_dead(&shop).await.contains(event));
}

/// Waits until there is a dead letter, and returns its line.
async fn until_dead(shop: &Shop) -> String {
    for _ in 0..600 {
        let list = said(shop, &["dead-letters", "list"]);
        if list.starts_with("dead ") {
            return list;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("no event died: {}", shop.log());
}

async fn projections_and_events_are_shown(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 5)]) else { return };
    let (ada, staff) = (Customer::guest(&shop).await, shop.staff().await);
    ada.fill_cart(&id_of(&ada, "LAMP-1").await, 2).await;
    let order = ada.order("key", &ada.card(APPROVED).await).await;
    assert_eq!(order.status, 201, "{order:?}");
    shop.settle();
    let events = said(&shop, &["events", "order"]);
    let events: Vec<Value> =
        events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let places: Vec<i64> = events.iter().map(|event| event["pos"].as_i64().unwrap()).collect();
    assert_eq!(places, [1, 2], "{events:?}");
    assert_eq!(said(&shop, &["events", "order", "--after", "1"]).lines().count(), 1);
    assert_eq!(said(&shop, &["events", "order", "--limit", "1"]).lines().count(), 1);
    fails(&shop, &["events", "no-such-module"]);
    let lag = said(&shop, &["events"]);
    assert!(lag.contains("payment.capture <- stoa.order: 2 of 2\n"), "{lag}");

    let sales = staff.get("/v1/admin/analytics/sales").await;
    assert_eq!(sales.body["items"][0]["orders"], 1, "{sales:?}");
    let replayable = said(&shop, &["replay"]);
    assert!(replayable.lines().any(|name| name == "analytics.sales"), "{replayable}");
    assert!(!replayable.contains("payment.capture"), "{replayable}");
    said(&shop, &["replay", "analytics.sales"]);
    shop.settle();
    assert_eq!(staff.get("/v1/admin/analytics/sales").await.body["items"], sales.body["items"]);
    said(&shop, &["replay", "search"]);
    fails(&shop, &["replay", "payment.capture"]);

    let described: Value = serde_json::from_str(&said(&shop, &["openapi"])).unwrap();
    assert!(described["paths"]["/v1/orders"]["post"].is_object());
    let config = said(&shop, &["config"]);
    assert!(config.contains("[payment.sandbox]") && config.contains("lease_ms = 2000"), "{config}");
}
