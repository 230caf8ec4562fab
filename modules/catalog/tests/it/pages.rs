//! Pages that are kept ready show every change.

use actix_web::test::{TestRequest, call_service, init_service, read_body_json};
use actix_web::{App, web::ServiceConfig};
use catalog::Catalog;
use platform::audit::Actor;
use platform::bus::Handler;
use platform::sql::Db;
use platform::tasks::Tasks;
use serde_json::{Value, json};
use std::time::Duration;

use crate::world::{catalog, input, set_stock, stock_event};

platform::on_both_engines!(catalog::SCHEMA =>
    a_page_shows_what_was_written_before_it_was_asked_for,
    a_page_of_a_parent_follows_its_variants,
    a_page_follows_the_stock,
    the_tree_of_categories_follows_its_products,
    a_token_made_up_by_hand_is_refused,
);

struct Running {
    catalog: Catalog,
    tasks: Tasks,
}

async fn running(db: &Db) -> Running {
    let (catalog, tasks) = (catalog(db), Tasks::default());
    catalog.start(&tasks);
    // Following has begun when a position that is there already is reached.
    for _ in 0..3_000 {
        if catalog.follows() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(catalog.follows());
    Running { catalog, tasks }
}

impl Running {
    async fn get(&self, uri: &str, token: Option<i64>) -> (u16, Value) {
        // However slow the machine is: a page waits two seconds and then shows what there is.
        if let Some(token) = token {
            self.catalog.wait_for(token, Duration::from_mins(1)).await;
        }
        let routes = |config: &mut ServiceConfig| self.catalog.routes(config);
        let app = init_service(App::new().configure(routes)).await;
        let mut request = TestRequest::get().uri(uri);
        if let Some(token) = token {
            request = request.insert_header(("x-consistency-token", token.to_string()));
        }
        let response = call_service(&app, request.to_request()).await;
        (response.status().as_u16(), read_body_json(response).await)
    }

    async fn after_write(&self, uri: &str) -> Value {
        let token = self.catalog.position().await.unwrap();
        self.get(uri, Some(token)).await.1
    }

    async fn stop(self) {
        self.tasks.stop(Duration::from_secs(5)).await;
    }
}

async fn a_page_shows_what_was_written_before_it_was_asked_for(db: Db) {
    let shop = running(&db).await;
    let lamp = shop.catalog.create(input("A", json!({})), &Actor::SYSTEM).await.unwrap();
    assert_eq!(shop.after_write("/v1/products/A").await["version"], 1);
    for revision in 1..30 {
        let name = json!({"name": format!("Name {revision}")});
        shop.catalog.patch(lamp.id, revision, name, &Actor::SYSTEM).await.unwrap();
        // By its SKU and by its id, which are kept apart.
        for uri in ["/v1/products/A".to_owned(), format!("/v1/products/{}", lamp.id)] {
            assert_eq!(shop.after_write(&uri).await["version"], revision + 1);
        }
    }
    shop.catalog.archive(lamp.id, None, &Actor::SYSTEM).await.unwrap();
    let token = shop.catalog.position().await.unwrap();
    assert_eq!(shop.get("/v1/products/A", Some(token)).await.0, 404);
    shop.stop().await;
}

async fn a_page_of_a_parent_follows_its_variants(db: Db) {
    let shop = running(&db).await;
    let parent = shop.catalog.create(input("P", json!({})), &Actor::SYSTEM).await.unwrap();
    let variants = |page: &Value| page["variants"].as_array().map_or(0, Vec::len);
    assert_eq!(variants(&shop.after_write("/v1/products/P").await), 0);
    let variant = input("V", json!({"parent_id": parent.id}));
    let variant = shop.catalog.create(variant, &Actor::SYSTEM).await.unwrap();
    assert_eq!(variants(&shop.after_write("/v1/products/P").await), 1);
    assert_eq!(shop.after_write("/v1/products/V").await["version"], 1);
    let name = json!({"name": "Large"});
    shop.catalog.patch(variant.id, 1, name, &Actor::SYSTEM).await.unwrap();
    assert_eq!(shop.after_write("/v1/products/P").await["variants"][0]["name"], "Large");
    shop.catalog.archive(parent.id, None, &Actor::SYSTEM).await.unwrap();
    let token = shop.catalog.position().await.unwrap();
    assert_eq!(shop.get("/v1/products/V", Some(token)).await.0, 404, "it goes with its parent");
    shop.stop().await;
}

async fn a_page_follows_the_stock(db: Db) {
    let shop = running(&db).await;
    let lamp = shop.catalog.create(input("A", json!({})), &Actor::SYSTEM).await.unwrap();
    assert_eq!(shop.after_write("/v1/products/A").await["available"], 0);
    for left in [9, 8, 7, 0] {
        set_stock(&db, &shop.catalog, lamp.id, left, 0).await;
        let Handler::Reaction(reaction) = &shop.catalog.subscriptions()[0].handler else {
            panic!("a reaction");
        };
        reaction.committed(1, &[&stock_event(&db, lamp.id, left, 0)]);
        assert_eq!(shop.after_write("/v1/products/A").await["available"], left);
    }
    shop.stop().await;
}

async fn the_tree_of_categories_follows_its_products(db: Db) {
    let shop = running(&db).await;
    let lamp = input("A", json!({"categories": ["Home"]}));
    let lamp = shop.catalog.create(lamp, &Actor::SYSTEM).await.unwrap();
    assert_eq!(shop.after_write("/v1/categories").await["items"][0]["products"], 1);
    shop.catalog.archive(lamp.id, None, &Actor::SYSTEM).await.unwrap();
    assert_eq!(shop.after_write("/v1/categories").await["items"][0]["products"], 0);
    let garden = serde_json::from_value(json!({"name": "Garden"})).unwrap();
    let home = shop.catalog.category("Home").await.unwrap();
    let lamp = input("B", json!({"categories": ["Home"]}));
    shop.catalog.create(lamp, &Actor::SYSTEM).await.unwrap();
    assert_eq!(shop.after_write("/v1/products/B").await["categories"], json!(["Home"]));
    shop.catalog.update_category(home.id, 1, garden, &Actor::SYSTEM).await.unwrap();
    assert_eq!(shop.after_write("/v1/products/B").await["categories"], json!(["Garden"]));
    shop.stop().await;
}

async fn a_token_made_up_by_hand_is_refused(db: Db) {
    let shop = running(&db).await;
    let routes = |config: &mut ServiceConfig| shop.catalog.routes(config);
    let app = init_service(App::new().configure(routes)).await;
    let request = TestRequest::get()
        .uri("/v1/categories")
        .insert_header(("x-consistency-token", "soon"))
        .to_request();
    let response = call_service(&app, request).await;
    assert_eq!(response.status().as_u16(), 400);
    let problem: Value = read_body_json(response).await;
    assert_eq!(problem["errors"][0]["field"], "x-consistency-token");
    drop(app);
    shop.stop().await;
}
