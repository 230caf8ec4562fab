use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, ETAG, IF_MATCH, IF_NONE_MATCH};
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, HttpMessage};
use catalog::{Catalog, SCHEMA, Settings};
use kernel::ports::Role;
use platform::sql::Db;
use platform::testing::folder;
use serde_json::{Value, json};

platform::on_both_engines!(super::SCHEMA =>
    products_are_edited_by_version,
    pages_are_cached_and_checked,
    bad_requests_name_the_field,
    a_repeated_creation_is_answered_as_the_first,
    prices_are_edited_and_asked_for,
);

pub struct Answered {
    pub status: StatusCode,
    etag: String,
    cache: String,
    pub json: Value,
}

/// Sends a request as a member of staff, or as nobody.
pub async fn send(catalog: &Catalog, request: TestRequest, staff: bool) -> Answered {
    let app = init_service(App::new().configure(|config| catalog.routes(config))).await;
    let request = request.to_request();
    if staff {
        request.extensions_mut().insert(platform::testing::principal(Role::Staff));
    }
    let response = call_service(&app, request).await;
    let header = |name| {
        let value = response.headers().get(name);
        value.map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    };
    let (status, etag, cache) = (response.status(), header(ETAG), header(CACHE_CONTROL));
    let body = read_body(response).await;
    Answered { status, etag, cache, json: serde_json::from_slice(&body).unwrap_or_default() }
}

pub async fn get(catalog: &Catalog, uri: &str) -> Answered {
    send(catalog, TestRequest::get().uri(uri), false).await
}

fn lamp() -> Value {
    json!({"sku": "LAMP 1/2", "name": "Lamp", "price": {"amount": "49.90", "currency": "EUR"},
           "categories": ["Home"], "attributes": {"watts": 6}})
}

fn catalog(db: &Db) -> Catalog {
    Catalog::new(db.clone(), Settings::default())
}

async fn products_are_edited_by_version(db: Db) {
    let catalog = catalog(&db);
    let post = || TestRequest::post().uri("/v1/admin/products").set_json(lamp());
    assert_eq!(send(&catalog, post(), false).await.status, StatusCode::UNAUTHORIZED);
    let created = send(&catalog, post(), true).await;
    assert_eq!(created.status, StatusCode::CREATED);
    assert_eq!(created.json["price"]["amount"], "49.90");
    let taken = send(&catalog, post(), true).await;
    assert_eq!((taken.status.as_u16(), taken.json["code"].as_str()), (409, Some("sku_taken")));

    let uri = format!("/v1/admin/products/{}", created.json["id"].as_str().unwrap());
    let read = send(&catalog, TestRequest::get().uri(&uri), true).await;
    assert_eq!(read.etag, "\"1\"");
    let mut changed = lamp();
    changed["name"] = json!("Desk lamp");
    let put = |body: &Value, tag: &str| {
        let request = TestRequest::put().uri(&uri).set_json(body.clone());
        if tag.is_empty() { request } else { request.insert_header((IF_MATCH, tag)) }
    };
    let blind = send(&catalog, put(&changed, ""), true).await;
    assert_eq!(
        (blind.status.as_u16(), &blind.json["errors"][0]["field"]),
        (400, &json!("If-Match"))
    );
    let done = send(&catalog, put(&changed, &read.etag), true).await;
    assert_eq!((done.status.as_u16(), done.etag.as_str()), (200, "\"2\""));
    let late = send(&catalog, put(&lamp(), &read.etag), true).await;
    assert_eq!((late.status.as_u16(), late.json["code"].as_str()), (412, Some("version_conflict")));
    assert_eq!(late.json["current_version"], 2);

    let delete = || TestRequest::delete().uri(&uri);
    assert_eq!(send(&catalog, delete(), true).await.status, StatusCode::NO_CONTENT);
    assert_eq!(get(&catalog, "/v1/products/LAMP%201%2F2").await.status, StatusCode::NOT_FOUND);
    let archived = send(&catalog, TestRequest::get().uri(&uri), true).await;
    assert_eq!(archived.json["status"], "archived");
    let missing = TestRequest::delete().uri("/v1/admin/products/nothing");
    assert_eq!(send(&catalog, missing, true).await.status, StatusCode::NOT_FOUND);
}

