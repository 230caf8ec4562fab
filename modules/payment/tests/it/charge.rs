//! What a change of an order makes it dearer is paid beside what was placed.

use kernel::id::{ChangeId, OrderId, PaymentId};
use kernel::ports::{Authorization, ChargeMore, DearerBy, PaymentError, Payments as _};
use platform::sql::Db;
use tokio::task::JoinSet;

use crate::shop::{APPROVED, CHALLENGE, Shop, declined, euros, open, open_with, settings};

platform::on_both_engines!(payment::SCHEMA =>
    a_change_is_paid_beside_the_order_and_cancelled_with_it,
    a_change_that_came_to_nothing_is_not_paid_for,
    fifty_charges_of_one_change_at_once_authorize_once,
    a_charge_can_ask_for_the_shopper_and_be_declined,
    a_cancel_that_races_a_charge_leaves_no_money_held,
    with_capture_at_shipping_the_parcel_takes_all_of_it,
);
impl Shop {
    pub async fn more(&self, order: OrderId, minor: i64, card: &str) -> ChargeMore {
        let change = ChangeId::new();
        let (key, token) = (format!("{change}/charge"), self.token(card).await);
        let (amount, by) = (euros(minor), DearerBy::Edit);
        ChargeMore { order_id: order, change, by, key, amount, token, payer: None }
    }
}

fn authorized(answer: Result<Authorization, PaymentError>) -> PaymentId {
    match answer {
        Ok(Authorization::Authorized(id)) => id,
        other => panic!("{other:?}"),
    }
}

async fn a_change_is_paid_beside_the_order_and_cancelled_with_it(db: Db) {
    let shop = open(db).await;
    let (order, first) = shop.captured(4_000).await;
    let dearer = shop.more(order, 700, APPROVED).await;
    let id = authorized(shop.payments.charge(dearer.clone()).await);
    assert_eq!(authorized(shop.payments.charge(dearer).await), id);
    let second = authorized(shop.payments.charge(shop.more(order, 30, APPROVED).await).await);
    let row = shop.row(order).await;
    assert_eq!((row.amount, row.captured, row.held), (euros(4_730), euros(4_000), euros(730)));
    // The order still shows the payment of what was placed.
    let views = shop.payments.of_orders(&[order]).await.unwrap();
    assert_eq!(views.iter().map(|(_, view)| view.id).collect::<Vec<_>>(), [first]);
    for _ in 0..2 {
        shop.deliver("payment.capture", "order.edited", order).await.unwrap();
    }
    let row = shop.row(order).await;
    assert_eq!((row.captured, row.held), (euros(4_730), euros(0)));
    shop.books_hold().await;
    for _ in 0..2 {
        shop.deliver("payment.cancel", "order.cancelled", order).await.unwrap();
    }
    let charges = shop.charges().await;
    for (id, amount) in [(first, 4_000), (id, 700), (second, 30)] {
        assert_eq!((charges[&id].captured, charges[&id].refunded), (amount, amount));
    }
    let late = shop.more(order, 10, APPROVED).await;
    assert_eq!(declined(shop.payments.charge(late).await), "cancelled");
    shop.books_hold().await;
}

async fn a_change_that_came_to_nothing_is_not_paid_for(db: Db) {
    let shop = open(db).await;
    let (order, first) = shop.captured(4_000).await;
    let never = shop.more(order, 700, APPROVED).await;
    for _ in 0..2 {
        shop.payments.cancel_charge(order, never.change).await.unwrap();
    }
    assert_eq!(declined(shop.payments.charge(never).await), "cancelled");
    let (voided, refunded) =
        (shop.more(order, 10, APPROVED).await, shop.more(order, 20, APPROVED).await);
    authorized(shop.payments.charge(refunded.clone()).await);
    shop.deliver("payment.capture", "order.edited", order).await.unwrap();
    let id = authorized(shop.payments.charge(voided.clone()).await);
    for change in [voided.change, refunded.change] {
        shop.payments.cancel_charge(order, change).await.unwrap();
    }
    assert_eq!(shop.told(id).await, ["payment.authorized", "payment.voided"]);
    let mut again = voided;
    again.key = "another".to_owned();
    assert_eq!(declined(shop.payments.charge(again).await), "cancelled");
    // What was placed is paid as before.
    let charge = shop.charges().await.remove(&first).unwrap();
    assert_eq!((charge.captured, charge.refunded), (4_000, 0));
    let row = shop.row(order).await;
    assert_eq!((row.status, row.held), ("captured", euros(0)));
    assert_eq!((row.captured, row.refunded), (euros(4_020), euros(20)));
    // A change of an order that was never paid for can come to nothing too.
    shop.payments.cancel_charge(OrderId::new(), ChangeId::new()).await.unwrap();
    shop.books_hold().await;
}

