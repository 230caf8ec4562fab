use actix_web::http::StatusCode;
use actix_web::test::{TestRequest, call_service, init_service, read_body_json};
use actix_web::{App, HttpMessage};
use inventory::{Inventory, SCHEMA};
use kernel::ports::{Principal, Role};
use platform::sql::Db;
use serde_json::{Value, json};

use crate::shop;

platform::on_both_engines!(super::SCHEMA =>
    the_staff_adjusts_stock,
    bad_input_names_the_field,
    movements_are_paged_newest_first,
    the_staff_lists_what_is_low,
);

#[test]
fn every_route_is_described() {
    let described = Inventory::openapi().paths.paths;
    assert_eq!(described.len(), 10);
    let known = [
        "/v1/admin/stock/{product_id}",
        "/v1/admin/stock/locations",
        "/v1/admin/stock/counts",
        "/v1/admin/stock/transfers",
    ];
    let known = |path: &String| known.iter().any(|known| path.starts_with(known));
    assert!(described.keys().all(|path| path == "/v1/admin/stock" || known(path)));
}

struct Staff {
    inventory: Inventory,
    principal: Principal,
}

impl Staff {
    async fn new(db: &Db, role: Role) -> Self {
        let principal = platform::testing::principal(role);
        Self { inventory: shop::inventory(db).await, principal }
    }

    async fn ask(&self, request: TestRequest) -> (StatusCode, Value) {
        let inventory = self.inventory.clone();
        let app = App::new().configure(|config| inventory.routes(config));
        let app = init_service(app).await;
        let request = request.to_request();
        request.extensions_mut().insert(self.principal.clone());
        let response = call_service(&app, request).await;
        (response.status(), read_body_json(response).await)
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.ask(TestRequest::get().uri(path)).await
    }

    async fn adjust(&self, path: &str, key: &str, body: Value) -> (StatusCode, Value) {
        let request = TestRequest::post().uri(path).insert_header(("idempotency-key", key));
        self.ask(request.set_json(body)).await
    }
}

async fn the_staff_adjusts_stock(db: Db) {
    let staff = Staff::new(&db, Role::Staff).await;
    let product = shop::product(&staff.inventory, 10).await;
    shop::order(&staff.inventory, product, 4, shop::soon()).await.unwrap();
    let path = format!("/v1/admin/stock/{product}");
    let adjust = format!("{path}/adjust");

    let body = json!({"delta": -6, "reason": "water damage"});
    let (status, answer) = staff.adjust(&adjust, "one", body.clone()).await;
    assert_eq!((status, &answer["available"]), (StatusCode::OK, &json!(0)), "{answer}");
    assert_eq!(staff.adjust(&adjust, "one", body).await, (StatusCode::OK, answer));

    let body = json!({"delta": -1, "reason": "count"});
    let (status, problem) = staff.adjust(&adjust, "two", body.clone()).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!((&problem["code"], &problem["min_delta"]), (&json!("conflict"), &json!(0)));

    let (_, answer) = staff.get(&path).await;
    let location = &answer["locations"][0];
    assert_eq!((&location["on_hand"], &location["reserved"]), (&json!(4), &json!(4)));

    let shopper = Staff::new(&db, Role::Customer).await;
    assert_eq!(shopper.get(&path).await.0, StatusCode::FORBIDDEN);
    assert_eq!(shopper.adjust(&adjust, "k", body).await.0, StatusCode::FORBIDDEN);
    shop::books_are_right(&staff.inventory).await;
}

