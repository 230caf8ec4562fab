//! The three invariants of shops that Warszawski and Bailis broke in most open engines by requests at
//! the same time ("ACIDRain", SIGMOD 2017): of the inventory, of vouchers and of the cart.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::promotions::{issue, order, promotion, shoppers};
use crate::support::{
    APPROVED, Customer, Engine, Shop, id_of, on_both_engines, order_body, product,
};

on_both_engines![
    inventory_never_falls_below_zero,
    a_voucher_is_never_used_more_often_than_it_may,
    what_is_ordered_is_what_is_paid,
];

/// Two hundred buyers want fifty units.
async fn inventory_never_falls_below_zero(engine: Engine) {
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
        tokio::spawn(async move { order(&buyer, "a", &order_body(&token)).await })
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

/// A code is asked for a thousand times.
async fn a_voucher_is_never_used_more_often_than_it_may(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 100)]) else { return };
    let staff = shop.staff().await;
    issue(&staff, json!({"code": "TEN", "percent": "10", "uses_max": 7})).await;
    let lamp = id_of(&staff, "LAMP-1").await;
    let mut tries = Vec::new();
    for (shopper, body) in shoppers(&shop, &lamp, Some("TEN"), 40).await {
        for tab in 0..25 {
            let (shopper, body) = (shopper.clone(), body.clone());
            let once = async move { order(&shopper, &format!("tab {tab}"), &body).await };
            tries.push(tokio::spawn(once));
        }
    }
    let (mut asked, mut confirmed) = (0, 0);
    for each in tries {
        let answer = each.await.unwrap();
        asked += 1;
        match answer.status {
            201 => confirmed += 1,
            409 => {
                let known = ["coupon_refused", "cart_in_checkout", "cart_empty"];
                assert!(known.contains(&answer.body["code"].as_str().unwrap()), "{answer:?}");
            }
            _ => panic!("{answer:?}"),
        }
    }
    assert_eq!((asked, confirmed), (1000, 7));
    let left = promotion(&staff, "TEN").await;
    assert_eq!((&left["uses"], &left["uses_max"]), (&json!(7), &json!(7)));
    shop.settle();
}

/// Carts are added to while they are ordered.
async fn what_is_ordered_is_what_is_paid(engine: Engine) {
    let stock = [product("LAMP-1", "20.00", 100), product("CHAIR-1", "150.00", 100)];
    let Some(shop) = Shop::running(engine, &stock) else { return };
    let anyone = Customer::guest(&shop).await;
    let (lamp, chair) = (id_of(&anyone, "LAMP-1").await, id_of(&anyone, "CHAIR-1").await);
    let mut tries = Vec::new();
    for (shopper, body) in shoppers(&shop, &lamp, None, 16).await {
        let (lamp, chair) = (lamp.clone(), chair.clone());
        tries.push(tokio::spawn(async move {
            let adding = (0..4).map(|_| {
                let (shopper, line) = (&shopper, json!({"product_id": chair, "quantity": 1}));
                async move { shopper.post("/v1/cart/lines", &line).await.status }
            });
            let (ordered, added) = tokio::join!(order(&shopper, "a", &body), join_all(adding));
            assert_eq!(ordered.status, 201, "{ordered:?}");
            assert!(added.iter().all(|status| [200, 409].contains(status)), "{added:?}");
            let added = added.iter().filter(|status| **status == 200).count();
            let left = units(&shopper.get("/v1/cart").await.body, &chair);
            let bought = units(&ordered.body, &chair);
            assert_eq!(bought + left, i64::try_from(added).unwrap(), "{ordered:?}");
            assert_eq!(units(&ordered.body, &lamp), 1, "{ordered:?}");
            let items = format!("{}.00", 20 + 150 * bought);
            assert_eq!(ordered.body["totals"]["items"]["amount"], items, "{ordered:?}");
        }));
    }
    for each in tries {
        each.await.unwrap();
    }
    // The books say that each order's money is its total.
    shop.settle();
}

/// How many units of a product are in a cart or an order.
fn units(of: &Value, product: &str) -> i64 {
    let lines = of["lines"].as_array().unwrap();
    let lines = lines.iter().filter(|line| line["product_id"] == product);
    lines.map(|line| line["quantity"].as_i64().unwrap()).sum()
}