async fn fifty_charges_of_one_change_at_once_authorize_once(db: Db) {
    let shop = open(db).await;
    let (order, _) = shop.captured(4_000).await;
    let request = shop.more(order, 700, APPROVED).await;
    let mut callers = JoinSet::new();
    for n in 0..50 {
        let (payments, mut request) = (shop.payments.clone(), request.clone());
        request.key = format!("tab {n}");
        callers.spawn(async move { payments.charge(request).await });
    }
    let (yes, no): (Vec<_>, Vec<_>) = callers.join_all().await.into_iter().partition(Result::is_ok);
    assert_eq!(yes.len(), 1);
    assert!(no.into_iter().all(|answer| declined(answer) == "duplicate_payment"));
    assert_eq!(shop.row(order).await.held, euros(700));
    shop.books_hold().await;
}

async fn a_charge_can_ask_for_the_shopper_and_be_declined(db: Db) {
    let shop = open(db).await;
    let (order, _) = shop.authorized(4_000).await;
    let poor = shop.more(order, 700, "4000000000009995").await;
    assert_eq!(declined(shop.payments.charge(poor.clone()).await), "insufficient_funds");
    assert_eq!(declined(shop.payments.charge(poor).await), "insufficient_funds");
    let asked = shop.more(order, 700, CHALLENGE).await;
    let answer = shop.payments.charge(asked.clone()).await.unwrap();
    let Authorization::ActionRequired { payment_id, .. } = answer else { panic!("{answer:?}") };
    // Nobody waits for the shopper to take what was set aside before.
    shop.deliver("payment.capture", "order.confirmed", order).await.unwrap();
    assert_eq!(shop.row(order).await.captured, euros(4_000));
    shop.payments.cancel_charge(order, asked.change).await.unwrap();
    assert_eq!(shop.told(payment_id).await, ["payment.action_required", "payment.failed"]);
    assert_eq!(declined(shop.payments.charge(asked).await), "abandoned");
    shop.books_hold().await;
}

async fn a_cancel_that_races_a_charge_leaves_no_money_held(db: Db) {
    let shop = open(db).await;
    for round in 0..20 {
        let (order, _) = shop.captured(4_000).await;
        let request = shop.more(order, 700, APPROVED).await;
        let change = request.change;
        let (one, two) = (shop.payments.clone(), shop.payments.clone());
        let charge = tokio::spawn(async move { one.charge(request).await });
        for _ in 0..round % 8 {
            tokio::task::yield_now().await;
        }
        let cancel = tokio::spawn(async move {
            if round % 2 == 0 {
                two.cancel(order).await
            } else {
                two.cancel_charge(order, change).await
            }
        });
        let _ = charge.await.unwrap();
        cancel.await.unwrap().unwrap();
        assert_eq!(shop.row(order).await.held, euros(0));
    }
    shop.books_hold().await;
}

async fn with_capture_at_shipping_the_parcel_takes_all_of_it(db: Db) {
    let mut at_shipping = settings();
    at_shipping.capture = payment::CaptureAt::Shipped;
    let shop = open_with(db, at_shipping).await;
    let (order, _) = shop.authorized(4_000).await;
    authorized(shop.payments.charge(shop.more(order, 700, APPROVED).await).await);
    shop.deliver("payment.capture", "order.edited", order).await.unwrap();
    assert_eq!(shop.row(order).await.held, euros(4_700));
    shop.deliver("payment.capture", "shipment.shipped", order).await.unwrap();
    assert_eq!(shop.row(order).await.captured, euros(4_700));
    shop.books_hold().await;
}
