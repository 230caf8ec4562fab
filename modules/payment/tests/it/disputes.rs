//! What the holder of a card disputes.

use actix_web::test::TestRequest;
use kernel::id::{OrderId, PaymentId};
use kernel::ports::{Authorization, Payments as _, Refund, Role};
use payment::Processor as _;
use platform::sql::{Db, Sql};
use serde_json::{Value, json};

use crate::http::{parsed, refund, send};
use crate::shop::{Failing, Shop, euros, open};

const RESPOND_NOW: Sql = Sql::new("update dispute set respond_by = $1");
const LOOK_NOW: Sql = Sql::new("update payment set due_at = $1");

platform::on_both_engines!(payment::SCHEMA =>
    a_dispute_is_won_lost_or_given_up,
    what_is_disputed_is_not_given_back,
    what_was_won_for_an_order_that_was_called_off_is_given_back,
    an_answer_whose_maker_died_is_sent_once,
    a_dispute_that_nobody_answers_is_lost,
    a_dispute_over_a_part_takes_that_part_alone,
    a_dispute_whose_end_nobody_told_is_looked_at,
);

pub const DISPUTED: &str = "4000000000000259";

impl Shop {
    /// A payment whose holder has disputed it, and the shop has not heard of that.
    pub async fn disputed(&self) -> (OrderId, PaymentId) {
        let order = OrderId::new();
        let request = self.ask(order, 10_000, DISPUTED).await;
        let answer = self.payments.authorize(request).await.unwrap();
        let Authorization::Authorized(id) = answer else { panic!("{answer:?}") };
        self.deliver("payment.capture", "order.confirmed", order).await.unwrap();
        while self.sandbox.tick().await.unwrap() {}
        (order, id)
    }

    pub async fn resolve(&self, id: PaymentId) {
        self.say(id, "resolve", Value::Null).await;
    }

    pub async fn say(&self, id: PaymentId, what: &str, body: Value) -> (u16, Value) {
        let request = TestRequest::post()
            .uri(&format!("/v1/admin/payments/{id}/{what}"))
            .insert_header(("idempotency-key", what.to_owned()));
        let request = if body.is_null() { request } else { request.set_json(body) };
        let (status, body) = send(self, Some(Role::Staff), request).await;
        (status.as_u16(), parsed(&body))
    }

    pub async fn shown(&self, id: PaymentId) -> Value {
        let request = TestRequest::get().uri(&format!("/v1/payments/{id}"));
        parsed(&send(self, Some(Role::Staff), request).await.1)
    }
}

async fn a_dispute_is_won_lost_or_given_up(db: Db) {
    let shop = open(db).await;
    for (what, text, status, lost) in [
        ("dispute/evidence", Some("winning_evidence"), "won", 0),
        ("dispute/evidence", Some("losing_evidence"), "lost", 10_000),
        ("dispute/accept", None, "lost", 10_000),
    ] {
        let (order, id) = shop.disputed().await;
        assert_eq!(shop.status(order).await, "captured", "the shop has not heard of it");
        let early = shop.say(id, "dispute/accept", Value::Null).await;
        assert_eq!(early.0, 409);
        shop.resolve(id).await;
        let shown = shop.shown(id).await;
        assert_eq!(
            (&shown["status"], &shown["dispute"]["state"]),
            (&json!("disputed"), &json!("needs_response"))
        );
        assert_eq!(shown["dispute"]["liability"], "issuer", "its bank knew the holder: {shown}");
        let body = text.map_or(Value::Null, |text| json!({"text": text}));
        let (code, first) = shop.say(id, what, body.clone()).await;
        assert_eq!(code, 200, "{first}");
        assert_eq!(shop.say(id, what, body).await.0, 200, "the same command again");
        assert_eq!(shop.status(order).await, status);
        assert_eq!(shop.row(order).await.lost, euros(lost));
        assert_eq!(shop.shown(id).await["dispute"]["state"], status);
        let told = shop.told(id).await;
        assert_eq!(told[2..], ["payment.disputed", "payment.dispute_closed"]);
        let back = send(&shop, Some(Role::Staff), refund(id, "after", "1.00")).await.0;
        assert_eq!(back.as_u16(), if status == "won" { 200 } else { 409 });
    }
    shop.books_hold().await;
}

async fn what_is_disputed_is_not_given_back(db: Db) {
    let shop = open(db).await;
    let (order, id) = shop.disputed().await;
    // The shop has not heard of it: the processor refuses, and the amounts stay what they were.
    assert_eq!(send(&shop, Some(Role::Staff), refund(id, "early", "1.00")).await.0, 409);
    shop.resolve(id).await;
    assert_eq!(send(&shop, Some(Role::Staff), refund(id, "late", "1.00")).await.0, 409);
    let asked = shop.payments.refund(order, "change", euros(100)).await.unwrap();
    assert!(matches!(asked, Refund::Refused { code, .. } if code == "disputed"));
    assert_eq!(shop.row(order).await.refunded, euros(0));
    // A cancel leaves it to the dispute, and is not asked for again and again.
    shop.deliver("payment.cancel", "order.cancelled", order).await.unwrap();
    assert_eq!(shop.status(order).await, "disputed");
    shop.books_hold().await;
}

