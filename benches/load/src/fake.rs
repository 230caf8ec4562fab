//! A shop of one page, to try the harness on: it keeps the contract's words, and counts.
#![cfg(test)]

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::bare;
use crate::drive::{Ready, WARM_UP};
use crate::scenario::Scenario;
use crate::shop::Shop;

/// A product the sandbox times out on, one that is never there, and one that can be bought.
const CATALOG: &str = r#"{"sku":"TIMES-OUT","stock":1000}
{"sku":"GONE","stock":1000}
{"sku":"A","stock":1000}
{"sku":"B","stock":1000}"#;

#[derive(Default)]
struct Books {
    carts: HashMap<String, Vec<String>>,
    keys: HashMap<String, usize>,
    guests: usize,
    orders: usize,
    confirmed: usize,
}

type Shared = web::Data<Mutex<Books>>;

fn guest(request: &HttpRequest) -> String {
    request.headers().get("authorization").unwrap().to_str().unwrap().to_owned()
}

async fn arrive(books: Shared) -> HttpResponse {
    let mut books = books.lock().unwrap();
    books.guests += 1;
    HttpResponse::Created().json(json!({ "access_token": books.guests.to_string() }))
}

async fn tokenize(card: web::Json<Value>) -> HttpResponse {
    let number = card["number"].as_str().unwrap();
    assert!(number.len() == 16 && number.starts_with("424242"), "{number}");
    HttpResponse::Created().json(json!({ "token": "tok_1" }))
}

async fn search() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "items": [{ "id": "A" }], "next_cursor": null }))
}

async fn product(sku: web::Path<String>) -> HttpResponse {
    HttpResponse::Ok().json(json!({ "id": sku.into_inner() }))
}

async fn add_line(request: HttpRequest, line: web::Json<Value>, books: Shared) -> HttpResponse {
    let product = line["product_id"].as_str().unwrap().to_owned();
    books.lock().unwrap().carts.entry(guest(&request)).or_default().push(product);
    HttpResponse::Created().json(json!({}))
}

async fn order(request: HttpRequest, order: web::Json<Value>, books: Shared) -> HttpResponse {
    assert_eq!(order["payment"]["token"], "tok_1");
    let mut books = books.lock().unwrap();
    let key = request.headers().get("idempotency-key").unwrap().to_str().unwrap().to_owned();
    *books.keys.entry(key).or_default() += 1;
    let lines = books.carts.insert(guest(&request), Vec::new()).unwrap();
    assert_eq!(lines.len(), 1, "a line of an earlier checkout is still in the cart");
    let total = if lines[0] == "TIMES-OUT" { "10.51" } else { "10.00" };
    if lines[0] == "GONE" {
        books.carts.insert(guest(&request), lines);
        return HttpResponse::Conflict().json(json!({ "code": "out_of_stock" }));
    }
    books.orders += 1;
    let later = books.orders.is_multiple_of(3) || total == "10.51";
    if !later {
        books.confirmed += 1;
    }
    let status = if later { "PENDING" } else { "CONFIRMED" };
    let id = books.orders.to_string();
    let answer = json!({ "id": id, "status": status, "totals": { "total": { "amount": total } } });
    if later { HttpResponse::Accepted().json(answer) } else { HttpResponse::Created().json(answer) }
}

async fn look_at(id: web::Path<String>, books: Shared) -> HttpResponse {
    books.lock().unwrap().confirmed += 1;
    HttpResponse::Ok().json(json!({ "id": id.into_inner(), "status": "CONFIRMED" }))
}

fn routes(config: &mut web::ServiceConfig) {
    config
        .configure(|config| bare::routes(config, &[Bytes::from_static(b"{}")]))
        .route("/v1/auth/guest", web::post().to(arrive))
        .route("/v1/payment-tokens", web::post().to(tokenize))
        .route("/v1/products", web::get().to(search))
        .route("/v1/products/{sku}", web::get().to(product))
        .route("/v1/cart/lines", web::post().to(add_line))
        .route("/v1/orders", web::post().to(order))
        .route("/v1/orders/{id}", web::get().to(look_at));
}

/// Opens the shop on a thread of its own, which ends with the test's process.
fn open() -> (SocketAddr, Shared) {
    let books: Shared = web::Data::from(Arc::new(Mutex::new(Books::default())));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let shared = books.clone();
    std::thread::spawn(move || {
        let app = move || App::new().app_data(shared.clone()).configure(routes);
        let server = HttpServer::new(app).workers(1).disable_signals().listen(listener).unwrap();
        actix_web::rt::System::new().block_on(server.run())
    });
    (address, books)
}

const LASTING: Duration = Duration::from_millis(200);

#[tokio::test]
async fn the_bare_handler_is_driven_without_a_fault() {
    let (address, _) = open();
    let measured =
        Ready::warm(address, &Scenario::bare("bare", 0), 4).await.run(LASTING).await.unwrap();
    assert!(!measured.latencies.is_empty());
    assert!(measured.others.is_empty(), "{:?}", measured.others);
    assert!(measured.elapsed >= LASTING);
}

#[tokio::test]
async fn what_is_not_there_is_no_success() {
    let (address, _) = open();
    let paths = Arc::new(vec!["/nowhere".to_owned()]);
    let scenario = Scenario::Read { name: "nowhere", paths, guests: Vec::new() };
    let measured = Ready::warm(address, &scenario, 2).await.run(LASTING).await.unwrap();
    assert!(measured.latencies.is_empty());
    assert_eq!(measured.others.into_keys().collect::<Vec<_>>(), ["read 404 no code"]);
}

#[tokio::test]
async fn checkouts_are_counted_as_the_shop_counts_them() {
    let (address, books) = open();
    let folder = tempfile::tempdir().unwrap();
    let catalog = folder.path().join("catalog.jsonl");
    std::fs::write(&catalog, CATALOG).unwrap();

    let clients = 4;
    let shop = Shop::prepare(address, &catalog, clients).await.unwrap();
    assert_eq!(shop.product_count(), 2, "only what goes through is bought under the clock");
    let before = books.lock().unwrap().confirmed;
    let [.., checkout] = shop.scenarios();
    let measured = Ready::warm(address, &checkout, clients).await.run(LASTING).await.unwrap();

    let books = books.lock().unwrap();
    let warm_up = WARM_UP * clients;
    assert_eq!(
        usize::try_from(measured.latencies.len()).unwrap() + warm_up,
        books.confirmed - before
    );
    assert!(books.keys.values().all(|uses| *uses == 1), "a key was used for two orders");
}

#[tokio::test]
async fn an_empty_shelf_ends_the_run() {
    let (address, books) = open();
    let folder = tempfile::tempdir().unwrap();
    let catalog = folder.path().join("catalog.jsonl");
    std::fs::write(&catalog, r#"{"sku":"A","stock":11}"#).unwrap();
    let shop = Shop::prepare(address, &catalog, 2).await.unwrap();
    let [.., checkout] = shop.scenarios();
    let measured =
        Ready::warm(address, &checkout, 2).await.run(Duration::from_mins(1)).await.unwrap();
    assert_eq!(measured.others.into_iter().collect::<Vec<_>>(), [("the shelf is empty".into(), 2)]);
    assert_eq!(books.lock().unwrap().confirmed, 11, "no unit is bought twice");
}
