//! Many at once: the promise that what is not there is not sold, and nobody is charged twice.

use serde_json::json;

use crate::promotions::order;
use crate::support::{
    APPROVED, Answer, Customer, Engine, Shop, id_of, on_both_engines, order_body, product,
};

on_both_engines![one_key_fifty_times_is_one_order, two_tabs_make_one_order,];

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
    if !answers.iter().any(|answer| answer.status == 201) {
        answers.push(order(&ada, "same", &order_body(&token)).await);
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
    assert_eq!(known, answers.len(), "{answers:?}");
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
        tokio::spawn(async move { order(&ada, &format!("tab {tab}"), &order_body(&token)).await })
    });
    let mut confirmed = 0;
    for tab in tabs.collect::<Vec<_>>() {
        let answer = tab.await.unwrap();
        match answer.status {
            201 => confirmed += 1,
            409 => {
                let code = answer.body["code"].as_str().unwrap();
                assert!(["cart_in_checkout", "cart_empty"].contains(&code), "{answer:?}");
            }
            _ => panic!("{answer:?}"),
        }
    }
    assert_eq!(confirmed, 1);
    shop.settle();
}
