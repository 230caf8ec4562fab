//! Promotions: what they take off, why they do not, and that they give no more than they may.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{
    APPROVED, Answer, Customer, DECLINED, Engine, Shop, id_of, on_both_engines, order_body, product,
};

on_both_engines![
    a_customer_uses_a_code_as_often_as_one_may,
    a_budget_is_never_overspent,
    a_failed_order_gives_its_promotions_back,
    an_order_costs_what_was_quoted,
    an_order_that_costs_nothing_needs_no_card,
    a_code_that_cannot_be_used_says_why,
    a_changed_cart_is_told_line_by_line,
    a_quote_names_what_stands_in_the_way,
];

pub async fn issue(staff: &Customer, promotion: Value) {
    let issued = staff.post("/v1/admin/promotions", &promotion).await;
    assert_eq!(issued.status, 201, "{issued:?}");
}

/// The promotion as the staff sees it.
pub async fn promotion(staff: &Customer, code: &str) -> Value {
    let all = staff.get("/v1/admin/promotions").await;
    let found = all.body["items"].as_array().unwrap().iter().find(|it| it["code"] == code);
    found.unwrap_or_else(|| panic!("{all:?}")).clone()
}

/// Shoppers with one unit of a product in the cart, and what they would order with a code.
pub async fn shoppers(
    shop: &Shop,
    product: &str,
    code: Option<&str>,
    n: usize,
) -> Vec<(Customer, Value)> {
    let mut shoppers = Vec::new();
    for _ in 0..n {
        let shopper = Customer::guest(shop).await;
        shopper.fill_cart(product, 1).await;
        let mut body = order_body(&shopper.card(APPROVED).await);
        if let Some(code) = code {
            body["coupon"] = json!(code);
        }
        shoppers.push((shopper, body));
    }
    shoppers
}

/// Orders until the shop has said what becomes of it.
pub async fn order(shopper: &Customer, key: &str, body: &Value) -> Answer {
    loop {
        let answer = shopper.command("/v1/orders", key, body).await;
        match answer.status {
            202 | 429 | 503 | 504 => tokio::time::sleep(Duration::from_millis(100)).await,
            409 if ["conflict", "idempotency_in_progress"]
                .iter()
                .any(|it| answer.body["code"] == *it) =>
            {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            _ => return answer,
        }
    }
}

async fn a_customer_uses_a_code_as_often_as_one_may(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 9)]) else { return };
    let staff = shop.staff().await;
    issue(&staff, json!({"code": "ONCE", "percent": "10", "per_customer_max": 1})).await;
    let lamp = id_of(&staff, "LAMP-1").await;
    let (ada, body) = shoppers(&shop, &lamp, Some("ONCE"), 1).await.remove(0);
    let tab = |key: &'static str| {
        let (ada, body) = (ada.clone(), body.clone());
        async move { order(&ada, key, &body).await }
    };
    let (one, other) = tokio::join!(tab("a"), tab("b"));
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409], "{one:?} {other:?}");
    ada.fill_cart(&lamp, 1).await;
    let again = tab("c").await;
    assert_eq!((again.status, &again.body["reason"]), (409, &json!("used_by_you")), "{again:?}");
    let (bob, body) = shoppers(&shop, &lamp, Some("ONCE"), 1).await.remove(0);
    assert_eq!(order(&bob, "a", &body).await.status, 201);
    assert_eq!(promotion(&staff, "ONCE").await["uses"], 2);
    shop.settle();
}

