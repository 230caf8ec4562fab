//! The prices of a list as files.

use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, HttpMessage};
use catalog::{Catalog, Error, Format, PriceList, PricesImported};
use kernel::Envelope;
use kernel::events::ProductPriceChanged;
use kernel::ports::Role;
use platform::sql::Db;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::priced::{SYSTEM, create, list, public, put};
use crate::world::{catalog, told};

platform::on_both_engines!(catalog::SCHEMA =>
    an_export_changes_nothing_where_it_comes_from,
    a_file_creates_changes_and_removes,
    every_wrong_line_is_named_and_nothing_written,
    a_trial_tells_and_writes_nothing,
    two_files_at_once_do_not_mix,
    a_file_of_prices_goes_through_http,
    the_longest_file_is_taken_at_once,
    imports_and_prices_wait_for_each_other_in_turn,
);

async fn exported(catalog: &Catalog, list: &PriceList, format: Format) -> String {
    let mut export = catalog.export_prices(list.id, format).await.unwrap();
    let mut text = Vec::new();
    while let Some(piece) = export.next().await.unwrap() {
        text.extend_from_slice(&piece);
    }
    String::from_utf8(text).unwrap()
}

async fn import(catalog: &Catalog, list: &PriceList, text: &str) -> PricesImported {
    let format = if text.starts_with('{') { Format::Jsonl } else { Format::Csv };
    catalog.import_prices(list.id, format, text.into(), false, &SYSTEM).await.unwrap()
}

/// The line and the field of everything that is wrong with a file.
async fn wrong(catalog: &Catalog, list: &PriceList, text: &str) -> Vec<(u64, String)> {
    let format = if text.starts_with('{') { Format::Jsonl } else { Format::Csv };
    match catalog.import_prices(list.id, format, text.into(), false, &SYSTEM).await {
        Err(Error::Lines(errors)) => errors.into_iter().map(|one| (one.line, one.field)).collect(),
        other => panic!("{other:?}"),
    }
}

/// A shop of two products, and a list with a price of the first.
async fn shop(db: &Db) -> (Catalog, PriceList) {
    let catalog = catalog(db);
    create(&catalog, "A").await;
    create(&catalog, "B, \"b\"").await;
    let sale = list(&catalog, "sale", json!({})).await;
    put(&catalog, &sale, "A", 1, 800).await;
    (catalog, sale)
}

async fn an_export_changes_nothing_where_it_comes_from(db: Db) {
    let (catalog, sale) = shop(&db).await;
    put(&catalog, &sale, "A", 10, 750).await;
    put(&catalog, &sale, "B, \"b\"", 1, 5).await;
    let events = told(&db).await.len();
    let csv = "sku,min_quantity,price,currency\n\
               A,1,8.00,USD\nA,10,7.50,USD\n\"B, \"\"b\"\"\",1,0.05,USD\n";
    assert_eq!(exported(&catalog, &sale, Format::Csv).await, csv);
    for format in [Format::Csv, Format::Jsonl] {
        let text = exported(&catalog, &sale, format).await;
        let expected = PricesImported { unchanged: 3, ..PricesImported::default() };
        assert_eq!(import(&catalog, &sale, &text).await, expected);
        assert_eq!(exported(&catalog, &sale, format).await, text);
    }
    assert_eq!(told(&db).await.len(), events);
    let other = list(&catalog, "other", json!({})).await;
    assert_eq!(exported(&catalog, &other, Format::Jsonl).await, "");
    assert_eq!(import(&catalog, &other, csv).await.created, 3);
    assert_eq!(exported(&catalog, &other, Format::Csv).await, csv);
}

