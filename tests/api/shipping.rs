//! How an order can be sent, where, and for how much.

use serde_json::{Value, json};

use crate::support::{
    APPROVED, Customer, Engine, Shop, id_of, on_both_engines, order_body, product,
};
use crate::words::euros;

on_both_engines![
    a_quote_lists_the_methods_that_go_there_and_says_why_others_do_not,
    an_order_by_a_method_that_does_not_go_there_changes_nothing,
    zones_and_methods_are_changed_by_those_who_read_them,
    a_method_that_is_none_is_refused,
];

const ZONES: &str = "/v1/admin/shipping/zones";
const METHODS: &str = "/v1/admin/shipping/methods";

async fn make(admin: &Customer, path: &str, body: Value) -> Value {
    let made = admin.post(path, &body).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.headers["location"], format!("{path}/{}", body["code"].as_str().unwrap()));
    made.body
}

/// A method for Germany by weight, free from 50.00 on; one for France; and one to fetch the goods.
async fn set_up(admin: &Customer) {
    make(admin, ZONES, json!({"code": "de", "places": [{"country": "DE"}]})).await;
    make(admin, ZONES, json!({"code": "fr", "places": [{"country": "FR"}]})).await;
    let rates = json!([
        {"zone": "de", "price": euros("3.90"), "max_weight_g": 2000, "free_above": euros("50.00")},
        {"zone": "de", "price": euros("8.90"), "min_weight_g": 2001, "max_weight_g": 20000},
    ]);
    make(admin, METHODS, json!({"code": "standard", "name": "Parcel", "rates": rates})).await;
    let rates = json!([{"zone": "fr", "price": euros("2.00")}]);
    make(admin, METHODS, json!({"code": "colis", "rates": rates})).await;
    let rates = json!([{"price": euros("0.00")}]);
    make(admin, METHODS, json!({"code": "shop", "kind": "pickup", "rates": rates})).await;
    let rates = json!([{"zone": "de", "price": euros("1.00")}]);
    make(admin, METHODS, json!({"code": "old", "active": false, "rates": rates})).await;
}

fn lamp(weight_g: i64) -> Value {
    let mut lamp = product("LAMP-1", "20.00", 50);
    lamp["weight_g"] = json!(weight_g);
    lamp
}

fn asked(country: &str, method: Option<&str>) -> Value {
    let mut asked = order_body("");
    asked.as_object_mut().unwrap().remove("payment");
    asked["shipping_address"]["country"] = json!(country);
    asked["shipping_address"]["postal_code"] =
        json!(if country == "FR" { "75001" } else { "10117" });
    match method {
        Some(method) => asked["shipping_method"] = json!(method),
        None => drop(asked.as_object_mut().unwrap().remove("shipping_method")),
    }
    asked
}

async fn a_quote_lists_the_methods_that_go_there_and_says_why_others_do_not(engine: Engine) {
    let Some(mut shop) = Shop::running(engine, &[lamp(900)]) else { return };
    let (admin, ada) = (shop.admin().await, Customer::guest(&shop).await);
    ada.fill_cart(&id_of(&ada, "LAMP-1").await, 2).await;
    let quote = ada.post("/v1/cart/quote", &asked("DE", Some("express"))).await;
    assert_eq!(
        quote.body["totals"]["shipping"],
        euros("14.90"),
        "those of the settings: {quote:?}"
    );
    set_up(&admin).await;
    let quote = ada.post("/v1/cart/quote", &asked("DE", Some("standard"))).await;
    assert_eq!(quote.status, 200, "{quote:?}");
    assert_eq!(
        quote.body["shipping_methods"],
        json!([
            {"id": "shop", "name": "shop", "kind": "pickup", "price": euros("0.00")},
            {"id": "standard", "name": "Parcel", "kind": "carrier", "price": euros("3.90")},
        ])
    );
    let refused = &quote.body["unavailable_methods"];
    assert_eq!((&refused[0]["id"], &refused[0]["reason"]), (&json!("colis"), &json!("not_there")));
    assert_eq!(quote.body["totals"]["shipping"], euros("3.90"));
    let cheapest = ada.post("/v1/cart/quote", &asked("FR", None)).await;
    assert_eq!(cheapest.body["shipping_method"], "shop", "{cheapest:?}");

    // 2.7 kg for 60.00, and then 22.5 kg.
    let lamp = id_of(&ada, "LAMP-1").await;
    ada.fill_cart(&lamp, 1).await;
    let quote = ada.post("/v1/cart/quote", &asked("DE", Some("standard"))).await;
    assert_eq!(quote.body["totals"]["shipping"], euros("8.90"), "{quote:?}");
    ada.fill_cart(&lamp, 22).await;
    let quote = ada.post("/v1/cart/quote", &asked("DE", Some("standard"))).await;
    assert_eq!((quote.status, &quote.body["code"]), (409, &json!("shipping_not_available")));
    assert_eq!(quote.body["allowed"][0]["id"], "shop", "{quote:?}");
    assert_eq!(quote.body["refused"][1]["reason"], "weight", "{quote:?}");
    // What the settings have is offered no more.
    let unknown = ada.post("/v1/cart/quote", &asked("DE", Some("express"))).await;
    assert_eq!((unknown.status, &unknown.body["code"]), (422, &json!("invalid_value")));

    let ben = Customer::guest(&shop).await;
    ben.fill_cart(&id_of(&ben, "LAMP-1").await, 2).await;
    let order = ben.order("first", &ben.card(APPROVED).await).await;
    let order = ben.until(order.body["id"].as_str().unwrap(), &["CONFIRMED"]).await;
    assert_eq!(order.body["totals"]["shipping"], euros("3.90"));
    shop.settle();
    shop.stop();
    shop.assert_books();
}