async fn a_budget_is_never_overspent(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 90)]) else { return };
    let staff = shop.staff().await;
    let euros = |amount: &str| json!({"amount": amount, "currency": "EUR"});
    let lamp = id_of(&staff, "LAMP-1").await;
    let typed = json!({"code": "TYPED", "kind": "fixed", "amount": euros("3.01"),
                       "budget": euros("9.05")});
    issue(&staff, typed).await;
    let buyers = shoppers(&shop, &lamp, Some("TYPED"), 20).await;
    let orders: Vec<_> = buyers
        .into_iter()
        .map(|(shopper, body)| tokio::spawn(async move { order(&shopper, "a", &body).await }))
        .collect();
    let mut confirmed = 0;
    for each in orders {
        let answer = each.await.unwrap();
        match answer.status {
            201 => confirmed += 1,
            409 => assert_eq!(answer.body["reason"], "budget_used_up", "{answer:?}"),
            _ => panic!("{answer:?}"),
        }
    }
    assert_eq!(confirmed, 3);
    assert_eq!(promotion(&staff, "TYPED").await["spent"], euros("9.03"));
    // One that is not typed refuses nobody: who comes too late pays the price.
    let automatic = json!({"code": "AUTO", "kind": "fixed", "amount": euros("3.01"),
                           "budget": euros("9.05"), "automatic": true});
    issue(&staff, automatic).await;
    let buyers = shoppers(&shop, &lamp, None, 20).await;
    let orders: Vec<_> = buyers
        .into_iter()
        .map(|(shopper, body)| tokio::spawn(async move { order(&shopper, "a", &body).await }))
        .collect();
    let mut cheaper = 0;
    for each in orders {
        let answer = each.await.unwrap();
        assert_eq!(answer.status, 201, "{answer:?}");
        cheaper += usize::from(answer.body["totals"]["discount"] == euros("3.01"));
    }
    assert_eq!(cheaper, 3);
    assert_eq!(promotion(&staff, "AUTO").await["spent"], euros("9.03"));
    shop.settle();
}

async fn a_failed_order_gives_its_promotions_back(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 9)]) else { return };
    let staff = shop.staff().await;
    let budget = json!({"amount": "2.00", "currency": "EUR"});
    let once = json!({"code": "ONCE", "percent": "10", "uses_max": 1, "per_customer_max": 1,
                      "budget": budget});
    issue(&staff, once).await;
    let lamp = id_of(&staff, "LAMP-1").await;
    let (ada, mut body) = shoppers(&shop, &lamp, Some("ONCE"), 1).await.remove(0);
    for key in ["a", "b"] {
        body["payment"]["token"] = json!(ada.card(DECLINED).await);
        assert_eq!(order(&ada, key, &body).await.status, 402);
        let given_back = promotion(&staff, "ONCE").await;
        assert_eq!(given_back["uses"], 0);
        assert_eq!(given_back["spent"]["amount"], "0.00");
    }
    body["payment"]["token"] = json!(ada.card(APPROVED).await);
    assert_eq!(order(&ada, "c", &body).await.status, 201);
    assert_eq!(promotion(&staff, "ONCE").await["spent"], budget);
    shop.settle();
}

async fn an_order_that_costs_nothing_needs_no_card(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[product("LAMP-1", "19.99", 10)]) else { return };
    let staff = shop.staff().await;
    let lamp = id_of(&staff, "LAMP-1").await;
    issue(&staff, json!({"code": "GIFT", "percent": "100"})).await;
    issue(
        &staff,
        json!({"code": "SHIP", "kind": "free_shipping", "automatic": true,
                         "class": "shipping"}),
    )
    .await;
    let ada = Customer::guest(&shop).await;
    ada.fill_cart(&lamp, 2).await;
    let mut body = order_body("");
    body.as_object_mut().unwrap().remove("payment");
    let paid = order(&ada, "paid", &body).await;
    assert_eq!(
        (paid.status, &paid.body["errors"][0]["field"]),
        (422, &json!("payment")),
        "{paid:?}"
    );
    body["coupon"] = json!("GIFT");
    let given = order(&ada, "given", &body).await;
    assert_eq!((given.status, &given.body["status"]), (201, &json!("CONFIRMED")), "{given:?}");
    assert_eq!(given.body["totals"]["total"], json!({"amount": "0.00", "currency": "EUR"}));
    assert_eq!(given.body["payment"], Value::Null);
    let path = format!("/v1/admin/orders/{}", given.body["id"].as_str().unwrap());
    let cancelled = staff.post(&format!("{path}/cancel"), &json!({"reason": "not wanted"})).await;
    assert_eq!(
        (cancelled.status, &cancelled.body["status"]),
        (200, &json!("CANCELLED")),
        "{cancelled:?}"
    );
    shop.settle();
}