async fn bad_input_names_the_field(db: Db) {
    let staff = Staff::new(&db, Role::Admin).await;
    let product = shop::product(&staff.inventory, 10).await;
    let adjust = format!("/v1/admin/stock/{product}/adjust");
    for (body, field) in [
        (json!({"delta": 0, "reason": "x"}), "delta"),
        (json!({"delta": 1_000_000_001, "reason": "x"}), "delta"),
        (json!({"delta": "1", "reason": "x"}), "delta"),
        (json!({"delta": 1}), "reason"),
        (json!({"delta": 1, "reason": ""}), "reason"),
        (json!({"delta": 1, "reason": "x", "location": ""}), "location"),
        (json!({"delta": 1, "reason": "x", "colour": 1}), "colour"),
    ] {
        let (status, problem) = staff.adjust(&adjust, "k", body.clone()).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        assert_eq!(problem["errors"][0]["field"], field, "{body}");
    }
    let no_key = TestRequest::post().uri(&adjust).set_json(json!({"delta": 1, "reason": "x"}));
    assert_eq!(staff.ask(no_key).await.1["code"], "idempotency_key_required");
    let unknown = format!("/v1/admin/stock/{}", kernel::id::ProductId::new());
    assert_eq!(staff.get(&unknown).await.0, StatusCode::NOT_FOUND);
    assert_eq!(staff.get("/v1/admin/stock/nonsense").await.0, StatusCode::NOT_FOUND);
    assert_eq!(shop::available(&staff.inventory, product).await, 10);
}

async fn the_staff_lists_what_is_low(db: Db) {
    let staff = Staff::new(&db, Role::Staff).await;
    let mut all = Vec::new();
    for units in [3, 30, 2] {
        all.push(shop::product(&staff.inventory, units).await);
    }
    for product in &all {
        let limits = TestRequest::put().uri(&format!("/v1/admin/stock/{product}/limits"));
        let body = json!({"safety": 1, "low_at": 4});
        let (status, answer) = staff.ask(limits.set_json(body)).await;
        assert_eq!((status, &answer["safety"]), (StatusCode::OK, &json!(1)), "{answer}");
    }
    assert!(!staff.inventory.warn().await.unwrap());
    let products = async |path: &str| {
        let (status, page) = staff.get(path).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        let items = page["items"].as_array().unwrap().clone();
        let ids = items.iter().map(|level| level["product_id"].as_str().unwrap().to_owned());
        (ids.collect::<Vec<_>>(), page["next_cursor"].as_str().map(str::to_owned))
    };
    let named: Vec<String> = all.iter().map(ToString::to_string).collect();
    assert_eq!(products("/v1/admin/stock").await.0, named);
    let low = "/v1/admin/stock?low=true&limit=1";
    let (first, next) = products(low).await;
    assert_eq!(first, [named[0].clone()]);
    let second = products(&format!("{low}&cursor={}", next.unwrap())).await;
    assert_eq!(second, (vec![named[2].clone()], None));
    for (body, field) in [
        (json!({"safety": -1}), "safety"),
        (json!({"safety": 0, "low_at": 1_000_000_001}), "low_at"),
        (json!({"safety": 0, "location": " "}), "location"),
    ] {
        let limits = TestRequest::put().uri(&format!("/v1/admin/stock/{}/limits", all[0]));
        let (status, problem) = staff.ask(limits.set_json(body)).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(problem["errors"][0]["field"], field);
    }
    shop::books_are_right(&staff.inventory).await;
}

async fn movements_are_paged_newest_first(db: Db) {
    let staff = Staff::new(&db, Role::Staff).await;
    let product = shop::product(&staff.inventory, 10).await;
    for n in 1..=4 {
        shop::order(&staff.inventory, product, n, shop::soon()).await.map(drop).unwrap();
    }
    let path = format!("/v1/admin/stock/{product}/movements?limit=2");
    let (mut next, mut versions) = (path.clone(), Vec::new());
    loop {
        let (status, page) = staff.get(&next).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        versions.extend(page["items"].as_array().unwrap().iter().map(|m| m["version"].clone()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        next = format!("{path}&cursor={cursor}");
    }
    assert_eq!(versions, [5, 4, 3, 2, 1]);
    let forged = staff.get(&format!("{path}&cursor=zz")).await;
    assert_eq!(forged.1["errors"][0]["field"], "cursor");
}
