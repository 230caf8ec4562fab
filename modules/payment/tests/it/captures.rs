//! An amount that is taken in parts, and refunds of what was taken.

use actix_web::test::TestRequest;
use kernel::id::PaymentId;
use kernel::ports::{Payments as _, Role};
use platform::sql::Db;
use serde_json::json;

use crate::http::{at_once, parsed, refund, send};
use crate::shop::{Shop, euros, open};

platform::on_both_engines!(payment::SCHEMA =>
    parts_are_taken_and_given_back_within_their_sums,
    the_order_takes_the_rest_and_a_cancel_lets_all_of_it_go,
    captures_at_once_never_exceed_what_was_authorized,
    of_twenty_refunds_of_sixty_percent_one_succeeds,
);

pub fn capture(id: PaymentId, key: &str, amount: Option<&str>) -> TestRequest {
    let request = TestRequest::post()
        .uri(&format!("/v1/admin/payments/{id}/capture"))
        .insert_header(("idempotency-key", key.to_owned()));
    match amount {
        Some(amount) => request.set_json(json!({"amount": {"amount": amount, "currency": "EUR"}})),
        None => request,
    }
}

/// What came of a command: its status, and the payment's or the refusal's word.
async fn came_of(shop: &Shop, request: TestRequest) -> (u16, String) {
    let (status, body) = send(shop, Some(Role::Staff), request).await;
    let body = parsed(&body);
    let word = if status == 200 { &body["status"] } else { &body["code"] };
    (status.as_u16(), word.as_str().unwrap().to_owned())
}

fn is(status: u16, word: &str) -> (u16, String) {
    (status, word.to_owned())
}

async fn parts_are_taken_and_given_back_within_their_sums(db: Db) {
    let shop = open(db).await;
    let (_, id) = shop.authorized(10_000).await;
    for wrong in ["0.00", "-1.00"] {
        assert_eq!(came_of(&shop, capture(id, wrong, Some(wrong))).await.0, 422);
    }
    let first = || capture(id, "first", Some("40.00"));
    assert_eq!(came_of(&shop, first()).await, is(200, "partially_captured"));
    assert_eq!(came_of(&shop, first()).await, is(200, "partially_captured"), "it is done once");
    let (status, body) = send(&shop, Some(Role::Staff), capture(id, "more", Some("60.01"))).await;
    assert_eq!((status.as_u16(), &parsed(&body)["capturable"]["amount"]), (409, &json!("60.00")));
    assert_eq!(came_of(&shop, refund(id, "beyond", "40.01")).await, is(409, "conflict"));
    assert_eq!(came_of(&shop, refund(id, "part", "15.00")).await, is(200, "partially_refunded"));
    assert_eq!(came_of(&shop, capture(id, "rest", None)).await, is(200, "partially_refunded"));
    assert_eq!(came_of(&shop, capture(id, "nothing", None)).await, is(409, "conflict"));
    let charge = shop.charges().await.remove(&id).unwrap();
    assert_eq!((charge.captured, charge.refunded, charge.held), (10_000, 1_500, false));
    assert_eq!(came_of(&shop, refund(id, "all", "85.00")).await, is(200, "refunded"));
    let told = shop.told(id).await;
    let count = |kind: &str| told.iter().filter(|one| *one == kind).count();
    assert_eq!([count("payment.captured"), count("payment.refunded")], [2, 2]);
    shop.books_hold().await;
}

async fn the_order_takes_the_rest_and_a_cancel_lets_all_of_it_go(db: Db) {
    let shop = open(db).await;
    let (order, id) = shop.authorized(10_000).await;
    came_of(&shop, capture(id, "part", Some("30.00"))).await;
    assert_eq!(shop.row(order).await.held, euros(7_000));
    shop.deliver("payment.capture", "order.confirmed", order).await.unwrap();
    assert_eq!(
        (shop.status(order).await, shop.charges().await[&id].captured),
        ("captured", 10_000)
    );

    let (order, id) = shop.authorized(10_000).await;
    came_of(&shop, capture(id, "part", Some("30.00"))).await;
    shop.payments.cancel(order).await.unwrap();
    let charge = shop.charges().await.remove(&id).unwrap();
    assert_eq!((charge.captured, charge.refunded, charge.held), (3_000, 3_000, false));
    assert_eq!(shop.status(order).await, "refunded");
    let told = shop.told(id).await;
    let expected = ["payment.authorized", "payment.captured", "payment.voided", "payment.refunded"];
    assert_eq!(told, expected);
    shop.books_hold().await;
}

async fn captures_at_once_never_exceed_what_was_authorized(db: Db) {
    let shop = open(db).await;
    let (_, id) = shop.authorized(10_000).await;
    let all = (0..20).map(|n| capture(id, &format!("capture {n}"), Some("60.00"))).collect();
    let statuses = at_once(&shop, all).await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 200 | 409)), "{statuses:?}");
    assert_eq!(shop.charges().await[&id].captured, 6_000);
    shop.books_hold().await;
}

async fn of_twenty_refunds_of_sixty_percent_one_succeeds(db: Db) {
    let shop = open(db).await;
    let (_, id) = shop.captured(10_000).await;
    let all = (0..20).map(|n| refund(id, &format!("refund {n}"), "60.00")).collect();
    let statuses = at_once(&shop, all).await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(shop.charges().await[&id].refunded, 6_000);
    shop.books_hold().await;
}
