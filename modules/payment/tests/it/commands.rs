use actix_web::App;
use actix_web::HttpMessage as _;
use actix_web::dev::Service as _;
use actix_web::test::{TestRequest, call_service, init_service};
use kernel::ports::Role;
use platform::sql::Db;
use serde_json::json;

use crate::shop::{Shop, open};

platform::on_both_engines!(payment::SCHEMA =>
    fifty_refunds_at_once_never_exceed_what_was_captured,
    one_key_fifty_times_at_once_refunds_once,
);

/// Sends refunds of 10.00 at once, each from its own connection, and returns their statuses.
async fn refunds(shop: &Shop, keys: Vec<String>) -> Vec<u16> {
    let (_, id) = shop.captured(10_000).await;
    let staff = platform::testing::principal(Role::Staff);
    let app = App::new().configure(|config| shop.payments.routes(config)).wrap_fn(
        move |request, next| {
            request.extensions_mut().insert(staff.clone());
            next.call(request)
        },
    );
    let service = init_service(app).await;
    let mut calls: Vec<_> = keys
        .into_iter()
        .map(|key| {
            let request = TestRequest::post()
                .uri(&format!("/v1/admin/payments/{id}/refund"))
                .insert_header(("idempotency-key", key))
                .set_json(json!({"amount": {"amount": "10.00", "currency": "EUR"}}));
            Box::pin(call_service(&service, request.to_request()))
        })
        .collect();
    // All are under way before the first is waited for.
    let mut done = Vec::new();
    std::future::poll_fn(|context| {
        calls.retain_mut(|call| match call.as_mut().poll(context) {
            std::task::Poll::Ready(response) => {
                done.push(response.status().as_u16());
                false
            }
            std::task::Poll::Pending => true,
        });
        if calls.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    let refunded = shop.charges().await[&id].refunded;
    done.push(u16::try_from(refunded / 1_000).unwrap());
    done
}

async fn fifty_refunds_at_once_never_exceed_what_was_captured(db: Db) {
    let shop = open(db).await;
    let mut statuses = refunds(&shop, (0..50).map(|n| format!("refund {n}")).collect()).await;
    assert_eq!(statuses.pop(), Some(10), "the processor refunded ten times 10.00");
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 10, "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 200 | 409)), "{statuses:?}");
    shop.books_hold().await;
}

async fn one_key_fifty_times_at_once_refunds_once(db: Db) {
    let shop = open(db).await;
    let mut statuses = refunds(&shop, vec!["one".to_owned(); 50]).await;
    assert_eq!(statuses.pop(), Some(1), "the processor refunded 10.00 once");
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    shop.books_hold().await;
}