async fn pages_are_cached_and_checked(db: Db) {
    let catalog = crate::world::searched(&db).await;
    let post = TestRequest::post().uri("/v1/admin/products").set_json(lamp());
    let created = send(&catalog, post, true).await;
    let shown = get(&catalog, "/v1/products/LAMP%201%2F2").await;
    assert_eq!(shown.json["id"], created.json["id"]);
    assert_eq!(shown.cache, "public");
    assert!(shown.etag.len() > 10);
    let uri = format!("/v1/products/{}", created.json["id"].as_str().unwrap());
    let again = |tag: &str| TestRequest::get().uri(&uri).insert_header((IF_NONE_MATCH, tag));
    let known = format!("\"other\", W/{}", shown.etag);
    assert_eq!(send(&catalog, again(&known), false).await.status, StatusCode::NOT_MODIFIED);
    // Stock is part of the answer, so it is part of the tag.
    let mut tx = db.begin("test.stock").await.unwrap();
    let stock = platform::sql::Sql::new("update product set inventory_count = 5");
    tx.query(stock).execute().await.unwrap();
    tx.commit().await.unwrap();
    let fresh = send(&catalog, again(&shown.etag), false).await;
    assert_eq!((fresh.status.as_u16(), &fresh.json["available"]), (200, &json!(5)));

    let mut tx = db.begin("test.stock").await.unwrap();
    tx.query(platform::sql::Sql::new("update product set in_stock = true"))
        .execute()
        .await
        .unwrap();
    tx.commit().await.unwrap();
    catalog.refresh_search().await.unwrap();
    let list = get(&catalog, "/v1/products?sort=-price&min_price=49.90&limit=5").await;
    assert_eq!(list.status, StatusCode::OK);
    assert_eq!(
        list.json,
        json!({"items": [], "next_cursor": null, "total": 0}),
        "euros are no dollars"
    );
    let list = get(&catalog, "/v1/products?category=Home&in_stock=true&q=").await;
    assert_eq!(list.json["items"][0]["sku"], "LAMP 1/2");
    let categories = get(&catalog, "/v1/categories").await;
    let home = &categories.json["items"][0];
    assert_eq!(
        (&home["path"], &home["slug"], &home["products"]),
        (&json!("Home"), &json!("home"), &json!(1))
    );
}

async fn bad_requests_name_the_field(db: Db) {
    let index = folder().join("index");
    let catalog = Catalog::open(db.clone(), Settings::default(), &index).await.unwrap();
    let long = "x".repeat(201);
    let q = format!("/v1/products?q={long}");
    let cases = [
        ("/v1/products?sort=colour", "sort"),
        ("/v1/products?limit=0", "limit"),
        ("/v1/products?min_price=-1", "min_price"),
        ("/v1/products?max_price=1.001", "max_price"),
        ("/v1/products?in_stock=perhaps", "in_stock"),
        ("/v1/products?cursor=zz", "cursor"),
        ("/v1/products?colour=red", "colour"),
        ("/v1/products?category=%00", "category"),
        ("/v1/products?limit=1000000000", "limit"),
        ("/v1/products?cursor=7b7d", "cursor"),
        ("/v1/products?q=-", "q"),
        ("/v1/products?q=%22%22+*", "q"),
        ("/v1/products?attr.=x", "attr."),
        ("/v1/products?locale=German", "locale"),
        ("/v1/products?facets=perhaps", "facets"),
        ("/v1/products?q=%ff%fe", "q"),
        ("/v1/products?attr.colour=%ff", "attr.colour"),
        ("/v1/products?collection=%00", "collection"),
        (q.as_str(), "q"),
        ("/v1/products/suggest", "q"),
    ];
    for (uri, field) in cases {
        let refused = get(&catalog, uri).await;
        let told = (refused.status.as_u16(), refused.json["errors"][0]["field"].as_str());
        assert_eq!(told, (422, Some(field)), "{uri}");
    }
    let early = get(&catalog, "/v1/products?q=lamp").await;
    assert_eq!((early.status.as_u16(), early.json["code"].as_str()), (503, Some("unavailable")));

    let posted = async |change: Value| {
        let mut body = lamp();
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        let post = TestRequest::post().uri("/v1/admin/products").set_json(body);
        let refused = send(&catalog, post, true).await;
        assert_eq!(refused.status.as_u16(), 422, "{change}");
        refused.json["errors"][0]["field"].as_str().unwrap().to_owned()
    };
    assert_eq!(posted(json!({"price": {"amount": "-1", "currency": "EUR"}})).await, "price");
    let unknown = json!({"price": {"amount": "1", "currency": "XYZ"}});
    assert_eq!(posted(unknown).await, "price.currency");
    assert_eq!(posted(json!({"sku": ""})).await, "sku");
    assert_eq!(posted(json!({"sku": "x".repeat(33)})).await, "sku");
    assert_eq!(posted(json!({"slug": "Not A Slug"})).await, "slug");
    assert_eq!(posted(json!({"weight_g": -1})).await, "weight_g");
    assert_eq!(posted(json!({"images": vec!["x"; 31]})).await, "images");
    assert_eq!(posted(json!({"categories": vec!["x"; 21]})).await, "categories");
    assert_eq!(posted(json!({"colour": "red"})).await, "colour");
    assert_eq!(posted(json!({"opening_stock": -1})).await, "opening_stock");
    assert_eq!(catalog.product_count().await.unwrap(), 0);
}