async fn a_file_creates_changes_and_removes(db: Db) {
    let (catalog, sale) = shop(&db).await;
    put(&catalog, &sale, "A", 10, 750).await;
    let events = told(&db).await.len();
    let text = "price,sku,min_quantity\n7.90,A,\n,A,10\n5,\"B, \"\"b\"\"\",1\n,A,99\n";
    let expected = PricesImported { created: 1, changed: 1, unchanged: 1, removed: 1 };
    assert_eq!(import(&catalog, &sale, text).await, expected);
    assert_eq!(public(&catalog, "A").await, 790);
    assert_eq!(public(&catalog, "B, \"b\"").await, 500);
    let told = told(&db).await.split_off(events);
    assert!(told.iter().all(Envelope::is::<ProductPriceChanged>) && told.len() == 2);
    let audit = catalog.history(sale.id, None, 10).await.unwrap().remove(0);
    assert_eq!(audit.action, "price_list.prices");
    let (before, after) = (audit.before.unwrap(), audit.after.unwrap());
    assert_eq!((before[0]["price"]["amount"].as_str(), &before[2]), (Some("8.00"), &Value::Null));
    assert_eq!((&after[1], after[2]["price"]["amount"].as_str()), (&Value::Null, Some("5.00")));
    let gone = "{\"sku\":\"A\",\"price\":null}\n{\"sku\":\"B, \\\"b\\\"\",\"price\":\"\"}";
    assert_eq!(import(&catalog, &sale, gone).await.removed, 2);
    assert_eq!(public(&catalog, "A").await, 1_000);
    assert!(catalog.verify().await.unwrap().iter().all(platform::verify::Check::holds));
}

