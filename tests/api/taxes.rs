//! What tax an order is charged, and what it keeps of it.

use serde_json::{Value, json};

use crate::support::{
    APPROVED, Customer, Engine, Shop, id_of, on_both_engines, order_body, product,
};
use crate::words::euros;

on_both_engines![
    a_quote_and_its_order_tell_the_tax_by_rate,
    a_market_whose_prices_hold_the_tax_adds_none,
    a_file_of_rates_is_taken_in_as_a_whole,
    a_rate_is_changed_by_those_who_read_it,
    a_rate_that_is_no_rate_is_refused,
];

const RATES: &str = "/v1/admin/tax-rates";

/// A lamp and a book, which is in a category of its own.
fn lamp_and_book() -> [Value; 2] {
    let mut book = product("BOOK-1", "10.00", 9);
    book["tax_category"] = json!("books");
    [product("LAMP-1", "20.00", 9), book]
}

async fn rate(admin: &Customer, rate: Value) -> Value {
    let made = admin.post(RATES, &rate).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.headers["location"], format!("{RATES}/{}", made.body["id"].as_str().unwrap()));
    made.body
}

async fn a_quote_and_its_order_tell_the_tax_by_rate(engine: Engine) {
    let Some(mut shop) = Shop::running(engine, &lamp_and_book()) else { return };
    let (admin, ada) = (shop.admin().await, Customer::guest(&shop).await);
    rate(&admin, json!({"country": "DE", "rate": "19"})).await;
    rate(&admin, json!({"country": "DE", "category": "books", "rate": "7"})).await;
    rate(&admin, json!({"country": "CA", "rate": "5"})).await;
    rate(&admin, json!({"country": "CA", "region": "QC", "rate": "9.975"})).await;
    let staff = shop.staff().await;
    let refused = staff.post(RATES, &json!({"country": "FR", "rate": "20"})).await;
    assert_eq!(refused.status, 403, "the staff may read rates only: {refused:?}");
    ada.fill_cart(&id_of(&ada, "LAMP-1").await, 1).await;
    ada.fill_cart(&id_of(&ada, "BOOK-1").await, 2).await;
    let body = order_body(&ada.card(APPROVED).await);
    let asked = |country: &str, region: &str| {
        let mut asked = body.clone();
        asked.as_object_mut().unwrap().remove("payment");
        asked["shipping_address"]["country"] = json!(country);
        asked["shipping_address"]["region"] = json!(region);
        asked["shipping_address"]["postal_code"] =
            json!(if country == "CA" { "H3Z 2Y7" } else { "10117" });
        asked
    };
    let quote = ada.post("/v1/cart/quote", &asked("DE", "")).await;
    assert_eq!(quote.status, 200, "{quote:?}");
    // 19 % of 20.00 + 4.90 and 7 % of 20.00.
    let lines = json!([
        {"rate": "7", "base": euros("20.00"), "tax": euros("1.40")},
        {"rate": "19", "base": euros("24.90"), "tax": euros("4.73")},
    ]);
    assert_eq!(quote.body["tax_lines"], lines);
    assert_eq!(quote.body["totals"]["tax"], euros("6.13"));
    assert_eq!(quote.body["totals"]["total"], euros("51.03"));
    let quebec = ada.post("/v1/cart/quote", &asked("CA", "CA-QC")).await;
    // 14.975 % of 44.90 is 6.723775.
    assert_eq!(quebec.body["totals"]["tax"], euros("6.72"), "{quebec:?}");
    assert_eq!(quebec.body["tax_lines"][0]["rate"], "14.975");

    let order = ada.order("first", &ada.card(APPROVED).await).await;
    let order = ada.until(order.body["id"].as_str().unwrap(), &["CONFIRMED"]).await;
    assert_eq!(order.body["totals"], quote.body["totals"]);
    assert_eq!(order.body["tax_lines"], lines);
    let of_lines: Vec<&Value> =
        order.body["lines"].as_array().unwrap().iter().map(|line| &line["tax"]).collect();
    let quoted = quote.body["lines"].as_array().unwrap().iter().map(|line| &line["tax"]);
    assert_eq!(of_lines, quoted.collect::<Vec<_>>());
    assert_eq!(of_lines[1], &json!({"rate": "7", "amount": euros("1.40")}));

    // A new rate changes what comes, not what was charged.
    rate(&admin, json!({"country": "DE", "rate": "16"})).await;
    let again = ada.get(&format!("/v1/orders/{}", order.body["id"].as_str().unwrap())).await;
    assert_eq!(again.body["tax_lines"], lines);
    ada.fill_cart(&id_of(&ada, "LAMP-1").await, 1).await;
    let quote = ada.post("/v1/cart/quote", &asked("DE", "")).await;
    assert_eq!(quote.body["tax_lines"][0]["rate"], "16", "{quote:?}");
    shop.settle();
    shop.stop();
    shop.assert_books();
}

