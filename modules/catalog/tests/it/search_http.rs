//! Searches and refusals as they come over HTTP.

use std::time::Duration;

use actix_web::http::header::CONTENT_TYPE;
use actix_web::test::TestRequest;
use catalog::{Catalog, SCHEMA, SearchSettings, Settings};
use platform::audit::Actor;
use platform::sql::Db;
use platform::testing::folder;
use serde_json::{Value, json};

use crate::http::{get, send};
use crate::searching::{caught_up, opened};
use crate::world::input;

platform::on_both_engines!(super::SCHEMA =>
    a_translation_is_found_and_shown_in_its_language,
    the_staff_is_told_why_and_nobody_else,
    a_hostile_text_is_answered_or_refused,
    what_is_of_the_wrong_kind_names_its_field,
    nothing_is_above_itself,
);

/// The names on a page.
fn names(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect()
}

async fn a_translation_is_found_and_shown_in_its_language(db: Db) {
    let languages = vec!["en".to_owned(), "de".to_owned()];
    let search = SearchSettings { languages, ..SearchSettings::default() };
    let settings = Settings { search, ..Settings::default() };
    let index = folder().join("index");
    let catalog = Catalog::open(db.clone(), settings, &index).await.unwrap();
    let german = json!({"de": {"name": "Schreibtischlampe", "description": "Leuchtet"}});
    let lamp = json!({"name": "Desk lamp", "translations": german});
    catalog.create(input("LAMP", lamp), &Actor::SYSTEM).await.unwrap();
    catalog.create(input("PEN", json!({"name": "Pen"})), &Actor::SYSTEM).await.unwrap();
    catalog.refresh_search().await.unwrap();

    let page = get(&catalog, "/v1/products?q=schreibtischlampen&locale=de").await.json;
    assert_eq!(names(&page), ["Schreibtischlampe"], "by its stem, and in its language");
    let page = get(&catalog, "/v1/products?q=lamp&locale=de").await.json;
    assert_eq!(names(&page), ["Schreibtischlampe"], "the shop's own language is searched too");
    let page = get(&catalog, "/v1/products?q=lamps").await.json;
    assert_eq!(names(&page), ["Desk lamp"]);
    let page = get(&catalog, "/v1/products?q=pen&locale=de").await.json;
    assert_eq!(names(&page), ["Pen"], "what has no translation is shown as it is");
    let shown = get(&catalog, "/v1/products/LAMP?locale=de").await.json;
    let told = (shown["name"].as_str(), shown["description"].as_str());
    assert_eq!(told, (Some("Schreibtischlampe"), Some("Leuchtet")));
    let accepts = TestRequest::get().uri("/v1/products?q=lamp");
    let accepts = accepts.insert_header(("accept-language", "de-AT;q=0.5, de"));
    assert_eq!(names(&send(&catalog, accepts, false).await.json).len(), 1);
}

async fn the_staff_is_told_why_and_nobody_else(db: Db) {
    let (catalog, tasks) = opened(&db, &folder().join("index")).await;
    catalog.create(input("A", json!({"name": "Red lamp"})), &Actor::SYSTEM).await.unwrap();
    caught_up(&catalog, &db).await;
    let uri = "/v1/products?q=lamp&explain=true";
    let told = send(&catalog, TestRequest::get().uri(uri), true).await;
    assert_eq!(told.status, 200, "{:?}", told.json);
    let why = &told.json["items"][0]["explanation"];
    assert!(why.is_object(), "{:?}", told.json);
    let stranger = get(&catalog, uri).await;
    assert!(matches!(stranger.status.as_u16(), 401 | 403), "{:?}", stranger.json);
    let plain = get(&catalog, "/v1/products?q=lamp").await.json;
    assert!(plain["items"][0].get("explanation").is_none(), "{plain}");
    tasks.stop(Duration::from_secs(5)).await;
}

/// None of them takes more than the bound that every search has, and none is an error on our side.
async fn a_hostile_text_is_answered_or_refused(db: Db) {
    let (catalog, tasks) = opened(&db, &folder().join("index")).await;
    for n in 0..50 {
        let name = json!({"name": format!("a{n} b{n} c{n}")});
        catalog.create(input(&format!("S{n}"), name), &Actor::SYSTEM).await.unwrap();
    }
    caught_up(&catalog, &db).await;
    let long = "lamp%20".repeat(1_500);
    let operators = "%2B-%22*~^:()%5B%5D".repeat(10);
    let wildcards = "a*%20".repeat(500);
    let few_wildcards = "a*%20".repeat(60);
    for path in ["/v1/products", "/v1/products/suggest"] {
        for text in [&long, &operators, &wildcards, &few_wildcards] {
            let answered = get(&catalog, &format!("{path}?q={text}")).await;
            let field = answered.json["errors"][0]["field"].as_str();
            match answered.status.as_u16() {
                200 => assert!(answered.json.is_object()),
                status => assert_eq!((status, field), (422, Some("q")), "{path} {}", answered.json),
            }
        }
        for refused in [&long, &wildcards] {
            let answered = get(&catalog, &format!("{path}?q={refused}")).await;
            assert_eq!(answered.status, 422, "{path}: it is too long");
        }
    }
    tasks.stop(Duration::from_secs(5)).await;
}