async fn an_order_costs_what_was_quoted(engine: Engine) {
    let products = [product("LAMP-1", "19.99", 90), product("DESK-1", "250.01", 90)];
    let Some(shop) = Shop::running(engine, &products) else { return };
    let staff = shop.staff().await;
    let (lamp, desk) = (id_of(&staff, "LAMP-1").await, id_of(&staff, "DESK-1").await);
    let euros = |amount: &str| json!({"amount": amount, "currency": "EUR"});
    for promotion in [
        json!({"code": "TEN", "percent": "10"}),
        json!({"code": "BUNDLE", "kind": "buy_x_get_y", "buy_quantity": 2, "get_quantity": 1,
               "automatic": true, "class": "bundle", "priority": -1,
               "include": {"products": [lamp]}}),
        json!({"code": "MINUS", "kind": "fixed", "amount": euros("7.77"), "automatic": true,
               "class": "minus", "priority": 5, "include": {"categories": ["Tests"]}}),
        json!({"code": "SHIP", "kind": "free_shipping", "automatic": true, "class": "shipping",
               "min_items": euros("100.00")}),
        json!({"code": "OTHERS", "percent": "90", "automatic": true, "class": "others",
               "exclude": {"categories": ["Tests"]}}),
    ] {
        issue(&staff, promotion).await;
    }
    let mut seen = Vec::new();
    for (n, (lamps, desks, code)) in
        [(1, 0, None), (3, 0, Some("TEN")), (4, 2, Some("TEN")), (0, 1, None)]
            .into_iter()
            .enumerate()
    {
        let ada = Customer::guest(&shop).await;
        for (product, units) in [(&lamp, lamps), (&desk, desks)] {
            if units > 0 {
                ada.fill_cart(product, units).await;
            }
        }
        let mut body = order_body(&ada.card(APPROVED).await);
        body["coupon"] = json!(code);
        let mut ask = body.clone();
        ask.as_object_mut().unwrap().remove("payment");
        let quote = ada.post("/v1/cart/quote", &ask).await;
        assert_eq!(quote.status, 200, "{quote:?}");
        assert_eq!(quote.body["shipping_methods"][0]["id"], "standard");
        assert_eq!(quote.body["obstacles"], json!([]));
        body["expected_total"] = quote.body["totals"]["total"].clone();
        let line = |line: &Value| {
            json!({"product_id": line["product_id"], "quantity": line["quantity"],
                   "unit_price": line["unit_price"], "total": line["total"]})
        };
        let lines = quote.body["lines"].as_array().unwrap();
        body["expected_lines"] = lines.iter().map(line).collect();
        let ordered = order(&ada, &format!("order {n}"), &body).await;
        assert_eq!(ordered.status, 201, "{ordered:?}");
        assert_eq!(ordered.body["totals"], quote.body["totals"]);
        assert_eq!(ordered.body["promotions"], quote.body["promotions"]);
        for (ordered, quoted) in ordered.body["lines"].as_array().unwrap().iter().zip(lines) {
            assert_eq!(ordered["discount"], quoted["discount"]);
        }
        let told = quote.body["promotions"].as_array().unwrap().clone();
        let of = |code: &str| told.iter().find(|told| told["code"] == code).cloned().unwrap();
        assert_eq!(of("OTHERS")["reason"], "no_matching_lines");
        seen.push([of("BUNDLE"), of("SHIP"), of("MINUS")].map(|it| it["amount"]["amount"].clone()));
    }
    // The bundle takes a lamp of each three; free shipping wants 100 euros before all discounts.
    let expected = [
        ["0.00", "0.00", "7.77"],
        ["19.99", "0.00", "7.77"],
        ["19.99", "4.90", "7.77"],
        ["0.00", "4.90", "7.77"],
    ];
    assert_eq!(json!(seen), json!(expected));
    shop.settle();
}

