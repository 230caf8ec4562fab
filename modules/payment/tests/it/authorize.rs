use kernel::id::OrderId;
use kernel::ports::{Authorization, PaymentError, Payments as _};
use payment::Processor as _;
use platform::sql::Db;
use tokio::task::JoinSet;

use crate::shop::{APPROVED, CHALLENGE, declined, euros, open};

platform::on_both_engines!(payment::SCHEMA =>
    every_card_does_what_it_promises,
    a_processing_error_is_retried_and_then_fails,
    a_lost_answer_charges_once,
    one_key_fifty_times_at_once_authorizes_once,
    fifty_keys_at_once_for_one_order_authorize_once,
    a_declined_order_can_be_paid_by_another_attempt,
    a_key_is_not_used_for_another_amount,
    two_orders_never_share_a_key,
    the_sandbox_does_what_a_key_asks_once,
);

async fn every_card_does_what_it_promises(db: Db) {
    let shop = open(db).await;
    for number in [APPROVED, "4000000000000259", "5555555555554444"] {
        let order = OrderId::new();
        let request = shop.ask(order, 1_999, number).await;
        let answer = shop.payments.authorize(request).await.unwrap();
        let Authorization::Authorized(id) = answer else { panic!("{answer:?}") };
        assert_eq!(shop.row(order).await.authorized, euros(1_999));
        assert_eq!(shop.told(id).await, ["payment.authorized"]);
    }
    for (number, code) in
        [("4000000000000002", "card_declined"), ("4000000000009995", "insufficient_funds")]
    {
        let order = OrderId::new();
        let request = shop.ask(order, 1_999, number).await;
        assert_eq!(declined(shop.payments.authorize(request.clone()).await), code);
        assert_eq!(declined(shop.payments.authorize(request).await), code);
        let row = shop.row(order).await;
        assert_eq!((row.status, row.authorized), ("declined", euros(0)));
    }
    let order = OrderId::new();
    let request = shop.ask(order, 1_999, CHALLENGE).await;
    let answer = shop.payments.authorize(request.clone()).await.unwrap();
    let Authorization::ActionRequired { payment_id, url, .. } = &answer else {
        panic!("{answer:?}")
    };
    assert_eq!(*url, format!("/v1/payments/{payment_id}/challenge"));
    assert_eq!(shop.payments.authorize(request).await.unwrap(), answer);
    assert_eq!(shop.told(*payment_id).await, ["payment.action_required"]);
    let views = shop.payments.of_orders(&[order, OrderId::new()]).await.unwrap();
    assert_eq!(views.len(), 1);
    assert_eq!(views[0].1.next_action.as_ref().unwrap().url, *url);
    shop.books_hold().await;
}

async fn a_processing_error_is_retried_and_then_fails(db: Db) {
    let shop = open(db).await;
    let request = shop.ask(OrderId::new(), 1_999, "4000000000000119").await;
    for _ in 0..2 {
        let answer = shop.payments.authorize(request.clone()).await;
        assert!(matches!(answer, Err(PaymentError::Unavailable(_))), "{answer:?}");
    }
    assert_eq!(declined(shop.payments.authorize(request.clone()).await), "processing_error");
    assert_eq!(declined(shop.payments.authorize(request).await), "processing_error");
    shop.books_hold().await;
}

async fn a_lost_answer_charges_once(db: Db) {
    let shop = open(db).await;
    let order = OrderId::new();
    let request = shop.ask(order, 10_051, APPROVED).await;
    let first = shop.payments.authorize(request.clone()).await;
    assert!(matches!(first, Err(PaymentError::Unavailable(_))), "{first:?}");
    assert_eq!(shop.status(order).await, "unknown");
    let second = shop.payments.authorize(request).await.unwrap();
    let Authorization::Authorized(id) = second else { panic!("{second:?}") };
    let charges = shop.charges().await;
    assert_eq!((charges.len(), charges[&id].authorized), (1, 10_051));
    // The capture's answer is lost as well, and its repetition takes nothing twice.
    assert!(shop.deliver("payment.capture", "order.confirmed", order).await.is_err());
    shop.deliver("payment.capture", "order.confirmed", order).await.unwrap();
    shop.deliver("payment.capture", "order.confirmed", order).await.unwrap();
    assert_eq!(shop.charges().await[&id].captured, 10_051);
    assert_eq!(shop.told(id).await, ["payment.authorized", "payment.captured"]);
    shop.books_hold().await;
}

