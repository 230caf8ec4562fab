//! SIGKILL at every durable step: the list of steps is what a checkout really passes.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::{APPROVED, Customer, Engine, Shop, id_of, on_both_engines, product};

/// How many shops are killed at once.
const AT_ONCE: usize = 4;

on_both_engines![
    a_kill_at_every_step_leaves_one_order_and_one_charge,
    a_kill_under_load_loses_nothing
];

async fn a_kill_at_every_step_leaves_one_order_and_one_charge(engine: Engine) {
    let points = points_of_a_checkout(engine).await;
    let Some(points) = points else { return };
    // Before and after each of: the order, the steps of its saga, what they do, the capture.
    for expected in [
        "before commit of order.place",
        "after commit of order.place",
        "after run of reserve_stock",
        "after commit of reserve_stock",
        "after commit of authorize_payment",
        "after commit of book_shipment",
        "before commit of confirm",
        "after commit of confirm",
        "before call of sandbox.authorize",
        "after call of sandbox.authorize",
        "before call of sandbox.capture",
        "after call of sandbox.capture",
    ] {
        assert!(points.contains(expected), "{expected} is not among {points:#?}");
    }
    let queue = Arc::new(Mutex::new(points.into_iter().collect::<Vec<_>>()));
    let workers: Vec<_> = (0..AT_ONCE)
        .map(|_| {
            let queue = queue.clone();
            tokio::spawn(async move {
                let next = || queue.lock().unwrap().pop();
                while let Some(point) = next() {
                    kill_at(engine, &point).await;
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
}

/// The fault points that a checkout passes from the order to the last event, in no order.
async fn points_of_a_checkout(engine: Engine) -> Option<BTreeSet<String>> {
    let mut shop = Shop::new(engine, &[product("LAMP-1", "20.00", 5)])?;
    shop.start(&[]);
    let ada = Customer::guest(&shop).await;
    ada.fill_cart(&id_of(&ada, "LAMP-1").await, 2).await;
    let token = ada.card(APPROVED).await;
    shop.settle();
    shop.stop();
    let list = shop.folder.join("points");
    shop.start(&[("STOA_FAULT", &format!("record:{}", list.display()))]);
    tokio::time::sleep(Duration::from_millis(500)).await;
    // What an idle shop passes is no step of a checkout.
    let idle = read(&list);
    let order = ada.at(&shop).order("key", &token).await;
    assert_eq!(order.status, 201, "{order:?}");
    shop.settle();
    Some(read(&list).difference(&idle).cloned().collect())
}

fn read(list: &std::path::Path) -> BTreeSet<String> {
    let text = std::fs::read_to_string(list).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

async fn kill_at(engine: Engine, point: &str) {
    let Some(mut shop) = Shop::new(engine, &[product("LAMP-1", "20.00", 5)]) else { return };
    shop.start(&[]);
    let ada = Customer::guest(&shop).await;
    ada.fill_cart(&id_of(&ada, "LAMP-1").await, 2).await;
    let token = ada.card(APPROVED).await;
    shop.settle();
    shop.stop();
    shop.start(&[("STOA_FAULT", &format!("kill:{point}"))]);
    // The connection breaks, or the answer comes and the shop dies of what follows it.
    let body = crate::support::order_body(&token);
    let first = ada.at(&shop).try_command("/v1/orders", "key", &body).await;
    let first = first.ok().filter(|answer| answer.status == 201);
    for _ in 0..100 {
        if shop.has_died() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(shop.has_died(), "{point}: the shop did not pass it");
    shop.start(&[]);
    let ada = ada.at(&shop);
    // The client does what clients do: it asks again with the same key.
    let again = loop {
        let again = ada.order("key", &token).await;
        if again.status != 409 && again.status != 202 {
            break again;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(
        (again.status, &again.body["status"]),
        (201, &"CONFIRMED".into()),
        "{point}: {again:?}"
    );
    if let Some(first) = first {
        assert_eq!(first.text, again.text, "{point}: the answer changed");
    }
    shop.settle();
    let orders = ada.get("/v1/orders").await;
    let orders = orders.body["items"].as_array().unwrap();
    assert_eq!(orders.len(), 1, "{point}: {orders:?}");
    assert_eq!(orders[0]["payment"]["status"], "captured", "{point}");
    assert_eq!(ada.get("/v1/products/LAMP-1").await.body["available"], 3, "{point}");
    shop.stop();
    shop.assert_books();
}

async fn a_kill_under_load_loses_nothing(engine: Engine) {
    let Some(mut shop) = Shop::new(engine, &[product("LAMP-1", "20.00", 10_000)]) else { return };
    shop.start(&[]);
    let mut buyers = Vec::new();
    let lamp = id_of(&Customer::guest(&shop).await, "LAMP-1").await;
    for _ in 0..16 {
        let buyer = Customer::guest(&shop).await;
        let token = buyer.card(APPROVED).await;
        buyers.push((buyer, token));
    }
    let mut acknowledged = Vec::new();
    for round in 0..5_u64 {
        let tasks: Vec<_> = buyers
            .iter()
            .map(|(buyer, token)| {
                let (buyer, token, lamp) = (buyer.at(&shop), token.clone(), lamp.clone());
                tokio::spawn(async move { buy_until_it_dies(&buyer, &token, &lamp, round).await })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(600 + 370 * round)).await;
        shop.kill();
        for (task, (buyer, _)) in tasks.into_iter().zip(&buyers) {
            acknowledged.extend(task.await.unwrap().into_iter().map(|id| (buyer.clone(), id)));
        }
        shop.start(&[]);
    }
    assert!(!acknowledged.is_empty());
    shop.settle();
    for (buyer, id) in acknowledged {
        let order = buyer.at(&shop).get(&format!("/v1/orders/{id}")).await;
        assert_eq!(order.body["status"], "CONFIRMED", "{order:?}");
    }
}

/// Orders one lamp after the other; the ids of those that were confirmed.
async fn buy_until_it_dies(buyer: &Customer, token: &str, lamp: &str, round: u64) -> Vec<String> {
    let mut confirmed = Vec::new();
    for n in 0.. {
        let line = serde_json::json!({"product_id": lamp, "quantity": 1});
        match buyer.try_post("/v1/cart/lines", &line).await {
            Err(_) => break,
            Ok(answer) if answer.status == 200 => {}
            // An order of the last life is still being finished.
            Ok(_) => {
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
        }
        let body = crate::support::order_body(token);
        match buyer.try_command("/v1/orders", &format!("{round}/{n}"), &body).await {
            Err(_) => break,
            Ok(answer) if answer.body["status"] == "CONFIRMED" => {
                confirmed.push(answer.body["id"].as_str().unwrap().to_owned());
            }
            Ok(_) => {}
        }
    }
    confirmed
}