async fn a_code_that_cannot_be_used_says_why(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 9)]) else { return };
    let staff = shop.staff().await;
    let lamp = id_of(&staff, "LAMP-1").await;
    let dollars = json!({"amount": "1.00", "currency": "USD"});
    for promotion in [
        json!({"code": "OVER", "percent": "10", "valid_until": "2020-01-01T00:00:00Z"}),
        json!({"code": "SOON", "percent": "10", "valid_from": "2120-01-01T00:00:00Z"}),
        json!({"code": "DOLLARS", "kind": "fixed", "amount": dollars}),
        json!({"code": "ONE", "percent": "10", "uses_max": 1}),
    ] {
        issue(&staff, promotion).await;
    }
    let (bob, body) = shoppers(&shop, &lamp, Some("ONE"), 1).await.remove(0);
    assert_eq!(order(&bob, "a", &body).await.status, 201);
    let (ada, mut body) = shoppers(&shop, &lamp, None, 1).await.remove(0);
    let (cart, issued) = (ada.get("/v1/cart").await, staff.get("/v1/admin/promotions").await);
    for (code, reason) in [
        ("OVER", "expired"),
        ("SOON", "not_yet"),
        ("DOLLARS", "currency"),
        ("ONE", "used_up"),
        ("NONE", "unknown"),
    ] {
        body["coupon"] = json!(code);
        let mut ask = body.clone();
        ask.as_object_mut().unwrap().remove("payment");
        for answer in [ada.post("/v1/cart/quote", &ask).await, order(&ada, code, &body).await] {
            assert_eq!((answer.status, &answer.body["code"]), (409, &json!("coupon_refused")));
            assert_eq!(answer.body["reason"], reason, "{answer:?}");
        }
    }
    assert_eq!(ada.get("/v1/cart").await.body, cart.body);
    assert_eq!(ada.get("/v1/orders").await.body["items"], json!([]));
    assert_eq!(staff.get("/v1/admin/promotions").await.body, issued.body);
    // A code that only wants more in the cart is told, and refuses nothing.
    issue(&staff, json!({"code": "MORE", "percent": "10", "min_quantity": 2})).await;
    body["coupon"] = json!("MORE");
    let ordered = order(&ada, "more", &body).await;
    assert_eq!(ordered.status, 201, "{ordered:?}");
    assert_eq!(ordered.body["promotions"][0]["reason"], "threshold_not_met");
    shop.settle();
}

async fn a_changed_cart_is_told_line_by_line(engine: Engine) {
    let products = [product("LAMP-1", "20.00", 9), product("DESK-1", "50.00", 9)];
    let Some(mut shop) = Shop::new(engine, &products) else { return };
    shop.set("STOA__ORDER__EXPECTED_TOTAL", "required");
    shop.start(&[]);
    let staff = shop.staff().await;
    let (lamp, desk) = (id_of(&staff, "LAMP-1").await, id_of(&staff, "DESK-1").await);
    let (ada, mut body) = shoppers(&shop, &lamp, None, 1).await.remove(0);
    let missing = order(&ada, "a", &body).await;
    assert_eq!((missing.status, &missing.body["code"]), (422, &json!("invalid_value")));
    let euros = |amount: &str| json!({"amount": amount, "currency": "EUR"});
    // 20.00 + 4.90 and 19 % of it.
    body["expected_total"] = euros("29.63");
    let line = json!({"product_id": lamp, "quantity": 1, "unit_price": euros("20.00"),
                      "total": euros("20.00")});
    body["expected_lines"] = json!([line, line]);
    assert_eq!(order(&ada, "b", &body).await.status, 422);
    body["expected_lines"] = json!([line]);
    ada.fill_cart(&lamp, 1).await;
    ada.fill_cart(&desk, 1).await;
    let refused = order(&ada, "c", &body).await;
    assert_eq!((refused.status, &refused.body["code"]), (409, &json!("price_changed")));
    let changes = refused.body["differences"].as_array().unwrap();
    let of = |what: &str| changes.iter().find(|change| change["what"] == what).unwrap();
    assert_eq!(of("added")["product_id"], json!(desk));
    assert_eq!(of("added")["difference"], euros("50.00"));
    assert_eq!(of("quantity")["quantity"], json!({"expected": 1, "now": 2}));
    // 94.90 and 19 % of it is 112.93: the tax is what else has changed.
    assert_eq!(of("rest")["difference"], euros("13.30"));
    assert_eq!(changes.len(), 3, "{refused:?}");
    body["expected_total"] = refused.body["totals"]["total"].clone();
    body["expected_lines"] = refused.body["lines"].clone();
    assert_eq!(order(&ada, "d", &body).await.status, 201);
    shop.settle();
}

async fn a_quote_names_what_stands_in_the_way(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 3)]) else { return };
    let ada = Customer::guest(&shop).await;
    ada.fill_cart(&id_of(&ada, "LAMP-1").await, 4).await;
    let mut ask = order_body("none");
    ask.as_object_mut().unwrap().remove("payment");
    let quote = ada.post("/v1/cart/quote", &ask).await;
    assert_eq!(quote.status, 200, "{quote:?}");
    assert_eq!(quote.body["obstacles"][0]["code"], "out_of_stock");
    assert_eq!(quote.body["lines"][0]["available"], 3);
    assert_eq!(quote.body["obstacles"], ada.get("/v1/cart").await.body["obstacles"]);
}