async fn a_market_whose_prices_hold_the_tax_adds_none(engine: Engine) {
    let Some(mut shop) = Shop::running(engine, &lamp_and_book()) else { return };
    let (admin, ada) = (shop.admin().await, Customer::guest(&shop).await);
    let market = json!({
        "code": "de", "currency": "EUR", "countries": ["DE"], "prices_include_tax": true,
        "tax_rounding": "per_line",
    });
    let made = admin.post("/v1/admin/markets", &market).await;
    assert_eq!((made.status, &made.body["tax_rounding"]), (201, &json!("per_line")), "{made:?}");
    rate(&admin, json!({"country": "DE", "rate": "19"})).await;
    rate(&admin, json!({"country": "DE", "category": "books", "rate": "7"})).await;
    ada.fill_cart(&id_of(&ada, "LAMP-1").await, 1).await;
    ada.fill_cart(&id_of(&ada, "BOOK-1").await, 1).await;
    let order = ada.order("first", &ada.card(APPROVED).await).await;
    let order = ada.until(order.body["id"].as_str().unwrap(), &["CONFIRMED"]).await;
    // 3.19 in 20.00, 0.65 in 10.00 and 0.78 in 4.90.
    let totals = &order.body["totals"];
    assert_eq!((&totals["total"], &totals["tax"]), (&euros("34.90"), &euros("0.00")));
    assert_eq!(totals["included_tax"], euros("4.62"));
    let lines = json!([
        {"rate": "7", "base": euros("9.35"), "tax": euros("0.65")},
        {"rate": "19", "base": euros("20.93"), "tax": euros("3.97")},
    ]);
    assert_eq!(order.body["tax_lines"], lines);
    shop.settle();
    shop.stop();
    shop.assert_books();
}

async fn a_file_of_rates_is_taken_in_as_a_whole(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[]) else { return };
    let admin = shop.admin().await;
    let real = concat!(env!("CARGO_MANIFEST_DIR"), "/modules/order/tests/data/tax_rates.csv");
    let import = |file: &str| {
        let run = shop.run(&["import", "taxes", file]);
        let text = format!(
            "{}{}",
            String::from_utf8_lossy(&run.stdout),
            String::from_utf8_lossy(&run.stderr)
        );
        (run.status.success(), text)
    };
    let (done, text) = import(real);
    let lines = std::fs::read_to_string(real).unwrap().lines().count() - 1;
    assert!(done && text.contains(&format!("{lines} new or changed")), "{text}");
    let (done, text) = import(real);
    assert!(done && text.contains("0 new or changed"), "{text}");
    let listed = admin.get(&format!("{RATES}?limit=100")).await;
    assert_eq!(listed.body["items"].as_array().map(Vec::len), Some(lines), "{listed:?}");
    let wrong = std::env::temp_dir().join(format!("taxes-{}.csv", uuid::Uuid::now_v7()));
    let header = "country,region,category,percent,valid_from,valid_until";
    std::fs::write(
        &wrong,
        format!("{header}\nSE,,standard,25,2026-01-01,\nXX,,standard,1,2026-01-01,\n"),
    )
    .unwrap();
    let (done, text) = import(wrong.to_str().unwrap());
    std::fs::remove_file(&wrong).unwrap();
    assert!(!done && text.contains("line 3"), "{text}");
    let after = admin.get(&format!("{RATES}?limit=100")).await;
    assert_eq!(after.body, listed.body, "nothing of it is in");
}

async fn a_rate_is_changed_by_those_who_read_it(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[]) else { return };
    let admin = shop.admin().await;
    let made = rate(&admin, json!({"country": "FR", "rate": "20"})).await;
    let path = format!("{RATES}/{}", made["id"].as_str().unwrap());
    let put = |version: &'static str, body: Value| {
        let (admin, path) = (admin.clone(), path.clone());
        async move {
            let headers: [(&str, &[u8]); 2] =
                [("content-type", b"application/json"), ("if-match", version.as_bytes())];
            admin.send_as_is("PUT", &path, &headers, body.to_string().as_bytes()).await
        }
    };
    let changed = put("\"1\"", json!({"rate": "5.5"})).await;
    assert_eq!((changed.status, &changed.body["version"]), (200, &json!(2)), "{changed:?}");
    let late = put("\"1\"", json!({"rate": "10"})).await;
    assert_eq!((late.status, &late.body["current_version"]), (412, &json!(2)), "{late:?}");
    assert_eq!(admin.get(&path).await.body["rate"], "5.5");
    let same = json!({"country": "FR", "rate": "7", "valid_from": made["valid_from"]});
    assert_eq!(admin.post(RATES, &same).await.body["code"], "conflict");
    let headers: [(&str, &[u8]); 1] = [("if-match", b"\"2\"")];
    assert_eq!(admin.send_as_is("DELETE", &path, &headers, b"").await.status, 204);
    assert_eq!(admin.get(&path).await.status, 404);
    assert_eq!(admin.get(RATES).await.body["items"], json!([]));
}

async fn a_rate_that_is_no_rate_is_refused(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[]) else { return };
    let admin = shop.admin().await;
    for (field, value) in [
        ("rate", json!("-1")),
        ("rate", json!("100.0001")),
        ("rate", json!("9.97501")),
        ("country", json!("de")),
        ("country", json!("")),
        ("region", json!("Bavaria")),
        ("category", json!(" ")),
        ("category", json!("b".repeat(51))),
        ("valid_until", json!("2001-01-01T00:00:00Z")),
        ("colour", json!("red")),
    ] {
        let mut body = json!({"country": "DE", "rate": "19"});
        body[field] = value;
        let refused = admin.post(RATES, &body).await;
        assert_eq!((refused.status, &refused.body["code"]), (422, &json!("invalid_value")));
        assert_eq!(refused.body["errors"][0]["field"], field, "{refused:?}");
    }
    assert_eq!(admin.get(RATES).await.body["items"], json!([]));
}
