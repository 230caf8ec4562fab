//! Refunds that orders ask for.

use kernel::id::OrderId;
use kernel::ports::{Payments as _, Refund};
use platform::sql::Db;

use crate::shop::{Failing, Shop, euros, open};

platform::on_both_engines!(payment::SCHEMA =>
    a_refund_that_is_asked_for_again_pays_once,
    refunds_at_once_never_exceed_what_was_taken,
    only_what_was_taken_is_given_back,
);

/// Asks with each key at once, each from a task of its own.
async fn at_once(shop: &Shop, order: OrderId, keys: Vec<String>) -> Vec<Refund> {
    let mut asked = tokio::task::JoinSet::new();
    for key in keys {
        let payments = shop.payments.clone();
        asked.spawn(async move { payments.refund(order, &key, euros(300)).await.unwrap() });
    }
    asked.join_all().await
}

fn refused(answer: Refund) -> String {
    match answer {
        Refund::Refused { code, given, .. } if given.minor() == 0 => code,
        other => panic!("it was not refused: {other:?}"),
    }
}

async fn a_refund_that_is_asked_for_again_pays_once(db: Db) {
    let shop = open(db).await;
    let (order, id) = shop.captured(1_000).await;
    // The answer of the processor is lost: whoever asks again asks by the same key.
    let failing = shop.failing(Failing::AnswerLost);
    failing.refund(order, "change", euros(300)).await.unwrap_err();
    let answers = at_once(&shop, order, vec!["change".to_owned(); 20]).await;
    assert!(answers.iter().all(|answer| *answer == Refund::Given), "{answers:?}");
    assert_eq!(shop.charges().await[&id].refunded, 300);
    let row = shop.row(order).await;
    assert_eq!((row.refunded, row.asked_by_order), (euros(300), euros(300)));
    let other = shop.payments.refund(order, "other", euros(700)).await.unwrap();
    assert_eq!(other, Refund::Given);
    assert_eq!(shop.row(order).await.status, "refunded");
    let told = ["authorized", "captured", "refunded", "refunded"];
    assert_eq!(shop.told(id).await, told.map(|word| format!("payment.{word}")));
    shop.books_hold().await;
}

async fn refunds_at_once_never_exceed_what_was_taken(db: Db) {
    let shop = open(db).await;
    let (order, id) = shop.captured(1_000).await;
    let answers = at_once(&shop, order, (0..20).map(|n| format!("change-{n}")).collect()).await;
    let given = answers.iter().filter(|answer| **answer == Refund::Given).count();
    assert_eq!(given, 3, "{answers:?}");
    let no = answers.into_iter().filter(|answer| *answer != Refund::Given).map(refused);
    assert!(no.collect::<Vec<_>>().iter().all(|code| code == "too_much"));
    assert_eq!(shop.charges().await[&id].refunded, 900);
    shop.books_hold().await;
}

async fn only_what_was_taken_is_given_back(db: Db) {
    let shop = open(db).await;
    let (order, _) = shop.authorized(1_000).await;
    let ask = |order: OrderId, key: &'static str, amount| shop.payments.refund(order, key, amount);
    assert_eq!(ask(order, "early", euros(100)).await.unwrap(), Refund::NotTaken);
    shop.deliver("payment.capture", "order.confirmed", order).await.unwrap();
    assert_eq!(ask(order, "early", euros(100)).await.unwrap(), Refund::Given);
    assert_eq!(refused(ask(order, "more", euros(901)).await.unwrap()), "too_much");
    assert_eq!(refused(ask(order, "none", euros(0)).await.unwrap()), "invalid_amount");
    let strange = kernel::Money::from_minor(100, kernel::Currency::USD);
    assert_eq!(refused(ask(order, "dollars", strange).await.unwrap()), "currency");
    assert_eq!(refused(ask(OrderId::new(), "unpaid", euros(1)).await.unwrap()), "not_paid");
    shop.payments.cancel(order).await.unwrap();
    assert_eq!(refused(ask(order, "late", euros(1)).await.unwrap()), "order_cancelled");
    assert_eq!(ask(order, "early", euros(100)).await.unwrap(), Refund::Given, "the first answer");
    assert_eq!(shop.row(order).await.refunded, euros(1_000));
    shop.books_hold().await;
}
