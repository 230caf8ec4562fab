//! Promotions that are changed, ended, and for some customers only.

use serde_json::{Value, json};

use crate::support::{
    APPROVED, Answer, Customer, Engine, Shop, id_of, on_both_engines, order_body, product,
};
use crate::words::euros;

on_both_engines![
    a_changed_promotion_is_the_new_one_for_orders_that_come,
    a_promotion_is_not_changed_below_what_was_used,
    a_promotion_that_is_switched_off_is_refused,
    a_limit_for_each_customer_can_be_raised,
    a_customer_group_has_its_prices_and_promotions,
];

const PROMOTIONS: &str = "/v1/admin/promotions";

async fn issue(staff: &Customer, promotion: &Value) {
    let issued = staff.post(PROMOTIONS, promotion).await;
    assert_eq!(issued.status, 201, "{issued:?}");
}

async fn put(staff: &Customer, code: &str, revision: u32, body: &Value) -> Answer {
    let etag = format!("\"{revision}\"");
    let headers: [(&str, &[u8]); 2] =
        [("content-type", b"application/json"), ("if-match", etag.as_bytes())];
    let path = format!("{PROMOTIONS}/{code}");
    staff.send_as_is("PUT", &path, &headers, body.to_string().as_bytes()).await
}

/// Buys a lamp with a code.
async fn buy(shopper: &Customer, key: &str, lamp: &str, code: &str) -> Answer {
    shopper.fill_cart(lamp, 1).await;
    let mut body = order_body(&shopper.card(APPROVED).await);
    body["coupon"] = json!(code);
    shopper.command("/v1/orders", key, &body).await
}

async fn discount(shopper: &Customer, code: Option<&str>) -> Answer {
    let mut body = order_body("");
    body.as_object_mut().unwrap().remove("payment");
    if let Some(code) = code {
        body["coupon"] = json!(code);
    }
    shopper.post("/v1/cart/quote", &body).await
}

async fn a_changed_promotion_is_the_new_one_for_orders_that_come(engine: Engine) {
    let Some(mut shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 50)]) else { return };
    let (staff, ada) = (shop.staff().await, Customer::guest(&shop).await);
    let lamp = id_of(&ada, "LAMP-1").await;
    issue(&staff, &json!({"code": "TEN", "percent": "10", "uses_max": 5})).await;
    let first = buy(&ada, "first", &lamp, "TEN").await;
    let id = first.body["id"].as_str().unwrap().to_owned();
    ada.until(&id, &["CONFIRMED"]).await;
    let half = json!({"code": "TEN", "percent": "50", "uses_max": 7});
    let changed = put(&staff, "TEN", 1, &half).await;
    assert_eq!((changed.status, &changed.body["revision"]), (200, &json!(2)), "{changed:?}");
    assert_eq!((&changed.body["uses"], &changed.body["uses_max"]), (&json!(1), &json!(7)));
    let late = put(&staff, "TEN", 1, &half).await;
    assert_eq!((late.status, &late.body["current_version"]), (412, &json!(2)), "{late:?}");
    let shown = staff.get(&format!("{PROMOTIONS}/TEN")).await;
    assert_eq!((&shown.headers["etag"], &shown.body), (&changed.headers["etag"], &changed.body));
    ada.fill_cart(&lamp, 1).await;
    let quote = discount(&ada, Some("TEN")).await;
    assert_eq!(quote.body["totals"]["discount"], euros("10.00"), "{quote:?}");
    let first = ada.get(&format!("/v1/orders/{id}")).await;
    assert_eq!(first.body["totals"]["discount"], euros("2.00"), "it keeps what it got");
    shop.settle();
    shop.stop();
    shop.assert_books();
}

