use kernel::id::OrderId;
use kernel::ports::{Authorization, PaymentError, Payments as _};
use platform::sql::Db;

use crate::shop::{APPROVED, CHALLENGE, declined, euros, open, open_with, settings};

platform::on_both_engines!(payment::SCHEMA =>
    after_a_cancel_nothing_is_authorized,
    a_cancel_lets_go_from_wherever_the_payment_stands,
    an_unknown_outcome_is_resolved_before_it_is_cancelled,
    a_cancel_that_races_an_authorization_leaves_no_money_held,
    events_of_the_order_capture_and_cancel_once,
    a_capture_and_a_cancel_at_once_leave_no_money_taken,
    with_capture_at_shipping_the_parcel_takes_the_money,
);

async fn after_a_cancel_nothing_is_authorized(db: Db) {
    let shop = open(db).await;
    let order = OrderId::new();
    shop.payments.cancel(order).await.unwrap();
    shop.payments.cancel(order).await.unwrap();
    let late = shop.ask(order, 1_000, APPROVED).await;
    assert_eq!(declined(shop.payments.authorize(late).await), "cancelled");
    let (order, _) = shop.authorized(1_000).await;
    shop.payments.cancel(order).await.unwrap();
    let mut again = shop.ask(order, 1_000, APPROVED).await;
    again.key = "another".to_owned();
    assert_eq!(declined(shop.payments.authorize(again).await), "cancelled");
    assert_eq!(shop.charges().await.len(), 1);
    shop.books_hold().await;
}

async fn a_cancel_lets_go_from_wherever_the_payment_stands(db: Db) {
    let shop = open(db).await;
    let (authorized, id) = shop.authorized(1_000).await;
    shop.payments.cancel(authorized).await.unwrap();
    assert_eq!(shop.status(authorized).await, "voided");
    assert_eq!(shop.told(id).await, ["payment.authorized", "payment.voided"]);

    let (captured, id) = shop.captured(1_000).await;
    shop.payments.cancel(captured).await.unwrap();
    shop.payments.cancel(captured).await.unwrap();
    let row = shop.row(captured).await;
    assert_eq!((row.status, row.refunded), ("refunded", euros(1_000)));
    let told = ["payment.authorized", "payment.captured", "payment.refunded"];
    assert_eq!(shop.told(id).await, told);

    let waiting = OrderId::new();
    let request = shop.ask(waiting, 1_000, CHALLENGE).await;
    let answer = shop.payments.authorize(request.clone()).await.unwrap();
    let Authorization::ActionRequired { payment_id, .. } = answer else { panic!("{answer:?}") };
    shop.payments.cancel(waiting).await.unwrap();
    assert_eq!(shop.status(waiting).await, "expired");
    assert_eq!(declined(shop.payments.authorize(request).await), "abandoned");
    assert_eq!(shop.told(payment_id).await, ["payment.action_required", "payment.failed"]);
    shop.books_hold().await;
}

async fn an_unknown_outcome_is_resolved_before_it_is_cancelled(db: Db) {
    let shop = open(db).await;
    let order = OrderId::new();
    let request = shop.ask(order, 1_051, APPROVED).await;
    let first = shop.payments.authorize(request.clone()).await;
    assert!(matches!(first, Err(PaymentError::Unavailable(_))), "{first:?}");
    shop.payments.cancel(order).await.unwrap();
    assert_eq!(shop.status(order).await, "voided");
    assert_eq!(declined(shop.payments.authorize(request).await), "cancelled");
    shop.books_hold().await;
}

async fn a_cancel_that_races_an_authorization_leaves_no_money_held(db: Db) {
    let shop = open(db).await;
    let mut orders = Vec::new();
    for round in 0..40 {
        let order = OrderId::new();
        let request = shop.ask(order, 1_000, APPROVED).await;
        let (one, two) = (shop.payments.clone(), shop.payments.clone());
        let authorize = tokio::spawn(async move { one.authorize(request).await });
        for _ in 0..round % 8 {
            tokio::task::yield_now().await;
        }
        let cancel = tokio::spawn(async move { two.cancel(order).await });
        let _ = authorize.await.unwrap();
        cancel.await.unwrap().unwrap();
        orders.push(order);
    }
    let rows = shop.payments.payments_page(None, 500).await.unwrap();
    assert!(rows.iter().all(|row| row.status == "voided"), "{rows:?}");
    shop.books_hold().await;
}

async fn events_of_the_order_capture_and_cancel_once(db: Db) {
    let shop = open(db).await;
    let (order, id) = shop.authorized(4_000).await;
    for _ in 0..2 {
        shop.deliver("payment.capture", "order.confirmed", order).await.unwrap();
    }
    // With `capture = "confirmed"` a parcel that leaves takes nothing.
    shop.deliver("payment.capture", "order.shipped", order).await.unwrap();
    assert_eq!(shop.row(order).await.captured, euros(4_000));
    for _ in 0..2 {
        shop.deliver("payment.cancel", "order.cancelled", order).await.unwrap();
    }
    // A late repetition of the confirmation takes nothing again.
    shop.deliver("payment.capture", "order.confirmed", order).await.unwrap();
    let charge = shop.charges().await.remove(&id).unwrap();
    assert_eq!((charge.captured, charge.refunded), (4_000, 4_000));
    shop.deliver("payment.capture", "order.confirmed", OrderId::new()).await.unwrap();
    shop.books_hold().await;
}

async fn a_capture_and_a_cancel_at_once_leave_no_money_taken(db: Db) {
    let shop = open(db).await;
    for _ in 0..20 {
        let (order, id) = shop.authorized(4_000).await;
        let (captured, cancelled) = tokio::join!(
            shop.deliver("payment.capture", "order.confirmed", order),
            shop.deliver("payment.cancel", "order.cancelled", order),
        );
        captured.unwrap();
        cancelled.unwrap();
        let charge = shop.charges().await.remove(&id).unwrap();
        assert_eq!(charge.captured, charge.refunded);
        assert!(matches!(shop.status(order).await, "voided" | "refunded"));
    }
    shop.books_hold().await;
}

async fn with_capture_at_shipping_the_parcel_takes_the_money(db: Db) {
    let mut at_shipping = settings();
    at_shipping.capture = payment::CaptureAt::Shipped;
    let shop = open_with(db, at_shipping).await;
    let (order, _) = shop.authorized(4_000).await;
    shop.deliver("payment.capture", "order.confirmed", order).await.unwrap();
    assert_eq!(shop.status(order).await, "authorized");
    shop.deliver("payment.capture", "order.shipped", order).await.unwrap();
    assert_eq!(shop.status(order).await, "captured");
}