async fn every_wrong_line_is_named_and_nothing_written(db: Db) {
    let (catalog, sale) = shop(&db).await;
    let lines = [
        (r#"{"sku":"A","price":"7.00"}"#, None),
        (r#"{"price":"7.00"}"#, Some("sku")),
        (r#"{"sku":"gone","price":"7.00"}"#, Some("sku")),
        (r#"{"sku":"\u0000","price":"7.00"}"#, Some("sku")),
        (r#"{"sku":"A","min_quantity":2}"#, Some("price")),
        (r#"{"sku":"A","min_quantity":2,"price":"7,00"}"#, Some("price")),
        (r#"{"sku":"A","min_quantity":2,"price":7.001}"#, Some("price")),
        (r#"{"sku":"A","min_quantity":2,"price":-1}"#, Some("price")),
        (r#"{"sku":"A","min_quantity":2,"price":"1000000000.01"}"#, Some("price")),
        (r#"{"sku":"A","min_quantity":2,"price":"7","currency":"EUR"}"#, Some("price")),
        (r#"{"sku":"A","min_quantity":2,"price":"7","currency":"EURO"}"#, Some("currency")),
        (r#"{"sku":"A","min_quantity":0,"price":"7"}"#, Some("min_quantity")),
        (r#"{"sku":"A","min_quantity":1.5,"price":"7"}"#, Some("min_quantity")),
        (r#"{"sku":"A","price":""}"#, Some("min_quantity")),
        (r#"{"sku":"A","min_quantity":3,"price":"7","colour":"red"}"#, Some("colour")),
        (r#"["A"]"#, Some("")),
    ];
    let text: Vec<&str> = lines.iter().map(|(line, _)| *line).collect();
    let expected: Vec<(u64, String)> =
        (1..).zip(&lines).filter_map(|(n, (_, field))| Some((n, (*field)?.to_owned()))).collect();
    assert_eq!(wrong(&catalog, &sale, &text.join("\n")).await, expected);
    let named = |names: &[(u64, &str)]| -> Vec<(u64, String)> {
        names.iter().map(|(line, field)| (*line, (*field).to_owned())).collect()
    };
    let table = "sku,price\nA,7.00\nA\ngone,\n";
    assert_eq!(wrong(&catalog, &sale, table).await, named(&[(3, ""), (4, "sku")]));
    let columns = "product,min_quantity\nA,1\n";
    assert_eq!(wrong(&catalog, &sale, columns).await, named(&[(1, "sku"), (1, "price")]));
    let tiers: Vec<String> = (2..=21).map(|n| format!("A,{n},1.00")).collect();
    let tiers = format!("sku,min_quantity,price\n{}\n", tiers.join("\n"));
    assert_eq!(wrong(&catalog, &sale, &tiers).await, named(&[(21, "sku")]));
    assert_eq!(import(&catalog, &sale, &format!("{tiers}A,1,\n")).await.created, 20);
    let long = format!("sku,price\n{}", "A,1.00\n".repeat(10_001));
    let wrong = wrong(&catalog, &sale, &long).await;
    assert_eq!(wrong.last(), Some(&(10_002, String::new())));
    assert_eq!(public(&catalog, "A").await, 1_000);
}

async fn a_trial_tells_and_writes_nothing(db: Db) {
    let (catalog, sale) = shop(&db).await;
    let before = exported(&catalog, &sale, Format::Csv).await;
    let text = "sku,min_quantity,price\nA,1,\nA,5,2.00\n";
    let trial = catalog.import_prices(sale.id, Format::Csv, text.into(), true, &SYSTEM).await;
    let expected = PricesImported { created: 1, removed: 1, ..PricesImported::default() };
    assert_eq!(trial.unwrap(), expected);
    assert_eq!(exported(&catalog, &sale, Format::Csv).await, before);
    assert_eq!(public(&catalog, "A").await, 800);
    assert_eq!(catalog.history(sale.id, None, 10).await.unwrap().len(), 2);
    assert_eq!(import(&catalog, &sale, text).await, expected);
}

/// Each file has a price for both products: whatever comes last, the two are of one file.
async fn two_files_at_once_do_not_mix(db: Db) {
    let (catalog, sale) = shop(&db).await;
    for round in 0..10 {
        let writers: Vec<_> = (0..4)
            .map(|n| {
                let (catalog, sale) = (catalog.clone(), sale.clone());
                let price = format!("{round}.{n}1");
                let (a, b) = (format!("A,{price}\n"), format!("\"B, \"\"b\"\"\",{price}\n"));
                let lines = if n % 2 == 0 { a + &b } else { b + &a };
                tokio::spawn(async move {
                    import(&catalog, &sale, &format!("sku,price\n{lines}")).await
                })
            })
            .collect();
        for writer in writers {
            let done = writer.await.unwrap();
            assert_eq!(done.created + done.changed, 2, "{done:?}");
        }
        let (a, b) = (public(&catalog, "A").await, public(&catalog, "B, \"b\"").await);
        assert_eq!(a, b);
    }
    assert!(catalog.verify().await.unwrap().iter().all(platform::verify::Check::holds));
}

async fn a_file_of_prices_goes_through_http(db: Db) {
    let (catalog, sale) = shop(&db).await;
    let app = init_service(App::new().configure(|config| catalog.routes(config))).await;
    let send = async |request: TestRequest, role: Role| {
        let request = request.to_request();
        request.extensions_mut().insert(platform::testing::principal(role));
        let response = call_service(&app, request).await;
        let (status, headers) = (response.status(), response.headers().clone());
        (status, headers, read_body(response).await)
    };
    let uri = format!("/v1/admin/price-lists/{}/entries", sale.id);
    let export = format!("{uri}/export?format=jsonl");
    let (status, headers, text) = send(TestRequest::get().uri(&export), Role::Staff).await;
    assert_eq!(
        (status, headers.get(CONTENT_TYPE).unwrap().to_str().unwrap()),
        (StatusCode::OK, "application/x-ndjson")
    );
    let import = |more: &str, text: &'static str| {
        let uri = format!("{uri}/import?format=csv{more}");
        TestRequest::post().uri(&uri).set_payload(text)
    };
    let line: Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(line, json!({"sku": "A", "min_quantity": 1, "price": "8.00", "currency": "USD"}));
    let post = import("&dry_run=true", "sku,price\nA,7\n");
    let (status, headers, body) = send(post, Role::Staff).await;
    assert!(status == StatusCode::OK && headers.contains_key("x-consistency-token"));
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body, json!({"created": 0, "changed": 1, "unchanged": 0, "removed": 0}));
    let (status, _, body) = send(import("", "sku,price\nA,7\nA,x\n"), Role::Staff).await;
    let problem: Value = serde_json::from_slice(&body).unwrap();
    let code = (status.as_u16(), problem["code"].as_str());
    assert_eq!(code, (422, Some("invalid_value")));
    let message = "must be a decimal number such as 19.99";
    assert_eq!(problem["lines"], json!([{"line": 3, "field": "price", "message": message}]));
    assert_eq!(send(import("", "sku,price\nA,7\n"), Role::Customer).await.0, StatusCode::FORBIDDEN);
    let export = TestRequest::get().uri(&export);
    assert_eq!(send(export, Role::Customer).await.0, StatusCode::FORBIDDEN);
    let none = format!("/v1/admin/price-lists/{}/entries/export?format=csv", uuid::Uuid::now_v7());
    assert_eq!(send(TestRequest::get().uri(&none), Role::Staff).await.0, StatusCode::NOT_FOUND);
    let long = format!("{uri}/import?format=csv");
    let long = TestRequest::post().uri(&long).set_payload("sku,price\n".repeat(1 << 19));
    assert_eq!(send(long, Role::Staff).await.0, StatusCode::PAYLOAD_TOO_LARGE);
}

/// Each goes through the same products in another order.
async fn imports_and_prices_wait_for_each_other_in_turn(db: Db) {
    let catalog = catalog(&db);
    let sale = list(&catalog, "sale", json!({})).await;
    let line = |n: i32, price: i32| format!("S{n:03},N,{price}.00\n");
    let products = |price: i32, backwards: bool| {
        let lines: Vec<String> = (0..300).map(|n| line(n, price)).collect();
        let lines = if backwards { lines.into_iter().rev().collect() } else { lines };
        format!("sku,name,price\n{}", lines.concat())
    };
    let bring = async |catalog: Catalog, text: String| {
        let mut file = std::io::Cursor::new(text);
        let report = catalog.import(&mut file, Format::Csv, &mut |_| {}).await.unwrap();
        assert_eq!(report.failed, 0, "{report:?}");
    };
    bring(catalog.clone(), products(50, false)).await;
    for round in 1..=12 {
        let lists: Vec<String> = (0..300).map(|n| format!("S{n:03},{round}.50\n")).collect();
        let text = format!("sku,price\n{}", lists.concat());
        let bulk: Vec<Box<RawValue>> = (0..300)
            .rev()
            .map(|n| json!({"sku": format!("S{n:03}"), "brand": format!("B{round}")}))
            .map(|item| serde_json::value::to_raw_value(&item).unwrap())
            .collect();
        let priced = {
            let (catalog, sale) = (catalog.clone(), sale.clone());
            tokio::spawn(async move { import(&catalog, &sale, &text).await })
        };
        let edited = {
            let catalog = catalog.clone();
            tokio::spawn(async move {
                let items: Vec<&RawValue> = bulk.iter().map(AsRef::as_ref).collect();
                catalog.bulk(&items, true, &SYSTEM).await.unwrap()
            })
        };
        bring(catalog.clone(), products(50 + round, round % 2 == 0)).await;
        assert_eq!(edited.await.unwrap().len(), 300);
        priced.await.unwrap();
        assert_eq!(public(&catalog, "S123").await, i64::from(round) * 100 + 50);
    }
    assert!(catalog.verify().await.unwrap().iter().all(platform::verify::Check::holds));
}

/// As many products as a file has lines: one commit, which the engines still do in one go.
async fn the_longest_file_is_taken_at_once(db: Db) {
    let catalog = catalog(&db);
    let products: Vec<String> =
        (0..10_000).map(|n| format!("{{\"sku\":\"S{n}\",\"name\":\"N\",\"price\":9}}")).collect();
    let mut products = std::io::Cursor::new(products.join("\n"));
    catalog.import(&mut products, Format::Jsonl, &mut |_| {}).await.unwrap();
    let sale = list(&catalog, "sale", json!({})).await;
    let lines: Vec<String> = (0..10_000).map(|n| format!("S{n},{}.00", n % 9)).collect();
    let text = format!("sku,price\n{}", lines.join("\n"));
    assert_eq!(import(&catalog, &sale, &text).await.created, 10_000);
    assert_eq!(public(&catalog, "S1234").await, 100);
    let again = exported(&catalog, &sale, Format::Csv).await;
    assert_eq!(import(&catalog, &sale, &again).await.unchanged, 10_000);
}