async fn a_promotion_is_not_changed_below_what_was_used(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 50)]) else { return };
    let (staff, ada) = (shop.staff().await, Customer::guest(&shop).await);
    let lamp = id_of(&ada, "LAMP-1").await;
    let five = |uses_max: i64, budget: Value| {
        json!({"code": "FIVE", "kind": "fixed", "amount": euros("5.00"), "uses_max": uses_max,
               "budget": budget})
    };
    issue(&staff, &five(9, euros("50.00"))).await;
    for key in ["first", "second"] {
        let order = buy(&ada, key, &lamp, "FIVE").await;
        ada.until(order.body["id"].as_str().unwrap(), &["CONFIRMED"]).await;
    }
    let dollars = json!({"code": "FIVE", "kind": "fixed", "uses_max": 9,
                         "amount": {"amount": "5.00", "currency": "USD"}});
    for refused in [five(1, euros("50.00")), five(9, euros("9.99")), dollars] {
        let answer = put(&staff, "FIVE", 1, &refused).await;
        assert_eq!((answer.status, &answer.body["code"]), (409, &json!("conflict")), "{answer:?}");
    }
    let other = put(&staff, "FIVE", 1, &json!({"code": "SIX", "percent": "6"})).await;
    assert_eq!((other.status, &other.body["errors"][0]["field"]), (422, &json!("code")));
    let least = put(&staff, "FIVE", 1, &five(2, euros("10.00"))).await;
    assert_eq!(least.status, 200, "{least:?}");
    let refused = buy(&ada, "third", &lamp, "FIVE").await;
    assert_eq!((refused.status, &refused.body["reason"]), (409, &json!("used_up")), "{refused:?}");
    assert_eq!(put(&staff, "NONE", 1, &five(2, euros("9.00"))).await.status, 404);
    shop.settle();
}

async fn a_promotion_that_is_switched_off_is_refused(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 50)]) else { return };
    let (staff, ada) = (shop.staff().await, Customer::guest(&shop).await);
    ada.fill_cart(&id_of(&ada, "LAMP-1").await, 1).await;
    issue(&staff, &json!({"code": "TEN", "percent": "10"})).await;
    issue(&staff, &json!({"code": "AUTO", "percent": "20", "automatic": true})).await;
    assert_eq!(discount(&ada, None).await.body["totals"]["discount"], euros("4.00"));
    for code in ["TEN", "AUTO"] {
        let path = format!("{PROMOTIONS}/{code}/deactivate");
        for _ in 0..2 {
            let off = staff.post(&path, &json!({})).await;
            let told = (&off.body["active"], &off.body["revision"]);
            assert_eq!((off.status, told), (200, (&json!(false), &json!(2))), "{off:?}");
        }
    }
    let quote = discount(&ada, None).await;
    assert_eq!(quote.body["promotions"], json!([]), "{quote:?}");
    let refused = discount(&ada, Some("TEN")).await;
    assert_eq!((refused.status, &refused.body["reason"]), (409, &json!("inactive")), "{refused:?}");
    let on = staff.post(&format!("{PROMOTIONS}/AUTO/activate"), &json!({})).await;
    assert_eq!((on.status, &on.body["active"]), (200, &json!(true)), "{on:?}");
    assert_eq!(discount(&ada, None).await.body["totals"]["discount"], euros("4.00"));
    let none = staff.post(&format!("{PROMOTIONS}/NONE/activate"), &json!({})).await;
    assert_eq!(none.status, 404, "{none:?}");
}

async fn a_limit_for_each_customer_can_be_raised(engine: Engine) {
    let Some(mut shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 50)]) else { return };
    let (staff, ada) = (shop.staff().await, Customer::guest(&shop).await);
    let lamp = id_of(&ada, "LAMP-1").await;
    let ten = |most: i64| json!({"code": "TEN", "percent": "10", "per_customer_max": most});
    issue(&staff, &ten(1)).await;
    let order = buy(&ada, "first", &lamp, "TEN").await;
    ada.until(order.body["id"].as_str().unwrap(), &["CONFIRMED"]).await;
    let refused = buy(&ada, "second", &lamp, "TEN").await;
    assert_eq!(refused.body["reason"], "used_by_you", "{refused:?}");
    assert_eq!(put(&staff, "TEN", 1, &ten(2)).await.status, 200);
    let order = buy(&ada, "third", &lamp, "TEN").await;
    ada.until(order.body["id"].as_str().unwrap(), &["CONFIRMED"]).await;
    assert_eq!(buy(&ada, "fourth", &lamp, "TEN").await.body["reason"], "used_by_you");
    shop.settle();
    shop.stop();
    shop.assert_books();
}

