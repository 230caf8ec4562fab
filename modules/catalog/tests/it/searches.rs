//! Searches are counted and told, without personal data.

use std::time::Duration;

use actix_web::App;
use actix_web::test::{TestRequest, call_service, init_service, read_body_json};
use catalog::Catalog;
use kernel::events::{SearchCount, SearchPerformed};
use kernel::id::ProductId;
use platform::audit::Actor;
use platform::sql::Db;
use platform::testing::folder;
use serde_json::{Value, json};

use crate::searching::{caught_up, opened};
use crate::world::{catalog, input, told};

platform::on_both_engines!(catalog::SCHEMA =>
    searches_and_clicks_are_told_together,
    clicks_name_the_field_that_is_wrong,
);

async fn counts(db: &Db) -> Vec<SearchPerformed> {
    let events = told(db).await;
    events.iter().filter_map(kernel::Envelope::open).collect::<Result<_, _>>().unwrap()
}

async fn click(catalog: &Catalog, body: Value) -> (u16, Value) {
    let routes = |config: &mut actix_web::web::ServiceConfig| catalog.routes(config);
    let app = init_service(App::new().configure(routes)).await;
    let request = TestRequest::post().uri("/v1/search/clicks").set_json(body);
    let response = call_service(&app, request.to_request()).await;
    match response.status().as_u16() {
        204 => (204, Value::Null),
        status => (status, read_body_json(response).await),
    }
}

async fn search(catalog: &Catalog, text: &str) {
    let routes = |config: &mut actix_web::web::ServiceConfig| catalog.routes(config);
    let app = init_service(App::new().configure(routes)).await;
    let request = TestRequest::get().uri(&format!("/v1/products?q={text}"));
    assert_eq!(call_service(&app, request.to_request()).await.status(), 200);
}

async fn searches_and_clicks_are_told_together(db: Db) {
    let (catalog, tasks) = opened(&db, &folder().join("index")).await;
    let lamp = catalog.create(input("A", json!({"name": "Desk lamp"})), &Actor::SYSTEM).await;
    let lamp = lamp.unwrap().id;
    caught_up(&catalog, &db).await;
    // The second time an answer comes from the pages that are kept; the search counts too.
    for text in ["Desk++LAMP", "desk+lamp", "desk+lamp", "zzzz", "ada@example.com"] {
        search(&catalog, text).await;
    }
    let body = json!({"query": "desk lamp", "product_id": lamp, "position": 3});
    assert_eq!(click(&catalog, body.clone()).await.0, 204);
    assert_eq!(click(&catalog, body).await.0, 204);
    catalog.tell_searches().await.unwrap();
    catalog.tell_searches().await.unwrap();

    let [counted] = counts(&db).await.try_into().unwrap();
    let count = |text: &str, searches, without_results| SearchCount {
        text: text.to_owned(),
        searches,
        without_results,
    };
    let expected = [count("(other)", 1, 1), count("desk lamp", 3, 0), count("zzzz", 1, 1)];
    assert_eq!(counted.searches, expected);
    let [clicks] = counted.clicks.try_into().unwrap();
    assert_eq!((clicks.product_id, clicks.clicks, clicks.positions), (lamp, 2, 6));
    tasks.stop(Duration::from_secs(5)).await;
}

async fn clicks_name_the_field_that_is_wrong(db: Db) {
    let catalog = catalog(&db);
    let good = json!({"query": "lamp", "product_id": ProductId::new(), "position": 1});
    for (field, value) in [
        ("query", json!(" ")),
        ("query", json!("x".repeat(201))),
        ("position", json!(0)),
        ("position", json!(10_001)),
        ("product_id", json!("lamp")),
    ] {
        let mut body = good.clone();
        body[field] = value;
        let (status, problem) = click(&catalog, body).await;
        assert_eq!(status, 422, "{problem}");
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
    catalog.tell_searches().await.unwrap();
    assert_eq!(counts(&db).await, []);
}
