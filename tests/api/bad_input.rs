//! What is not allowed gets an answer that names the field, and nothing is written.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::support::{
    APPROVED, Answer, Customer, Engine, Shop, id_of, on_both_engines, order_body, product,
};

on_both_engines![
    every_refusal_names_its_field,
    an_address_follows_the_rules_of_its_country,
    an_order_without_a_key_is_refused,
    nobody_gets_in_without_a_token,
    a_broken_import_line_is_named,
    a_name_of_any_letters_has_an_address,
];

fn refused(answer: &Answer, status: u16, code: &str, field: &str) {
    assert_eq!((answer.status, answer.body["code"].as_str()), (status, Some(code)), "{answer:?}");
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    assert!(answer.body["request_id"].is_string(), "{answer:?}");
    assert!(answer.headers.contains_key("x-request-id"));
    let named = answer.body["errors"].as_array().is_some_and(|errors| {
        errors.iter().any(|e| e["field"] == field && !e["message"].as_str().unwrap().is_empty())
    });
    assert!(field.is_empty() || named, "{field}: {answer:?}");
}

async fn every_refusal_names_its_field(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 5)]) else { return };
    let (ada, staff) = (Customer::guest(&shop).await, shop.staff().await);
    let lamp = id_of(&ada, "LAMP-1").await;
    let lines = "/v1/cart/lines";
    refused(&ada.post_raw(lines, "application/json", "{").await, 400, "invalid_request", "");
    refused(&ada.post_raw(lines, "text/plain", "{}").await, 415, "unsupported_media_type", "");
    refused(&ada.post_raw(lines, "application/json", "[]").await, 422, "invalid_value", "");
    let line = |quantity: Value| json!({"product_id": lamp, "quantity": quantity});
    for quantity in [json!(0), json!(-1), json!(1_000_000_000_000_i64), json!("1"), json!(1.5)] {
        let answer = ada.post(lines, &line(quantity)).await;
        refused(&answer, 422, "invalid_value", "quantity");
    }
    let more = json!({"product_id": lamp, "quantity": 1, "price": "0.01"});
    refused(&ada.post(lines, &more).await, 422, "invalid_value", "price");
    refused(&ada.post(lines, &json!({"quantity": 1})).await, 422, "invalid_value", "product_id");
    let unknown = json!({"product_id": "019abf3e-5f0e-7c0c-8a44-9f6a3d1c2b10", "quantity": 1});
    refused(&ada.post(lines, &unknown).await, 404, "not_found", "product_id");
    assert_eq!(ada.get("/v1/cart").await.body["lines"], json!([]));

    let new = |field: &str, value: Value| {
        let mut new = json!({
            "sku": "NEW-1", "name": "New", "description": "", "status": "active",
            "price": {"amount": "1.00", "currency": "EUR"},
        });
        new[field] = value;
        new
    };
    for (field, value, named) in [
        ("price", json!({"amount": "-1.00", "currency": "EUR"}), "price"),
        ("price", json!({"amount": "1.005", "currency": "EUR"}), "price"),
        ("price", json!({"amount": "1.00", "currency": "XYZ"}), "price.currency"),
        ("sku", json!(""), "sku"),
        ("colour", json!("red"), "colour"),
    ] {
        let answer = staff.command("/v1/admin/products", "k", &new(field, value)).await;
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (422, &json!("invalid_value")),
            "{answer:?}"
        );
        let errors = answer.body["errors"].to_string();
        assert!(errors.contains(named), "{named}: {answer:?}");
    }
    assert_eq!(ada.get("/v1/products/NEW-1").await.status, 404);

    ada.fill_cart(&lamp, 1).await;
    let token = ada.card(APPROVED).await;
    let order = |change: &dyn Fn(&mut Value)| {
        let mut body = order_body(&token);
        change(&mut body);
        body
    };
    for (body, field) in [
        (order(&|b| b["shipping_address"]["city"] = json!("")), "shipping_address.city"),
        (
            order(&|b| b["shipping_address"]["country"] = json!("Germany")),
            "shipping_address.country",
        ),
        (order(&|b| b["shipping_address"]["planet"] = json!("Mars")), "shipping_address.planet"),
        (order(&|b| b["shipping_method"] = json!("pigeon")), "shipping_method"),
        (order(&|b| b["payment"] = json!({})), "payment.token"),
        (
            order(&|b| b["expected_total"] = json!({"amount": "1", "currency": "EU"})),
            "expected_total.currency",
        ),
    ] {
        let answer = ada.command("/v1/orders", "k", &body).await;
        refused(&answer, 422, "invalid_value", field);
    }
    let mut dollars = order_body(&token);
    dollars["expected_total"] = json!({"amount": "28.99", "currency": "USD"});
    refused(&ada.command("/v1/orders", "k", &dollars).await, 409, "price_changed", "");
    assert_eq!(ada.get("/v1/orders").await.body["items"], json!([]));
    refused(&ada.get("/v1/orders?limit=101").await, 422, "invalid_value", "limit");
    refused(&ada.get("/v1/orders?cursor=zz").await, 422, "invalid_value", "cursor");
    refused(&ada.get("/v1/nowhere").await, 404, "not_found", "");
    let wrong = ada.post("/v1/products/NEW-1", &json!({})).await;
    refused(&wrong, 405, "method_not_allowed", "");
    assert_eq!(wrong.headers["allow"], "GET, HEAD");
    let wrong = staff.call("PUT", "/v1/admin/products/bulk").await;
    refused(&wrong, 405, "method_not_allowed", "");
    assert_eq!(wrong.headers["allow"], "POST");
    refused(&ada.call("TRACE", "/v1/categories").await, 405, "method_not_allowed", "");
    shop.settle();
}