async fn a_customer_group_has_its_prices_and_promotions(engine: Engine) {
    let Some(mut shop) = Shop::new(engine, &[product("LAMP-1", "20.00", 50)]) else { return };
    // Who orders by an account would else need a second factor.
    shop.start(&[]);
    let admin = shop.admin().await;
    let lamp = id_of(&admin, "LAMP-1").await;
    let list = json!({"code": "trade", "currency": "EUR", "customer_group": "trade"});
    let list = admin.post("/v1/admin/price-lists", &list).await;
    let prices = format!("/v1/admin/price-lists/{}/prices", list.body["id"].as_str().unwrap());
    let listed = json!({"prices": [{"sku": "LAMP-1", "price": euros("12.00")}]});
    let headers: [(&str, &[u8]); 2] =
        [("content-type", b"application/json"), ("if-match", b"\"1\"")];
    let set = admin.send_as_is("PUT", &prices, &headers, listed.to_string().as_bytes()).await;
    assert!((200..300).contains(&set.status), "{set:?}");
    let promotion = |code: &str, automatic: bool| {
        json!({"code": code, "percent": "10", "automatic": automatic, "class": code,
               "customer_group": "trade"})
    };
    issue(&admin, &promotion("TRADE", true)).await;
    issue(&admin, &promotion("TYPED", false)).await;

    let account = json!({"email": "ada@example.com", "password": "correct horse battery",
                         "name": "Ada"});
    let anyone = Customer::anyone(&shop);
    let ada = anyone.post("/v1/auth/register", &account).await.body["id"].clone();
    let path = format!("/v1/admin/customers/{}/group", ada.as_str().unwrap());
    let header: [(&str, &[u8]); 1] = [("content-type", b"application/json")];
    let give = |group: Value| {
        let (admin, path) = (admin.clone(), path.clone());
        async move {
            let body = json!({"group": group}).to_string();
            admin.send_as_is("PUT", &path, &header, body.as_bytes()).await
        }
    };
    assert_eq!(give(json!("Trade!")).await.body["errors"][0]["field"], "group");
    let given = give(json!("trade")).await;
    assert_eq!((given.status, &given.body["group"]), (200, &json!("trade")), "{given:?}");
    let credentials = json!({"email": "ada@example.com", "password": "correct horse battery"});
    let (ada, ben) = (anyone.log_in(&credentials).await.unwrap(), Customer::guest(&shop).await);
    for (shopper, unit, off) in [(&ada, "12.00", "1.20"), (&ben, "20.00", "0.00")] {
        shopper.fill_cart(&lamp, 1).await;
        let cart = shopper.get("/v1/cart").await;
        assert_eq!(cart.body["lines"][0]["unit_price"], euros(unit), "{cart:?}");
        let quote = discount(shopper, None).await;
        assert_eq!(quote.body["lines"][0]["unit_price"], euros(unit), "{quote:?}");
        assert_eq!(quote.body["totals"]["discount"], euros(off), "{quote:?}");
    }
    let quote = discount(&ben, None).await;
    assert_eq!(quote.body["promotions"], json!([]), "nobody is told what others get: {quote:?}");
    let refused = discount(&ben, Some("TYPED")).await;
    assert_eq!((refused.status, &refused.body["reason"]), (409, &json!("not_your_group")));
    let both = discount(&ada, Some("TYPED")).await;
    assert_eq!(both.body["totals"]["discount"], euros("2.28"), "{both:?}");
    let order = ada.order("first", &ada.card(APPROVED).await).await;
    let order = ada.until(order.body["id"].as_str().unwrap(), &["CONFIRMED"]).await;
    assert_eq!(order.body["totals"]["items"], euros("12.00"));
    assert_eq!(give(Value::Null).await.body["group"], Value::Null);
    let again = anyone.log_in(&credentials).await.unwrap();
    again.fill_cart(&lamp, 1).await;
    assert_eq!(again.get("/v1/cart").await.body["lines"][0]["unit_price"], euros("20.00"));
    shop.settle();
}
