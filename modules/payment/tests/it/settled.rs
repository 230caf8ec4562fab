//! Balance transactions, page by page, and a Stripe that stops in their middle.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::web::{Data, Query, get};
use actix_web::{App, HttpResponse, HttpServer};
use chrono::TimeDelta;
use kernel::Clock;
use kernel::ports::SettlementError;
use payment::Processor as _;
use payment::stripe::Stripe;
use platform::sql::Db;
use serde_json::{Value, json};

use crate::shop::{euros, open};
use crate::stripe::{captured, over_http, settings};

platform::on_both_engines!(payment::SCHEMA => every_page_is_read);

const REFUNDS: i64 = 120;

async fn every_page_is_read(db: Db) {
    let shop = open(db).await;
    let socket = over_http(&shop);
    let begin = shop.db.clock().now();
    let charge = captured(&socket).await;
    for n in 0..REFUNDS {
        // An amount that ends in .51 would lose its answer; these are cents.
        socket.stripe.refund(&format!("r{n}"), &charge.id, euros(1)).await.unwrap();
    }
    let until = begin + TimeDelta::days(1);
    let told = socket.stripe.settled(begin, until, 1_000).await.unwrap();
    let sum: i64 = told.iter().map(|line| line.gross.minor()).sum();
    assert_eq!((told.len(), sum), (121, 1_000 - REFUNDS));
    let cut = socket.stripe.settled(begin, until, 120).await;
    assert!(matches!(cut, Err(SettlementError::TooMany(120))), "{cut:?}");
}

/// How often each page was asked for, and what the second is answered.
struct Pages {
    first: AtomicUsize,
    second: AtomicUsize,
    /// How often the second fails before it is there.
    failures: usize,
    status: u16,
}

async fn page(pages: Data<Pages>, query: Query<Vec<(String, String)>>) -> HttpResponse {
    let transaction = |id: &str| {
        json!({"id": id, "amount": 1_000, "currency": "eur", "fee": 39, "created": 1_700_000_000,
            "available_on": 1_700_172_800, "reporting_category": "charge", "source": "ch_1"})
    };
    let list = |data: Value, has_more: bool| {
        HttpResponse::Ok().json(json!({"object": "list", "data": data, "has_more": has_more}))
    };
    if !query.iter().any(|(name, _)| name == "starting_after") {
        pages.first.fetch_add(1, Ordering::SeqCst);
        return list(json!([transaction("txn_1")]), true);
    }
    if pages.second.fetch_add(1, Ordering::SeqCst) < pages.failures {
        let status = actix_web::http::StatusCode::from_u16(pages.status).unwrap();
        return HttpResponse::build(status).json(json!({"error": {"message": "not now"}}));
    }
    list(json!([transaction("txn_2")]), false)
}

async fn none() -> HttpResponse {
    HttpResponse::Ok().json(json!({"object": "list", "data": [], "has_more": false}))
}

#[tokio::test]
async fn a_page_that_does_not_come_is_asked_for_again_and_then_nothing_is_told() {
    for (status, failures, asked, is_told) in
        [(429, 2, 3, true), (500, 3, 4, true), (503, 9, 4, false), (401, 9, 1, false)]
    {
        let (first, second) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let pages = Data::from(Arc::new(Pages { first, second, failures, status }));
        let served = pages.clone();
        let http = HttpServer::new(move || {
            App::new()
                .app_data(served.clone())
                .route("/v1/balance_transactions", get().to(page))
                .route("/v1/disputes", get().to(none))
        });
        let http = http.workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", http.addrs()[0]);
        let server = http.run();
        let handle = server.handle();
        tokio::spawn(server);
        let stripe = Stripe::new(&settings(&base), Clock::system()).unwrap();
        let now = Clock::system().now();
        let told = stripe.settled(now - TimeDelta::days(1), now, 100).await;
        let count = |page: &AtomicUsize| page.load(Ordering::SeqCst);
        assert_eq!((count(&pages.first), count(&pages.second)), (1, asked), "{status}");
        match told {
            Ok(lines) => assert!(is_told && lines.len() == 2, "{status}: {lines:?}"),
            Err(error) => assert!(!is_told, "{status}: {error}"),
        }
        handle.stop(false).await;
    }
}