async fn an_address_follows_the_rules_of_its_country(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 5)]) else { return };
    let ada = Customer::guest(&shop).await;
    ada.fill_cart(&id_of(&ada, "LAMP-1").await, 1).await;
    let (token, before) = (ada.card(APPROVED).await, ada.get("/v1/cart").await.body);
    for (address, changes, field) in [
        ("shipping_address", json!({"country": "ZZ"}), "country"),
        ("shipping_address", json!({"postal_code": "SW1Y 4JH"}), "postal_code"),
        ("shipping_address", json!({"postal_code": "101170"}), "postal_code"),
        ("shipping_address", json!({"postal_code": null}), "postal_code"),
        ("shipping_address", json!({"country": "US", "postal_code": "95014"}), "region"),
        ("billing_address", json!({"postal_code": "1011"}), "postal_code"),
    ] {
        let mut body = order_body(&token);
        let mut changed = body["shipping_address"].clone();
        changed.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        body[address] = changed;
        let field = format!("{address}.{field}");
        let answer = ada.command("/v1/orders", "k", &body).await;
        refused(&answer, 422, "invalid_value", &field);
        let quote = body.as_object_mut().unwrap();
        quote.remove("payment");
        if quote.remove("billing_address").is_none() {
            refused(&ada.post("/v1/cart/quote", &body).await, 422, "invalid_value", &field);
        }
    }
    for (field, text) in [("email", "ada@"), ("email", "a b@c.de"), ("locale", "de_AT")] {
        let mut body = order_body(&token);
        body[field] = json!(text);
        refused(&ada.command("/v1/orders", "k", &body).await, 422, "invalid_value", field);
    }
    assert_eq!(ada.get("/v1/cart").await.body, before);
    assert_eq!(ada.get("/v1/orders").await.body["items"], json!([]));
    let mut right = order_body(&token);
    right["shipping_address"]["country"] = json!("US");
    right["shipping_address"]["region"] = json!("CA");
    right["shipping_address"]["postal_code"] = json!("95014-2083");
    let order = ada.command("/v1/orders", "k", &right).await;
    ada.until(order.body["id"].as_str().unwrap(), &["CONFIRMED"]).await;
    shop.settle();
}

async fn an_order_without_a_key_is_refused(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[]) else { return };
    let ada = Customer::guest(&shop).await;
    let answer = ada.post("/v1/orders", &order_body("tok")).await;
    refused(&answer, 400, "idempotency_key_required", "");
    let answer = ada.order(&"x".repeat(256), "tok").await;
    refused(&answer, 400, "invalid_request", "Idempotency-Key");
}