async fn what_is_of_the_wrong_kind_names_its_field(db: Db) {
    let (catalog, tasks) = opened(&db, &folder().join("index")).await;
    let define = async |attribute: Value| {
        let post = TestRequest::post().uri("/v1/admin/attributes").set_json(attribute);
        assert_eq!(send(&catalog, post, true).await.status, 201);
    };
    define(json!({"code": "watts", "kind": "number"})).await;
    define(json!({"code": "colour", "kind": "text", "options": ["red"]})).await;
    define(json!({"code": "loud", "kind": "boolean"})).await;
    define(json!({"code": "uses", "kind": "list"})).await;
    let posted = async |attributes: Value| {
        let body = json!({"sku": "A", "name": "A", "attributes": attributes,
                          "price": {"amount": "1.00", "currency": "USD"}});
        let post = TestRequest::post().uri("/v1/admin/products").set_json(body);
        let refused = send(&catalog, post, true).await;
        let field = refused.json["errors"][0]["field"].as_str().unwrap_or_default().to_owned();
        (refused.status.as_u16(), field)
    };
    for (name, value) in [
        ("watts", json!("6")),
        ("colour", json!(6)),
        ("colour", json!("blue")),
        ("loud", json!("yes")),
        ("uses", json!("home")),
        ("uses", json!([1])),
        ("other", json!({"deep": 1})),
    ] {
        let (status, field) = posted(json!({name: value})).await;
        assert_eq!((status, field), (422, format!("attributes.{name}")), "{value}");
    }
    let no_text = TestRequest::post().uri("/v1/admin/products");
    let no_text = no_text.insert_header((CONTENT_TYPE, "application/json"));
    let refused = send(&catalog, no_text.set_payload(&b"{\"sku\":\"\xff\xfe\"}"[..]), true).await;
    let told = (refused.status.as_u16(), refused.json["code"].as_str());
    assert!(
        matches!(told, (400, Some("invalid_request")) | (422, Some("invalid_value"))),
        "{told:?}"
    );
    let refused = get(&catalog, "/v1/products?category=%c3%28").await;
    let told = (refused.status.as_u16(), refused.json["errors"][0]["field"].as_str());
    assert_eq!(told, (422, Some("category")));
    assert_eq!(catalog.product_count().await.unwrap(), 0);
    tasks.stop(Duration::from_secs(5)).await;
}

async fn nothing_is_above_itself(db: Db) {
    let (catalog, tasks) = opened(&db, &folder().join("index")).await;
    let parent = catalog.create(input("P", json!({})), &Actor::SYSTEM).await.unwrap();
    let variant = input("V", json!({"parent_id": parent.id}));
    let variant = catalog.create(variant, &Actor::SYSTEM).await.unwrap();
    let field = async |request: TestRequest, version: &str| {
        let refused = send(&catalog, request.insert_header(("if-match", version)), true).await;
        let field = refused.json["errors"][0]["field"].as_str().unwrap_or_default().to_owned();
        (refused.status.as_u16(), field)
    };
    let price = json!({"amount": "1.00", "currency": "USD"});
    let below = json!({"sku": "W", "name": "W", "price": price, "parent_id": variant.id});
    let post = TestRequest::post().uri("/v1/admin/products").set_json(below);
    assert_eq!(field(post, "\"1\"").await, (422, "parent_id".to_owned()));
    for above in [parent.id, variant.id] {
        let uri = format!("/v1/admin/products/{}", parent.id);
        let patch = TestRequest::patch().uri(&uri).set_json(json!({"parent_id": above}));
        assert_eq!(field(patch, "\"1\"").await, (422, "parent_id".to_owned()), "{above}");
    }
    let category = async |body: Value| {
        let post = TestRequest::post().uri("/v1/admin/categories").set_json(body);
        send(&catalog, post, true).await.json["id"].as_str().unwrap().to_owned()
    };
    let home = category(json!({"name": "Home"})).await;
    let lamps = category(json!({"name": "Lamps", "parent_id": home})).await;
    for above in [&home, &lamps] {
        let body = json!({"name": "Home", "parent_id": above});
        let put = TestRequest::put().uri(&format!("/v1/admin/categories/{home}")).set_json(body);
        assert_eq!(field(put, "\"1\"").await, (422, "parent_id".to_owned()), "{above}");
    }
    tasks.stop(Duration::from_secs(5)).await;
}
