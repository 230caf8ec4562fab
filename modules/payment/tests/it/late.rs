//! What is refused, what comes too late, and what ends by itself.

use actix_web::test::TestRequest;
use kernel::id::{OrderId, PaymentId};
use kernel::ports::{Authorization, Payments as _, Role};
use payment::Processor as _;
use platform::sql::{Db, Sql};
use serde_json::json;

use crate::captures::capture;
use crate::http::{parsed, send};
use crate::shop::{CHALLENGE, Failing, Shop, euros, open, open_with, settings};

platform::on_both_engines!(payment::SCHEMA =>
    a_refused_capture_is_tried_some_times_and_then_waits_for_the_staff,
    a_refused_capture_comes_true_by_itself_when_the_processor_gives_in,
    nobody_lets_go_of_what_an_order_stands_on,
    a_success_after_the_end_is_given_back,
    a_challenge_that_was_answered_elsewhere_is_found,
    what_nobody_takes_in_time_is_let_go_by_the_processor,
    money_that_no_order_stands_for_is_on_a_list,
);

const CAPTURES: Sql = Sql::new("select count(*) from payment_operation where kind = 'capture'");
/// As if they had been made an hour before.
const AGE: Sql = Sql::new("update payment set created_at = $1");

impl Shop {
    /// The payments that need something.
    async fn needing(&self, needs: &str) -> Vec<String> {
        let request = TestRequest::get().uri(&format!("/v1/admin/payments?needs={needs}"));
        let (status, body) = send(self, Some(Role::Staff), request).await;
        assert_eq!(status, 200, "{body}");
        let items = parsed(&body)["items"].as_array().unwrap().clone();
        items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    }

    async fn challenged(&self) -> (OrderId, PaymentId) {
        let order = OrderId::new();
        let request = self.ask(order, 1_000, CHALLENGE).await;
        match self.payments.authorize(request).await.unwrap() {
            Authorization::ActionRequired { payment_id, .. } => (order, payment_id),
            other @ Authorization::Authorized(_) => panic!("{other:?}"),
        }
    }
}

fn command(id: PaymentId, what: &str) -> TestRequest {
    let request = TestRequest::post().uri(&format!("/v1/admin/payments/{id}/{what}"));
    request.insert_header(("idempotency-key", what.to_owned()))
}

async fn a_refused_capture_is_tried_some_times_and_then_waits_for_the_staff(db: Db) {
    let shop = open(db).await;
    let (order, id) = shop.authorized(1_000).await;
    let refusing = shop.with(Failing::Refuses);
    // The event is handled: what is refused is not asked for again by its delivery.
    refusing.deliver("payment.capture", "order.confirmed", order).await.unwrap();
    refusing.deliver("payment.capture", "order.confirmed", order).await.unwrap();
    assert_eq!(shop.status(order).await, "capture_failed");
    refusing.settle().await;
    assert_eq!(shop.db.query(CAPTURES).one::<(i64,)>().await.unwrap().0, 3);
    assert_eq!(shop.needing("capture_failed").await, [id.to_string()]);
    shop.books_hold().await;

    let (status, body) = send(&shop, Some(Role::Staff), capture(id, "again", None)).await;
    assert_eq!((status.as_u16(), &parsed(&body)["status"]), (200, &json!("captured")));
    assert!(shop.needing("capture_failed").await.is_empty());
    shop.books_hold().await;

    // The other way out: the order is called off, which lets the amount go.
    let (order, _) = shop.authorized(1_000).await;
    refusing.deliver("payment.capture", "order.confirmed", order).await.unwrap();
    shop.deliver("payment.cancel", "order.cancelled", order).await.unwrap();
    assert_eq!(shop.status(order).await, "voided");
    shop.books_hold().await;
}

async fn a_refused_capture_comes_true_by_itself_when_the_processor_gives_in(db: Db) {
    let shop = open(db).await;
    let (order, id) = shop.authorized(1_000).await;
    let refusing = shop.with(Failing::Refuses);
    refusing.deliver("payment.capture", "order.confirmed", order).await.unwrap();
    shop.settle().await;
    assert_eq!(shop.status(order).await, "captured");
    assert_eq!(shop.told(id).await, ["payment.authorized", "payment.captured"]);
    shop.books_hold().await;
}