/// On SQLite only: the limit is one statement for both engines, and filling such a cart takes long.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cart_has_at_most_a_thousand_lines() {
    let engine = Engine::Sqlite;
    let products: Vec<Value> =
        (0..1_001).map(|n| product(&format!("P-{n:04}"), "1.00", 10)).collect();
    let Some(shop) = Shop::running(engine, &products) else { return };
    let ada = Customer::guest(&shop).await;
    let (first, last) = (id_of(&ada, "P-0000").await, id_of(&ada, "P-1000").await);
    ada.fill_cart(&first, 1).await;
    // Each request would show a cart that grows.
    let orders = rusqlite::Connection::open(shop.folder.join("order.db")).unwrap();
    let catalog = shop.folder.join("catalog.db");
    orders.execute("attach ?1 as catalog", [catalog.to_str().unwrap()]).unwrap();
    let filled = orders.execute(
        "insert into cart_line (id, cart_id, product_id, quantity, added_at)
         select randomblob(16), cart_id, product.id, 1, added_at from cart_line, catalog.product
          where product.sku not in ('P-0000', 'P-1000')",
        [],
    );
    assert_eq!(filled.unwrap(), 999);
    drop(orders);
    let line = json!({"product_id": last, "quantity": 1});
    refused(&ada.post("/v1/cart/lines", &line).await, 422, "invalid_value", "quantity");
    assert_eq!(ada.get("/v1/cart").await.body["lines"].as_array().unwrap().len(), 1_000);
    // One of the largest orders there can be.
    let order = ada.order("a", &ada.card(APPROVED).await).await;
    assert!([201, 202].contains(&order.status), "{order:?}");
    ada.until(order.body["id"].as_str().unwrap(), &["CONFIRMED"]).await;
    shop.settle();
}

async fn nobody_gets_in_without_a_token(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[]) else { return };
    let anyone = Customer::anyone(&shop);
    let api = anyone.get("/v1/openapi.json").await;
    let open = [
        "/v1/products",
        "/v1/products/suggest",
        "/v1/categories",
        "/.well-known/jwks.json",
        "/v1/openapi.json",
        "/v1/products/{key}",
        "/v1/products/{key}/price",
        "/v1/products/{key}/related",
        "/v1/collections",
        "/v1/collections/{slug}",
        "/v1/products/slug/{slug}",
        "/media/{sha256}/{file}",
        "/v1/payments/{id}/challenge",
    ];
    let mut asked = 0;
    for (path, methods) in api.body["paths"].as_object().unwrap() {
        if methods.get("get").is_none() || open.contains(&path.as_str()) {
            continue;
        }
        let path =
            path.split('/')
                .map(|part| {
                    if part.starts_with('{') {
                        "019abf3e-5f0e-7c0c-8a44-9f6a3d1c2b10"
                    } else {
                        part
                    }
                })
                .collect::<Vec<_>>()
                .join("/");
        let answer = anyone.get(&path).await;
        assert_eq!(answer.status, 401, "{path}: {answer:?}");
        asked += 1;
    }
    assert!(asked >= 10, "only {asked} endpoints were asked");
}

async fn a_broken_import_line_is_named(engine: Engine) {
    let Some(shop) = Shop::new(engine, &[product("LAMP-1", "20.00", 5)]) else { return };
    let mut text = String::new();
    writeln!(text, "{}", product("DESK-1", "10.00", 1)).unwrap();
    writeln!(text, "{{\"sku\": \"BROKEN\"").unwrap();
    writeln!(text, "{}", product("MINUS-1", "-1.00", 1)).unwrap();
    writeln!(text, "{}", product("CHAIR-1", "10.00", 1)).unwrap();
    let file = shop.folder.join("broken.jsonl");
    std::fs::write(&file, text).unwrap();
    let imported = shop.run(&["import", "products", &file.display().to_string()]);
    let said = String::from_utf8_lossy(&imported.stdout);
    assert_eq!(imported.status.code(), Some(1), "{imported:?}");
    assert!(said.contains("line 2") && said.contains("line 3"), "{said}");
    assert!(said.contains("2 created"), "{said}");
}