async fn a_repeated_creation_is_answered_as_the_first(db: Db) {
    let catalog = catalog(&db);
    let principal = platform::testing::principal(Role::Staff);
    let app = init_service(App::new().configure(|config| catalog.routes(config))).await;
    let mut bodies = Vec::new();
    for _ in 0..2 {
        let request = TestRequest::post()
            .uri("/v1/admin/products")
            .insert_header(("Idempotency-Key", "k1"))
            .set_json(lamp())
            .to_request();
        request.extensions_mut().insert(principal.clone());
        let response = call_service(&app, request).await;
        assert_eq!(response.status(), StatusCode::CREATED);
        bodies.push(read_body(response).await);
    }
    assert_eq!(bodies[0], bodies[1]);
    assert_eq!(crate::world::kinds(&db).await, ["product.created"]);
}

async fn prices_are_edited_and_asked_for(db: Db) {
    let catalog = catalog(&db);
    let post = |uri: &str, body: Value| TestRequest::post().uri(uri).set_json(body);
    send(&catalog, post("/v1/admin/products", lamp()), true).await;
    let markets = "/v1/admin/markets";
    let market = json!({"code": "de", "currency": "EUR", "countries": ["DE"],
                        "prices_include_tax": true});
    assert_eq!(send(&catalog, post(markets, market.clone()), false).await.status, 401);
    let made = send(&catalog, post(markets, market.clone()), true).await;
    assert_eq!((made.status.as_u16(), made.etag.as_str()), (201, "\"1\""));
    assert_eq!(made.json["rounding"], json!({"step": 1, "ending": 0, "mode": "half_up"}));
    let lists = "/v1/admin/price-lists";
    let list = json!({"code": "sale", "currency": "EUR", "market": "de"});
    let made = send(&catalog, post(lists, list), true).await;
    let uri = format!("{lists}/{}", made.json["id"].as_str().unwrap());
    let put = |body: Value| TestRequest::put().uri(&format!("{uri}/prices")).set_json(body);
    let price = |amount: &str| {
        json!({"prices": [{"sku": "LAMP 1/2",
        "price": {"amount": amount, "currency": "EUR"}}]})
    };
    let wrong = send(&catalog, put(price("-1.00")), true).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(wrong.json["errors"][0]["field"], "prices[0].price");
    let done = send(&catalog, put(price("39.90")), true).await;
    assert_eq!(done.json, json!({"written": 1, "unchanged": 0}));
    let listed = send(&catalog, TestRequest::get().uri(&format!("{uri}/prices")), true).await;
    assert_eq!(listed.json["items"][0]["sku"], "LAMP 1/2");

    let lamp = "/v1/products/LAMP%201%2F2";
    let told = get(&catalog, &format!("{lamp}/price?country=DE&explain=true")).await;
    assert_eq!(told.status, StatusCode::OK, "{}", told.json);
    assert_eq!(told.json["price"], json!({"amount": "39.90", "currency": "EUR"}));
    assert_eq!(told.json["list_price"]["amount"], "49.90");
    assert_eq!((&told.json["list"], &told.json["tax_included"]), (&json!("sale"), &json!(true)));
    assert_eq!(told.json["explanation"][0]["verdict"], "chosen");
    assert_eq!(told.json["explanation"][1]["verdict"], "behind_lists");
    let page = get(&catalog, lamp).await;
    assert_eq!(page.json["price"]["amount"], "39.90");
    assert_eq!(page.json["list_price"]["amount"], "49.90");
    for (query, field) in [("market=x", "market"), ("quantity=0", "quantity"), ("group=t", "group")]
    {
        let refused = get(&catalog, &format!("{lamp}/price?{query}")).await;
        assert_eq!(refused.json["errors"][0]["field"], field, "{query}");
    }
    let delete = || TestRequest::delete().uri(&uri);
    let blind = send(&catalog, delete(), true).await;
    assert_eq!(blind.status, StatusCode::BAD_REQUEST);
    let gone = send(&catalog, delete().insert_header((IF_MATCH, "\"1\"")), true).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(get(&catalog, &format!("{lamp}/price")).await.json["price"]["amount"], "49.90");
    let derive = json!({"percent": "x"});
    let refused = send(&catalog, post(&format!("{uri}/derive"), derive), true).await;
    assert_eq!(refused.json["errors"][0]["field"], "percent");
}
