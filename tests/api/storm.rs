//! Many at once: the promise that what is not there is not sold, and nobody is charged twice.

use serde_json::json;

use crate::support::{
    APPROVED, Answer, Customer, Engine, Shop, id_of, on_both_engines, order_body, product,
};

on_both_engines![
    two_hundred_buyers_want_fifty_units,
    one_key_fifty_times_is_one_order,
    two_tabs_make_one_order,
];

async fn two_hundred_buyers_want_fifty_units(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 50)]) else { return };
    let lamp = id_of(&Customer::guest(&shop).await, "LAMP-1").await;
    let mut buyers = Vec::new();
    for _ in 0..200 {
        let buyer = Customer::guest(&shop).await;
        buyer.fill_cart(&lamp, 1).await;
        let token = buyer.card(APPROVED).await;
        buyers.push((buyer, token));
    }
    let orders = buyers.into_iter().map(|(buyer, token)| {
        tokio::spawn(async move {
            let order = buyer.order("a", &token).await;
            match order.status {
                202 => {
                    let id = order.body["id"].as_str().unwrap().to_owned();
                    buyer.until(&id, &["CONFIRMED", "FAILED"]).await;
                    buyer.order("a", &token).await
                }
                _ => order,
            }
        })
    });
    let (mut confirmed, mut refused) = (0, 0);
    for order in orders.collect::<Vec<_>>() {
        let order = order.await.unwrap();
        match order.status {
            201 => {
                assert_eq!(order.body["status"], "CONFIRMED");
                confirmed += 1;
            }
            409 => {
                assert_eq!(order.body["code"], "out_of_stock", "{order:?}");
                assert_eq!(order.body["lines"][0]["requested"], 1);
                refused += 1;
            }
            _ => panic!("{order:?}"),
        }
    }
    assert_eq!((confirmed, refused), (50, 150));
    shop.settle();
}

async fn one_key_fifty_times_is_one_order(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 50)]) else { return };
    let ada = Customer::guest(&shop).await;
    ada.fill_cart(&id_of(&ada, "LAMP-1").await, 1).await;
    let token = ada.card(APPROVED).await;
    let tries: Vec<_> = (0..50)
        .map(|_| {
            let (ada, token) = (ada.clone(), token.clone());
            tokio::spawn(async move { ada.order("same", &token).await })
        })
        .collect();
    let mut answers: Vec<Answer> = Vec::new();
    for each in tries {
        answers.push(each.await.unwrap());
    }
    let done: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert!(!done.is_empty(), "{answers:?}");
    assert!(done.iter().all(|answer| answer.text == done[0].text));
    let running = |answer: &&Answer| answer.status == 409;
    for answer in answers.iter().filter(running) {
        assert_eq!(answer.body["code"], "idempotency_in_progress", "{answer:?}");
        assert!(answer.headers.contains_key("retry-after"));
    }
    // The request that does the order may have waited for its checkout as long as it may.
    let waited: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 202).collect();
    assert!(waited.len() <= 1, "{answers:?}");
    assert!(waited.iter().all(|answer| answer.body["id"] == done[0].body["id"]));
    let known = done.len() + waited.len() + answers.iter().filter(running).count();
    assert_eq!(known, 50, "{answers:?}");
    assert_eq!(ada.get("/v1/orders").await.body["items"].as_array().unwrap().len(), 1);
    let mut other = order_body(&token);
    other["shipping_method"] = json!("express");
    let reused = ada.command("/v1/orders", "same", &other).await;
    assert_eq!((reused.status, &reused.body["code"]), (422, &json!("idempotency_key_reused")));
    shop.settle();
}

async fn two_tabs_make_one_order(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 50)]) else { return };
    let ada = Customer::guest(&shop).await;
    ada.fill_cart(&id_of(&ada, "LAMP-1").await, 1).await;
    let token = ada.card(APPROVED).await;
    let tabs = (0..8).map(|tab| {
        let (ada, token) = (ada.clone(), token.clone());
        tokio::spawn(async move { ada.order(&format!("tab {tab}"), &token).await })
    });
    let mut confirmed = 0;
    for tab in tabs.collect::<Vec<_>>() {
        let answer = tab.await.unwrap();
        match answer.status {
            201 => confirmed += 1,
            409 => {
                let code = answer.body["code"].as_str().unwrap();
                assert!(
                    ["cart_in_checkout", "cart_empty", "conflict"].contains(&code),
                    "{answer:?}"
                );
            }
            _ => panic!("{answer:?}"),
        }
    }
    assert_eq!(confirmed, 1);
    shop.settle();
}