/// The engine's files are limited, as a full disk would: what was answered 2xx is there, what was
/// answered 5xx left nothing, and the shop goes on when there is room again.
///
/// On SQLite only: PostgreSQL's own disk is not ours to fill.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_loses_nothing() {
    let engine = Engine::Sqlite;
    let Some(mut shop) = Shop::new(engine, &[product("LAMP-1", "20.00", 100_000)]) else { return };
    let disk = shop.folder.join("data");
    std::fs::create_dir(&disk).unwrap();
    let small = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=6500k", "tmpfs"])
        .arg(&disk)
        .status();
    if !small.is_ok_and(|status| status.success()) {
        // Only root may mount: a skip on a laptop, a failure where everything must run.
        #[expect(clippy::disallowed_methods, reason = "tests have no settings")]
        let must = std::env::var("CI").is_ok_and(|ci| ci == "true");
        assert!(!must, "a small file system cannot be mounted");
        return;
    }
    let unmount = Unmount(disk.clone());
    shop.set("STOA__SERVER__DATA_DIR", &disk.display().to_string());
    // There is no end to wait for while it is full.
    shop.set("STOA__ORDER__ANSWER_WAIT_MS", "2000");
    let file = shop.folder.join("products.jsonl");
    assert!(shop.run(&["import", "products", &file.display().to_string()]).status.success());
    shop.start(&[]);
    let lamp = id_of(&Customer::guest(&shop).await, "LAMP-1").await;
    let mut confirmed = Vec::new();
    let mut failed = 0;
    for _ in 0..2_000 {
        match buy_one(&shop, &lamp).await {
            Bought::Confirmed(ada, id) => confirmed.push((ada, id)),
            Bought::Later => {}
            Bought::Unavailable => failed += 1,
        }
        if failed > 20 {
            break;
        }
    }
    assert!(failed > 20, "the disk was never full: {} orders", confirmed.len());
    assert!(!confirmed.is_empty());
    // Room again, without a restart.
    let grown =
        std::process::Command::new("mount").args(["-o", "remount,size=64m"]).arg(&disk).status();
    assert!(grown.unwrap().success());
    shop.settle();
    for (ada, id) in &confirmed {
        assert_eq!(ada.get(&format!("/v1/orders/{id}")).await.body["status"], "CONFIRMED");
    }
    let bob = Customer::guest(&shop).await;
    bob.fill_cart(&lamp, 1).await;
    let body = order_body(&bob.card(APPROVED).await);
    let order = crate::promotions::order(&bob, "after", &body).await;
    assert_eq!(order.body["status"], "CONFIRMED", "{order:?}");
    shop.settle();
    shop.stop();
    drop(unmount);
}

enum Bought {
    Confirmed(Customer, String),
    /// The checkout goes on when there is room.
    Later,
    Unavailable,
}

/// One guest buys one lamp, as far as the disk lets them.
async fn buy_one(shop: &Shop, lamp: &str) -> Bought {
    let Ok(ada) = Customer::try_guest(shop).await else { return Bought::Unavailable };
    let card = json!({
        "number": APPROVED, "exp_month": 12, "exp_year": 2030, "cvc": "123", "name": "Ada",
    });
    let card = ada.post("/v1/payment-tokens", &card).await;
    let line = ada.post("/v1/cart/lines", &json!({"product_id": lamp, "quantity": 1})).await;
    if [card.status, line.status].iter().any(|status| matches!(status, 503 | 504)) {
        return Bought::Unavailable;
    }
    let order = ada.order("key", card.body["token"].as_str().unwrap()).await;
    match order.status {
        201 if order.body["status"] == "CONFIRMED" => {
            let id = order.body["id"].as_str().unwrap().to_owned();
            Bought::Confirmed(ada, id)
        }
        201 | 202 | 409 => Bought::Later,
        503 | 504 => Bought::Unavailable,
        _ => panic!("{order:?}"),
    }
}

struct Unmount(std::path::PathBuf);

impl Drop for Unmount {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

async fn a_name_of_any_letters_has_an_address(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[]) else { return };
    let staff = shop.staff().await;
    let named = async |code: &str| {
        staff.post("/v1/admin/attributes", &json!({"code": code, "kind": "text"})).await
    };
    let made = named("Größe 1/2").await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.headers["location"], "/v1/admin/attributes/Gr%C3%B6%C3%9Fe%201%2F2");
    refused(&named("a\u{12}b").await, 422, "invalid_value", "code");
    refused(&named("a\u{9b}b").await, 422, "invalid_value", "code");
    assert_eq!(named("a\u{10fffd}").await.status, 201);
}