async fn one_key_fifty_times_at_once_authorizes_once(db: Db) {
    let shop = open(db).await;
    let request = shop.ask(OrderId::new(), 2_500, APPROVED).await;
    let mut callers = JoinSet::new();
    for _ in 0..50 {
        let (payments, request) = (shop.payments.clone(), request.clone());
        callers.spawn(async move { payments.authorize(request).await });
    }
    let answers: Vec<_> = callers.join_all().await.into_iter().map(Result::unwrap).collect();
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    let charges = shop.charges().await;
    assert_eq!(charges.len(), 1);
    assert_eq!(shop.told(*charges.keys().next().unwrap()).await, ["payment.authorized"]);
    shop.books_hold().await;
}

async fn fifty_keys_at_once_for_one_order_authorize_once(db: Db) {
    let shop = open(db).await;
    let request = shop.ask(OrderId::new(), 2_500, APPROVED).await;
    let mut callers = JoinSet::new();
    for n in 0..50 {
        let (payments, mut request) = (shop.payments.clone(), request.clone());
        request.key = format!("tab {n}");
        callers.spawn(async move { payments.authorize(request).await });
    }
    let (yes, no): (Vec<_>, Vec<_>) = callers.join_all().await.into_iter().partition(Result::is_ok);
    assert_eq!(yes.len(), 1);
    assert!(no.into_iter().all(|answer| declined(answer) == "duplicate_payment"));
    assert_eq!(shop.charges().await.len(), 1);
    shop.books_hold().await;
}

async fn a_declined_order_can_be_paid_by_another_attempt(db: Db) {
    let shop = open(db).await;
    let order = OrderId::new();
    let first = shop.ask(order, 2_500, "4000000000000002").await;
    declined(shop.payments.authorize(first).await);
    let mut second = shop.ask(order, 2_500, APPROVED).await;
    second.key = "another".to_owned();
    shop.payments.authorize(second).await.unwrap();
    assert_eq!(shop.status(order).await, "authorized");
    let views = shop.payments.of_orders(&[order]).await.unwrap();
    assert_eq!((views.len(), views[0].1.status.as_str()), (1, "authorized"));
    shop.books_hold().await;
}

async fn a_key_is_not_used_for_another_amount(db: Db) {
    let shop = open(db).await;
    let mut request = shop.ask(OrderId::new(), 2_500, APPROVED).await;
    shop.payments.authorize(request.clone()).await.unwrap();
    request.amount = euros(2_600);
    assert_eq!(declined(shop.payments.authorize(request).await), "idempotency_key_reused");
    let nothing = shop.ask(OrderId::new(), 0, APPROVED).await;
    assert_eq!(declined(shop.payments.authorize(nothing).await), "invalid_amount");
    let mut forged = shop.ask(OrderId::new(), 100, APPROVED).await;
    forged.token = "tok_forged".to_owned();
    assert_eq!(declined(shop.payments.authorize(forged).await), "invalid_token");
    shop.books_hold().await;
}

async fn the_sandbox_does_what_a_key_asks_once(db: Db) {
    let shop = open(db).await;
    let (_, id) = shop.captured(10_000).await;
    let charge = shop.charges().await[&id].id.clone();
    let refund = |key: &'static str, minor| {
        let (sandbox, charge) = (shop.sandbox.clone(), charge.clone());
        async move { sandbox.refund(key, &charge, euros(minor)).await.unwrap() }
    };
    let mut callers = JoinSet::new();
    for _ in 0..50 {
        callers.spawn(refund("once", 1_000));
    }
    let answers = callers.join_all().await;
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert!(matches!(refund("once", 2_000).await, payment::Outcome::Declined { .. }));
    assert!(matches!(refund("more", 9_001).await, payment::Outcome::Declined { .. }));
    assert_eq!(shop.charges().await[&id].refunded, 1_000);
}

async fn two_orders_never_share_a_key(db: Db) {
    let shop = open(db).await;
    let mut callers = JoinSet::new();
    for _ in 0..20 {
        let mut request = shop.ask(OrderId::new(), 2_500, APPROVED).await;
        request.key = "shared".to_owned();
        let payments = shop.payments.clone();
        callers.spawn(async move { payments.authorize(request).await });
    }
    let (yes, no): (Vec<_>, Vec<_>) = callers.join_all().await.into_iter().partition(Result::is_ok);
    assert_eq!(yes.len(), 1);
    assert!(no.into_iter().all(|answer| declined(answer) == "idempotency_key_reused"));
    // Those that were refused left no payment behind.
    assert_eq!(shop.payments.payments_page(None, 100).await.unwrap().len(), 1);
    assert_eq!(shop.charges().await.len(), 1);
    shop.books_hold().await;
}
