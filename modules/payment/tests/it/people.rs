//! What is kept about whoever pays, and what is left of it when they are erased.

use std::sync::Arc;

use actix_web::test::TestRequest;
use kernel::events::{CustomerErased, GuestMerged};
use kernel::id::{CustomerId, OrderId, PaymentId};
use kernel::ports::{Authorization, Authorize, Payer, Payments as _, PersonalRecords as _, Role};
use kernel::{Clock, Event};
use payment::Exemption;
use platform::bus::Handler;
use platform::personal::ERASED;
use platform::sql::{Db, Sql};
use platform::testing::{TestKeys, database_under, told};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::authentication::exempting;
use crate::disputes::DISPUTED;
use crate::http::{parsed, refund, send};
use crate::risk::payer;
use crate::secrets::dump;
use crate::shop::{APPROVED, Failing, Shop, open};

platform::on_both_engines!(payment::SCHEMA =>
    what_is_kept_about_a_person_is_sealed_and_shown_as_before,
    a_card_whose_key_was_destroyed_is_shown_no_more,
    of_whoever_is_erased_nothing_but_the_books_is_left,
    what_a_guest_paid_belongs_to_the_account_they_log_in_to,
    a_login_that_is_heard_of_after_the_erasure_leaves_nothing,
    whoever_was_erased_can_still_be_paid_back,
    what_tells_a_card_again_goes_with_its_holder,
    evidence_that_was_erased_is_sent_to_nobody,
);

const DECLINED: &str = "4000000000000002";
const OTHER: &str = "5555555555554444";
const EVIDENCE: &str = "Delivered to Ada Lovelace in person";
const PLAIN: Sql = Sql::new(
    "select count(*) from payment
      where card_brand is not null or card_last4 is not null or card_sealed is null",
);

/// By payment: its card, what tells it again, and why it was declined.
const TOLD_BY: Sql = Sql::new(
    "select token, fingerprint, decline_code, decline_detail from payment where customer_id = $1 order by id",
);
const EXEMPTED: Sql = Sql::new("select card from exempted");

const ANSWERED: Sql = Sql::new("select scope from idempotency order by scope");

impl Shop {
    /// What somebody asks for who pays.
    async fn asked_by(&self, customer: CustomerId, minor: i64, number: &str) -> Authorize {
        let payer = Some(Payer { customer_id: customer, ..payer() });
        Authorize { payer, ..self.ask(OrderId::new(), minor, number).await }
    }

    /// A payment of somebody, whose amount is taken.
    async fn paid_by(&self, customer: CustomerId, number: &str) -> PaymentId {
        let request = self.asked_by(customer, 10_000, number).await;
        let order = request.order_id;
        let answer = self.payments.authorize(request).await.unwrap();
        let Authorization::Authorized(id) = answer else { panic!("{answer:?}") };
        self.deliver("payment.capture", "order.confirmed", order).await.unwrap();
        while self.sandbox.tick().await.unwrap() {}
        id
    }

    /// A payment of somebody that is disputed, with all that is said of it.
    async fn disputed_by(&self, customer: CustomerId) -> PaymentId {
        let id = self.paid_by(customer, DISPUTED).await;
        self.hears("event", "dispute.opened", id).await;
        self.payments.hear().await.unwrap();
        let (status, body) = self.say(id, "dispute/evidence", json!({"text": EVIDENCE})).await;
        assert_eq!((status, &body["card"]["last4"]), (200, &json!("0259")), "{body}");
        id
    }