async fn nobody_lets_go_of_what_an_order_stands_on(db: Db) {
    let shop = open(db).await;
    let (order, id) = shop.authorized(1_000).await;
    let (status, body) = send(&shop, Some(Role::Staff), command(id, "void")).await;
    let problem = parsed(&body);
    assert_eq!((status.as_u16(), &problem["order_id"]), (409, &json!(order)), "{body}");
    assert!(problem["detail"].as_str().unwrap().contains("/cancel"), "{body}");
    assert_eq!(shop.status(order).await, "authorized");

    // The processor did not let go when the order was called off: now the staff may.
    shop.with(Failing::Refuses).payments.cancel(order).await.unwrap_err();
    assert_eq!(shop.status(order).await, "authorized");
    let (status, body) = send(&shop, Some(Role::Staff), command(id, "void")).await;
    assert_eq!((status.as_u16(), &parsed(&body)["status"]), (200, &json!("voided")), "{body}");
    let (status, _) = send(&shop, Some(Role::Staff), capture(id, "after", None)).await;
    assert_eq!(status, 409, "nothing is taken that was let go");
    shop.books_hold().await;
}

async fn a_success_after_the_end_is_given_back(db: Db) {
    let mut short = settings();
    short.challenge_wait_s = 0;
    let shop = open_with(db, short).await;
    for is_taken in [false, true] {
        let (order, id) = shop.challenged().await;
        // The processor says that the charge is ended. It is not, and the shopper approves it.
        shop.with(Failing::VoidLies).payments.resolve().await.unwrap();
        assert_eq!(shop.status(order).await, "expired");
        let charge = shop.charges().await[&id].id.clone();
        shop.sandbox.challenge(&format!("at the bank {id}"), &charge, true).await.unwrap();
        if is_taken {
            shop.sandbox.capture(&format!("elsewhere {id}"), &charge, euros(1_000)).await.unwrap();
        }
        // Nobody can pay the order meanwhile with a payment that is being undone.
        let (status, body) = send(&shop, Some(Role::Staff), command(id, "resolve")).await;
        assert_eq!((status.as_u16(), &parsed(&body)["status"]), (200, &json!("reversing")));
        shop.settle().await;
        let ended = if is_taken { "refunded" } else { "voided" };
        assert_eq!(shop.status(order).await, ended);
        let charge = shop.charges().await.remove(&id).unwrap();
        assert_eq!((charge.held, charge.captured), (false, charge.refunded));
        let told = shop.told(id).await;
        let last = if is_taken { "payment.refunded" } else { "payment.voided" };
        assert!(told.contains(&"payment.authorized".to_owned()) && told.last().unwrap() == last);
    }
    shop.books_hold().await;
}

async fn a_challenge_that_was_answered_elsewhere_is_found(db: Db) {
    let shop = open(db).await;
    for (approve, stands) in [(true, "authorized"), (false, "declined")] {
        let (order, id) = shop.challenged().await;
        let charge = shop.charges().await[&id].id.clone();
        shop.sandbox.challenge(&format!("bank {id}"), &charge, approve).await.unwrap();
        send(&shop, Some(Role::Staff), command(id, "resolve")).await;
        assert_eq!(shop.status(order).await, stands);
    }
    shop.books_hold().await;
}

async fn what_nobody_takes_in_time_is_let_go_by_the_processor(db: Db) {
    let mut short = settings();
    short.sandbox.authorized_s = 3_600;
    let shop = open_with(db.clone(), short.clone()).await;
    let (_, soon) = shop.authorized(1_000).await;
    assert_eq!(shop.needing("expiring").await, [soon.to_string()]);
    let (_, taken) = shop.captured(1_000).await;
    assert_eq!(shop.needing("expiring").await, [soon.to_string()], "not {taken}");
    shop.settle().await;
    shop.books_hold().await;

    short.sandbox.authorized_s = 0;
    let shop = open_with(db, short).await;
    let (order, id) = shop.authorized(1_000).await;
    let (partly, part) = shop.authorized(1_000).await;
    let (status, _) = send(&shop, Some(Role::Staff), capture(part, "late", Some("4.00"))).await;
    assert_eq!(status, 409);
    shop.settle().await;
    assert_eq!([shop.status(order).await, shop.status(partly).await], ["expired"; 2]);
    assert_eq!(shop.told(id).await, ["payment.authorized", "payment.voided"]);
}

async fn money_that_no_order_stands_for_is_on_a_list(db: Db) {
    let shop = open(db).await;
    let (_, never) = shop.authorized(1_000).await;
    let (confirmed, _) = shop.captured(1_000).await;
    let (off, id) = shop.captured(1_000).await;
    shop.with(Failing::Unreachable).payments.cancel(off).await.unwrap_err();
    assert!(shop.needing("paid_without_order").await.is_empty(), "they are young");
    let mut tx = shop.db.begin("age").await.unwrap();
    let then = tx.now() - chrono::TimeDelta::hours(1);
    tx.query(AGE).bind(then).execute().await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(shop.needing("paid_without_order").await, [id.to_string(), never.to_string()]);
    assert_eq!(shop.needing("unknown").await, [id.to_string()], "the refund of it");
    shop.settle().await;
    assert_eq!(shop.needing("paid_without_order").await, [never.to_string()]);
    assert_eq!(shop.status(confirmed).await, "captured");
    shop.books_hold().await;
}