async fn an_order_by_a_method_that_does_not_go_there_changes_nothing(engine: Engine) {
    let Some(mut shop) = Shop::running(engine, &[lamp(100)]) else { return };
    let (admin, ada) = (shop.admin().await, Customer::guest(&shop).await);
    set_up(&admin).await;
    ada.fill_cart(&id_of(&ada, "LAMP-1").await, 1).await;
    let before = ada.get("/v1/cart").await.body;
    let mut body = order_body(&ada.card(APPROVED).await);
    body["shipping_method"] = json!("colis");
    let refused = ada.command("/v1/orders", "first", &body).await;
    assert_eq!((refused.status, &refused.body["code"]), (409, &json!("shipping_not_available")));
    let ids: Vec<&Value> =
        refused.body["allowed"].as_array().unwrap().iter().map(|it| &it["id"]).collect();
    assert_eq!(ids, ["shop", "standard"]);
    assert_eq!(ada.get("/v1/cart").await.body, before);
    assert_eq!(ada.get("/v1/orders").await.body["items"], json!([]));
    // Nothing was done with the key, so the order that goes there can have it.
    body["shipping_method"] = json!("standard");
    let order = ada.command("/v1/orders", "first", &body).await;
    ada.until(order.body["id"].as_str().unwrap(), &["CONFIRMED"]).await;
    shop.settle();
    shop.stop();
    shop.assert_books();
}

async fn put(admin: &Customer, path: &str, version: &str, body: &Value) -> crate::support::Answer {
    let headers: [(&str, &[u8]); 2] =
        [("content-type", b"application/json"), ("if-match", version.as_bytes())];
    admin.send_as_is("PUT", path, &headers, body.to_string().as_bytes()).await
}

async fn zones_and_methods_are_changed_by_those_who_read_them(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[]) else { return };
    let admin = shop.admin().await;
    set_up(&admin).await;
    let zone = json!({"code": "de", "name": "Germany", "places": [{"country": "DE"}]});
    let path = format!("{ZONES}/de");
    let changed = put(&admin, &path, "\"1\"", &zone).await;
    assert_eq!((changed.status, &changed.body["name"]), (200, &json!("Germany")), "{changed:?}");
    let late = put(&admin, &path, "\"1\"", &zone).await;
    assert_eq!((late.status, &late.body["current_version"]), (412, &json!(2)), "{late:?}");
    let version: [(&str, &[u8]); 1] = [("if-match", b"\"2\"")];
    let used = admin.send_as_is("DELETE", &path, &version, b"").await;
    assert_eq!((used.status, &used.body["code"]), (409, &json!("conflict")), "{used:?}");
    assert_eq!(admin.get(&path).await.body["places"], json!([{"country": "DE"}]));

    let path = format!("{METHODS}/standard");
    let method = json!({"code": "standard", "rates": [{"zone": "fr", "price": euros("1.00")}]});
    let changed = put(&admin, &path, "\"1\"", &method).await;
    assert_eq!((changed.status, &changed.body["rates"]), (200, &method["rates"]), "{changed:?}");
    let elsewhere =
        json!({"code": "standard", "rates": [{"zone": "gone", "price": euros("1.00")}]});
    let refused = put(&admin, &path, "\"2\"", &elsewhere).await;
    assert_eq!((refused.status, &refused.body["errors"][0]["field"]), (422, &json!("rates")));
    assert_eq!(admin.get(&path).await.body["version"], 2);
    let gone = admin.send_as_is("DELETE", &path, &version, b"").await;
    assert_eq!(gone.status, 204, "{gone:?}");
    assert_eq!(admin.get(&path).await.status, 404);
}

async fn a_method_that_is_none_is_refused(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[]) else { return };
    let admin = shop.admin().await;
    for (field, rate) in [
        (
            "rates[0].min_items",
            json!({"price": euros("1.00"), "min_items": {"amount": "1.00", "currency": "USD"}}),
        ),
        ("rates[0].price", json!({"price": euros("-1.00")})),
        (
            "rates[0].max_weight_g",
            json!({"price": euros("1.00"), "min_weight_g": 2, "max_weight_g": 1}),
        ),
        ("rates[0].min_weight_g", json!({"price": euros("1.00"), "min_weight_g": -1})),
        ("rates[0].max_items", json!({"price": euros("1.00"), "max_items": euros("0.00")})),
        ("rates", json!({"price": euros("1.00"), "zone": "nowhere"})),
    ] {
        let refused = admin.post(METHODS, &json!({"code": "post", "rates": [rate]})).await;
        assert_eq!((refused.status, &refused.body["code"]), (422, &json!("invalid_value")));
        assert_eq!(refused.body["errors"][0]["field"], field, "{refused:?}");
    }
    for (field, place) in [
        ("places[0].country", json!({"country": "Germany"})),
        ("places[0].region", json!({"country": "DE", "region": "Bavaria"})),
        ("places[0].postal_prefix", json!({"country": "GB", "postal_prefix": "iv"})),
    ] {
        let refused = admin.post(ZONES, &json!({"code": "z", "places": [place]})).await;
        assert_eq!((refused.status, &refused.body["code"]), (422, &json!("invalid_value")));
        assert_eq!(refused.body["errors"][0]["field"], field, "{refused:?}");
    }
    let none = admin.post(METHODS, &json!({"code": "post", "rates": []})).await;
    assert_eq!(none.body["errors"][0]["field"], "rates", "{none:?}");
    assert_eq!(admin.get(METHODS).await.body["items"], json!([]));
    assert_eq!(admin.get(ZONES).await.body["items"], json!([]));
}