    async fn people_hear<E: Event>(&self, event: &E) {
        let all = self.payments.subscriptions();
        let found = all.into_iter().find(|found| found.name == "payment.people").unwrap();
        let Handler::Reaction(reaction) = found.handler else { panic!("no reaction") };
        let mut tx = self.db.begin("hear").await.unwrap();
        reaction.apply(&mut tx, &told(event, self.db.clock().now())).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn listed(&self) -> Vec<Value> {
        let list = TestRequest::get().uri("/v1/admin/payments");
        let (status, body) = send(self, Some(Role::Staff), list).await;
        assert_eq!(status, 200, "{body}");
        parsed(&body)["items"].as_array().unwrap().clone()
    }

    /// What still tells which cards somebody paid with: tokens, and all else.
    async fn cards_of(&self, customer: CustomerId) -> (Vec<String>, Vec<String>) {
        type Row = (String, Option<String>, Option<String>, Option<String>);
        let rows: Vec<Row> = self.db.query(TOLD_BY).bind(customer.uuid()).all().await.unwrap();
        let (mut tokens, mut others) = (Vec::new(), Vec::new());
        for (token, fingerprint, code, detail) in rows {
            tokens.push(token);
            others.extend([fingerprint, code, detail].into_iter().flatten());
        }
        (tokens, others)
    }

    async fn exempted(&self) -> Vec<String> {
        let cards: Vec<(String,)> = self.db.query(EXEMPTED).all().await.unwrap();
        cards.into_iter().map(|(card,)| card).collect()
    }

    /// Whether answers to commands about these payments are stored, and no others.
    async fn is_answered(&self, payments: &[PaymentId]) -> bool {
        let kept: Vec<(String,)> = self.db.query(ANSWERED).all().await.unwrap();
        let about = |scope: &str, id: &PaymentId| scope.contains(&id.to_string());
        kept.len() == payments.len()
            && kept.iter().zip(payments).all(|((scope,), id)| about(scope, id))
    }

    async fn is_plain(&self) -> bool {
        self.db.query(PLAIN).one::<(i64,)>().await.unwrap().0 > 0
    }
}

/// A shop of the same engine whose keys the test has in hand.
async fn with_keys(db: &Db) -> (Shop, Arc<TestKeys>) {
    let keys = Arc::new(TestKeys::default());
    let db = database_under(keys.clone(), db.engine(), &payment::SCHEMA, Clock::system());
    (open(db.await.unwrap()).await, keys)
}

fn erased(customer_id: CustomerId) -> CustomerErased {
    CustomerErased { customer_id, with_records: false }
}

async fn what_is_kept_about_a_person_is_sealed_and_shown_as_before(db: Db) {
    let shop = open(db).await;
    let ada = CustomerId::new();
    let id = shop.disputed_by(ada).await;
    let kept = dump(&shop.db).await;
    assert!(kept.contains("dispute.opened") && kept.contains("dispute_evidence"), "{kept}");
    for plain in ["visa", "\"0259\"", "Lovelace", "2026-01-01T00:00:00Z"] {
        assert!(!kept.contains(plain), "{plain}: {kept}");
    }
    assert!(!shop.is_plain().await);

    let card = json!({"brand": "visa", "last4": "0259"});
    let shown = shop.shown(id).await;
    assert_eq!((&shown["card"], &shown["dispute"]["evidence"]), (&card, &json!(EVIDENCE)));
    assert_eq!(shop.listed().await[0]["card"], card);
    let again = shop.say(id, "dispute/evidence", json!({"text": EVIDENCE})).await;
    assert_eq!((again.0, &again.1["card"]), (200, &card), "the stored answer");
    let records = shop.payments.records(ada).await.unwrap();
    assert_eq!((&records[0]["id"], &records[0]["card"]), (&json!(id), &card));
    assert_eq!(shop.payments.records(CustomerId::new()).await.unwrap(), json!([]));
    shop.books_hold().await;
    // What nobody can be asked the key of is kept as it ever was.
    shop.captured(1_000).await;
    assert!(shop.is_plain().await && dump(&shop.db).await.contains("visa"));
    assert_eq!(shop.listed().await[0]["card"]["last4"], "4242");
}

async fn a_card_whose_key_was_destroyed_is_shown_no_more(db: Db) {
    let (shop, keys) = with_keys(&db).await;
    let ada = CustomerId::new();
    let id = shop.disputed_by(ada).await;
    let other = shop.paid_by(CustomerId::new(), APPROVED).await;
    keys.destroy(ada);
    let shown = shop.shown(id).await;
    let kept = (&shown["card"], &shown["dispute"]["evidence"]);
    assert_eq!(kept, (&Value::Null, &json!(EVIDENCE)), "the law wants the second kept");
    assert_eq!(shown["captured"]["amount"], "100.00");
    let again = shop.say(id, "dispute/evidence", json!({"text": EVIDENCE})).await;
    assert_eq!(again.1["code"], "erased", "what was answered then nobody reads any more");
    let listed = shop.listed().await;
    assert_eq!((&listed[0]["id"], &listed[0]["card"]["last4"]), (&json!(other), &json!("4242")));
    assert_eq!((&listed[1]["id"], &listed[1]["card"]), (&json!(id), &Value::Null));
    let records = shop.payments.records(ada).await.unwrap();
    assert_eq!((&records[0]["id"], &records[0]["card"]), (&json!(id), &Value::Null));
    shop.books_hold().await;
}

async fn of_whoever_is_erased_nothing_but_the_books_is_left(db: Db) {
    let shop = open(db).await;
    let (ada, bob) = (CustomerId::new(), CustomerId::new());
    let theirs = shop.disputed_by(ada).await;
    let others = shop.paid_by(bob, APPROVED).await;
    let (status, _) = send(&shop, Some(Role::Staff), refund(others, "kept", "1.00")).await;
    assert_eq!(status, 200);
    assert_eq!(shop.payments.in_the_way(ada).await.unwrap(), [theirs]);
    assert_eq!(shop.payments.in_the_way(bob).await.unwrap(), []);
    shop.people_hear(&erased(ada)).await;

    assert!(shop.is_answered(&[others]).await, "the answer that showed the card is gone");
    let shown = shop.shown(theirs).await;
    assert_eq!((&shown["card"], &shown["dispute"]["evidence"]), (&Value::Null, &json!(EVIDENCE)));
    assert_eq!(shown["captured"]["amount"], "100.00");
    assert_eq!(shop.shown(others).await["card"]["last4"], "4242");
    shop.people_hear(&CustomerErased { customer_id: ada, with_records: true }).await;
    assert_eq!(shop.shown(theirs).await["dispute"]["evidence"], Value::Null);
    shop.books_hold().await;

    // Whoever asked is answered nothing more of what they were answered, once they are erased.
    shop.people_hear(&erased(CustomerId::from(Uuid::from_u128(6)))).await;
    shop.people_hear(&erased(CustomerId::from(Uuid::from_u128(8)))).await;
    assert!(shop.is_answered(&[others]).await, "they asked for nothing");
    shop.people_hear(&erased(CustomerId::from(Uuid::from_u128(7)))).await;
    assert!(shop.is_answered(&[]).await);
}

async fn what_a_guest_paid_belongs_to_the_account_they_log_in_to(db: Db) {
    let shop = open(db).await;
    let (guest_id, ada) = (CustomerId::new(), CustomerId::new());
    let id = shop.paid_by(guest_id, APPROVED).await;
    shop.people_hear(&GuestMerged { guest_id, customer_id: ada }).await;
    // Their order was placed before they logged in, and is paid after.
    let late = shop.paid_by(guest_id, APPROVED).await;
    let records = shop.payments.records(ada).await.unwrap();
    assert_eq!((&records[0]["id"], &records[0]["card"]["last4"]), (&json!(id), &json!("4242")));
    assert_eq!((&records[1]["id"], &records[1]["card"]["last4"]), (&json!(late), &json!("4242")));
    assert_eq!(shop.payments.records(guest_id).await.unwrap(), json!([]));
    // One that was begun in the very moment is still the guest's.
    let mut tx = shop.db.begin("test.begun").await.unwrap();
    let begun = Sql::new("update payment set customer_id = $1 where id = $2");
    tx.query(begun).bind(guest_id.uuid()).bind(late.uuid()).execute().await.unwrap();
    tx.commit().await.unwrap();
    shop.people_hear(&erased(ada)).await;
    assert_eq!(shop.shown(id).await["card"], Value::Null);
    assert_eq!(shop.cards_of(ada).await, (vec![ERASED.to_owned(); 2], vec![]));
}

async fn a_login_that_is_heard_of_after_the_erasure_leaves_nothing(db: Db) {
    let (shop, keys) = with_keys(&db).await;
    let (guest_id, ada) = (CustomerId::new(), CustomerId::new());
    shop.paid_by(guest_id, APPROVED).await;
    keys.destroy(ada);
    shop.people_hear(&erased(ada)).await;
    shop.people_hear(&GuestMerged { guest_id, customer_id: ada }).await;
    assert_eq!(shop.cards_of(ada).await, (vec![ERASED.to_owned()], vec![]));
    shop.books_hold().await;
}

async fn whoever_was_erased_can_still_be_paid_back(db: Db) {
    let (shop, keys) = with_keys(&db).await;
    let ada = CustomerId::new();
    let id = shop.paid_by(ada, APPROVED).await;
    keys.destroy(ada);
    shop.people_hear(&erased(ada)).await;
    let (status, body) = send(&shop, Some(Role::Staff), refund(id, "back", "100.00")).await;
    assert_eq!((status.as_u16(), &parsed(&body)["status"]), (200, &json!("refunded")));
    assert_eq!(parsed(&body)["card"], Value::Null);
    // What is still under way of them is done, and nothing of the card is kept.
    let late = shop.paid_by(ada, APPROVED).await;
    assert_eq!(shop.shown(late).await["card"], Value::Null);
    assert!(!dump(&shop.db).await.contains("visa"));
    assert_eq!(shop.cards_of(ada).await, (vec![ERASED.to_owned(); 2], vec![]));
    shop.books_hold().await;
}

async fn what_tells_a_card_again_goes_with_its_holder(db: Db) {
    let shop = exempting(db, &[Exemption::LowValue]).await;
    let (ada, bob) = (CustomerId::new(), CustomerId::new());
    for (who, minor, number) in
        [(ada, 999, APPROVED), (ada, 5_000, DECLINED), (bob, 999, OTHER), (bob, 5_000, DECLINED)]
    {
        drop(shop.payments.authorize(shop.asked_by(who, minor, number).await).await);
    }
    // The processor has this one, and its answer never came.
    let open = shop.asked_by(ada, 5_000, APPROVED).await;
    let dying = shop.failing(Failing::HangsAfter);
    shop.dies_in_call(dying.authorize(open.clone())).await;
    let before = shop.cards_of(bob).await;
    assert_eq!(before.1.len(), 4, "{before:?}");
    let (tokens, others) = shop.cards_of(ada).await;
    assert_eq!((tokens.len(), others.len(), shop.exempted().await.len()), (3, 5, 2));

    shop.people_hear(&erased(ada)).await;
    let gone = || ERASED.to_owned();
    assert_eq!(shop.cards_of(ada).await, (vec![gone(), gone(), open.token.clone()], vec![]));
    assert_eq!(shop.exempted().await.len(), 1);
    // It ends with a key that is still at hand where another process destroyed it.
    shop.settle().await;
    assert_eq!(shop.cards_of(ada).await, (vec![gone(), gone(), gone()], vec![]));
    assert_eq!(shop.cards_of(bob).await, before, "somebody else's stay");
    shop.books_hold().await;
}

async fn evidence_that_was_erased_is_sent_to_nobody(db: Db) {
    let shop = open(db).await;
    let ada = CustomerId::new();
    let id = shop.paid_by(ada, DISPUTED).await;
    shop.resolve(id).await;
    let dying = shop.with(Failing::HangsBefore);
    let body = json!({"text": "winning_evidence"});
    shop.dies_in_call(dying.say(id, "dispute/evidence", body.clone())).await;
    shop.people_hear(&CustomerErased { customer_id: ada, with_records: true }).await;
    shop.settle().await;
    let (status, answer) = shop.say(id, "dispute/evidence", body).await;
    assert_eq!(status, 409, "{answer}");
    assert!(answer["detail"].as_str().unwrap().contains("erased"), "{answer}");
    let shown = shop.shown(id).await;
    assert_eq!(
        (&shown["status"], &shown["dispute"]["state"]),
        (&json!("disputed"), &json!("needs_response"))
    );
    shop.books_hold().await;
}