async fn what_was_won_for_an_order_that_was_called_off_is_given_back(db: Db) {
    let shop = open(db).await;
    let (order, id) = shop.disputed().await;
    shop.resolve(id).await;
    shop.deliver("payment.cancel", "order.cancelled", order).await.unwrap();
    shop.say(id, "dispute/evidence", json!({"text": "winning_evidence"})).await;
    assert_eq!(shop.status(order).await, "refunded");
    assert_eq!(shop.charges().await[&id].refunded, 10_000);
    shop.books_hold().await;
}

async fn an_answer_whose_maker_died_is_sent_once(db: Db) {
    let shop = open(db).await;
    for how in [Failing::HangsBefore, Failing::HangsAfter] {
        let (order, id) = shop.disputed().await;
        shop.resolve(id).await;
        let dying = shop.with(how);
        let body = json!({"text": "winning_evidence"});
        shop.dies_in_call(dying.say(id, "dispute/evidence", body.clone())).await;
        shop.settle().await;
        shop.resolve(id).await;
        assert_eq!(shop.status(order).await, "won", "{how:?}");
        assert_eq!(shop.say(id, "dispute/evidence", body).await.0, 200, "its answer is stored");
    }
    shop.books_hold().await;
}

async fn a_dispute_that_nobody_answers_is_lost(db: Db) {
    let mut short = crate::shop::settings();
    short.sandbox.respond_s = 0;
    let shop = crate::shop::open_with(db, short).await;
    let (order, id) = shop.disputed().await;
    assert_eq!(shop.charges().await[&id].lost, 10_000);
    // It was opened and decided before the shop heard anything.
    shop.resolve(id).await;
    assert_eq!(shop.status(order).await, "lost");
    let told = shop.told(id).await;
    assert_eq!(told[2..], ["payment.disputed", "payment.dispute_closed"]);
    assert!(shop.sandbox.charge("nobody's").await.unwrap().is_none());
    shop.books_hold().await;
}

async fn a_dispute_over_a_part_takes_that_part_alone(db: Db) {
    let shop = open(db).await;
    for is_called_off in [false, true] {
        let order = OrderId::new();
        let request = shop.ask(order, 10_000, DISPUTED).await;
        let answer = shop.payments.authorize(request).await.unwrap();
        let Authorization::Authorized(id) = answer else { panic!("{answer:?}") };
        let part = json!({"amount": {"amount": "40.00", "currency": "EUR"}});
        assert_eq!(shop.say(id, "capture", part).await.0, 200);
        while shop.sandbox.tick().await.unwrap() {}
        // The shop has not heard of it, and takes the rest.
        shop.deliver("payment.capture", "order.confirmed", order).await.unwrap();
        shop.resolve(id).await;
        assert_eq!(shop.status(order).await, "disputed");
        if is_called_off {
            shop.deliver("payment.cancel", "order.cancelled", order).await.unwrap();
        }
        shop.say(id, "dispute/evidence", json!({"text": "losing_evidence"})).await;
        let row = shop.row(order).await;
        assert_eq!((row.captured, row.lost), (euros(10_000), euros(4_000)));
        if !is_called_off {
            assert_eq!(row.status, "captured");
            let back = send(&shop, Some(Role::Staff), refund(id, "rest", "60.00")).await;
            assert_eq!(back.0.as_u16(), 200, "{}", back.1);
        }
        assert_eq!(shop.status(order).await, "refunded");
        assert_eq!(shop.charges().await[&id].refunded, 6_000);
    }
    shop.books_hold().await;
}

async fn a_dispute_whose_end_nobody_told_is_looked_at(db: Db) {
    let mut short = crate::shop::settings();
    short.sandbox.respond_s = 3_600;
    let shop = crate::shop::open_with(db, short).await;
    let (order, id) = shop.disputed().await;
    shop.resolve(id).await;
    assert_eq!(shop.status(order).await, "disputed");
    shop.settle().await;
    assert_eq!(shop.status(order).await, "disputed", "it has not ended");
    for (db, due) in [(&shop.books, RESPOND_NOW), (&shop.db, LOOK_NOW)] {
        let mut tx = db.begin("time passes").await.unwrap();
        let now = tx.now();
        assert_eq!(tx.query(due).bind(now).execute().await.unwrap(), 1);
        tx.commit().await.unwrap();
    }
    shop.settle().await;
    assert_eq!(shop.status(order).await, "lost");
    shop.books_hold().await;
}
