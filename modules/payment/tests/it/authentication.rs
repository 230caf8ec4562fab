//! How the holder of a card is authenticated, or is not, and who bears a fraud then.

use std::sync::Arc;

use actix_web::test::TestRequest;
use async_trait::async_trait;
use kernel::id::{OrderId, PaymentId};
use kernel::ports::{
    Assessed, Attempt, Authorization, Authorize, Decision, Payments as _, Risk, Unavailable,
};
use payment::{Exemption, Payments};
use platform::sql::{Db, Sql};
use serde_json::json;
use tokio::task::JoinSet;

use crate::http::send;
use crate::risk::payer;
use crate::shop::{APPROVED, CHALLENGE, Failing, Shop, declined, open, open_with, settings};

platform::on_both_engines!(payment::SCHEMA =>
    who_authenticated_bears_the_fraud,
    what_must_be_authenticated_and_cannot_be_is_declined,
    low_values_are_counted_by_card_however_many_come_at_once,
    whoever_is_refused_an_exemption_authenticates,
    a_refused_exemption_survives_lost_answers,
    a_low_risk_is_one_that_somebody_knows,
);

const ATTEMPTED: &str = "4000000000003055";
const UNAVAILABLE: &str = "4000000000003097";
const NO_EXEMPTION: &str = "4000002500003155";

/// Says of every attempt what is to be done, and how likely it is fraud.
struct Says(Decision, Option<i64>);

#[async_trait]
impl Risk for Says {
    async fn assess(&self, _: &Attempt) -> Result<Assessed, Unavailable> {
        Ok(Assessed { decision: self.0, score_ppm: self.1 })
    }
}

/// A shop that asks for these exemptions.
pub async fn exempting(db: Db, ask_for: &[Exemption]) -> Shop {
    let mut settings = settings();
    settings.exemptions.ask_for = ask_for.to_vec();
    open_with(db, settings).await
}

async fn pay(payments: &Payments, request: Authorize) -> PaymentId {
    match payments.authorize(request).await.unwrap() {
        Authorization::Authorized(id) => id,
        waits @ Authorization::ActionRequired { .. } => panic!("{waits:?}"),
    }
}

impl Shop {
    /// How a payment was authenticated, and who bears a fraud.
    async fn says(&self, id: PaymentId) -> (String, String) {
        let shown = self.shown(id).await;
        let word = |of: &str| shown[of].as_str().unwrap().to_owned();
        (word("authentication"), word("liability"))
    }

    async fn buy(&self, minor: i64, number: &str) -> Authorize {
        self.ask(OrderId::new(), minor, number).await
    }

    /// The shopper says that it is them.
    async fn confirm(&self, answer: Authorization) -> PaymentId {
        let Authorization::ActionRequired { payment_id, .. } = answer else { panic!("{answer:?}") };
        let request = TestRequest::post()
            .uri(&format!("/v1/payments/{payment_id}/challenge"))
            .set_json(json!({"outcome": "approve"}));
        assert_eq!(send(self, None, request).await.0, 200);
        payment_id
    }
}

fn told(authentication: &str, liability: &str) -> (String, String) {
    (authentication.to_owned(), liability.to_owned())
}

async fn who_authenticated_bears_the_fraud(db: Db) {
    let shop = open(db).await;
    for (number, how, who) in [
        (APPROVED, "frictionless", "issuer"),
        (ATTEMPTED, "attempted", "issuer"),
        (UNAVAILABLE, "none", "merchant"),
        (NO_EXEMPTION, "frictionless", "issuer"),
    ] {
        let id = pay(&shop.payments, shop.buy(1_999, number).await).await;
        assert_eq!(shop.says(id).await, told(how, who), "{number}");
    }
    let request = shop.buy(1_999, CHALLENGE).await;
    let waits = shop.payments.authorize(request.clone()).await.unwrap();
    let Authorization::ActionRequired { payment_id, .. } = &waits else { panic!("{waits:?}") };
    assert_eq!(shop.says(*payment_id).await, told("none", "merchant"), "nobody has yet");
    let id = shop.confirm(waits).await;
    assert_eq!(shop.says(id).await, told("challenged", "issuer"));
    // It stays so, whatever is done with the payment.
    shop.deliver("payment.capture", "order.confirmed", request.order_id).await.unwrap();
    assert_eq!(shop.says(id).await, told("challenged", "issuer"));
    shop.books_hold().await;
}

async fn what_must_be_authenticated_and_cannot_be_is_declined(db: Db) {
    let shop = open(db).await;
    let payments = shop.payments.clone().scored(Arc::new(Says(Decision::Challenge, None)));
    let asked = Authorize { payer: Some(payer()), ..shop.buy(1_999, UNAVAILABLE).await };
    assert_eq!(declined(payments.authorize(asked).await), "authentication_unavailable");
    let asked = Authorize { payer: Some(payer()), ..shop.buy(1_999, ATTEMPTED).await };
    let id = pay(&payments, asked).await;
    assert_eq!(shop.says(id).await, told("attempted", "issuer"));
}

async fn low_values_are_counted_by_card_however_many_come_at_once(db: Db) {
    let shop = exempting(db, &[Exemption::LowValue]).await;
    // Five payments of 9.99, or three of 29.99: with a fourth it would be more than 100 euros.
    for (number, minor, most) in [(APPROVED, 999, 5), ("5555555555554444", 2_999, 3)] {
        let mut set = JoinSet::new();
        for _ in 0..10 {
            let (payments, asked) = (shop.payments.clone(), shop.buy(minor, number).await);
            set.spawn(async move { pay(&payments, asked).await });
        }
        let mut exempt = 0;
        for id in set.join_all().await {
            let says = shop.says(id).await;
            let is_exempt = says == told("exempt_low_value", "merchant");
            assert!(is_exempt || says == told("frictionless", "issuer"), "{says:?}");
            exempt += i32::from(is_exempt);
        }
        assert_eq!(exempt, most, "{number}");
    }
    // Whoever authenticates begins anew; another card, and what is too much, never did.
    let strict = shop.payments.clone().scored(Arc::new(Says(Decision::Challenge, None)));
    let asked = Authorize { payer: Some(payer()), ..shop.buy(999, APPROVED).await };
    let id = shop.confirm(strict.authorize(asked).await.unwrap()).await;
    assert_eq!(shop.says(id).await, told("challenged", "issuer"));
    for (number, minor, how) in [
        (APPROVED, 999, "exempt_low_value"),
        ("5555555555554444", 2_999, "frictionless"),
        (APPROVED, 3_001, "frictionless"),
    ] {
        let id = pay(&shop.payments, shop.buy(minor, number).await).await;
        assert_eq!(shop.says(id).await.0, how, "{number} {minor}");
    }
    shop.books_hold().await;
}

async fn whoever_is_refused_an_exemption_authenticates(db: Db) {
    let shop = exempting(db, &[Exemption::LowValue]).await;
    let request = shop.buy(1_999, NO_EXEMPTION).await;
    let waits = shop.payments.authorize(request.clone()).await.unwrap();
    assert_eq!(shop.payments.authorize(request.clone()).await.unwrap(), waits, "the same again");
    let id = shop.confirm(waits).await;
    assert_eq!(shop.says(id).await, told("challenged", "issuer"));
    assert_eq!(pay(&shop.payments, request).await, id);
    assert_eq!(shop.told(id).await, ["payment.action_required", "payment.authorized"]);
    assert_eq!(shop.charges().await.len(), 1);
    // A card that always asks is not asked twice.
    let id = shop.confirm(shop.payments.authorize(shop.buy(999, CHALLENGE).await).await.unwrap());
    assert_eq!(shop.says(id.await).await, told("challenged", "issuer"));
    shop.books_hold().await;
}

const AUTHORIZATIONS: Sql =
    Sql::new("select kind, state, challenge, exemption from payment_operation order by id");

async fn a_refused_exemption_survives_lost_answers(db: Db) {
    let shop = exempting(db, &[Exemption::LowValue]).await;
    let request = shop.buy(1_999, NO_EXEMPTION).await;
    let losing = shop.failing(Failing::AnswerLost);
    // The refusal is lost, and then the answer to what follows from it.
    for _ in 0..2 {
        assert!(losing.authorize(request.clone()).await.is_err());
    }
    shop.payments.resolve().await.unwrap();
    let waits = shop.payments.authorize(request).await.unwrap();
    let id = shop.confirm(waits).await;
    assert_eq!(shop.says(id).await, told("challenged", "issuer"));
    let made: Vec<(String, String, bool, Option<String>)> =
        shop.db.query(AUTHORIZATIONS).all().await.unwrap();
    let word = str::to_owned;
    assert_eq!(
        made,
        [
            (word("authorize"), word("failed"), false, Some(word("low_value"))),
            (word("authorize"), word("succeeded"), true, None),
            (word("approve"), word("succeeded"), false, None),
        ]
    );
    shop.books_hold().await;
}

async fn a_low_risk_is_one_that_somebody_knows(db: Db) {
    let shop = exempting(db, &[Exemption::LowRisk]).await;
    for (says, how) in [
        (Says(Decision::Allow, Some(20_000)), "exempt_low_risk"),
        (Says(Decision::Allow, Some(20_001)), "frictionless"),
        (Says(Decision::Allow, None), "frictionless"),
    ] {
        let payments = shop.payments.clone().scored(Arc::new(says));
        let asked = Authorize { payer: Some(payer()), ..shop.buy(20_000, APPROVED).await };
        let id = pay(&payments, asked).await;
        assert_eq!(shop.says(id).await.0, how);
    }
    let strict = shop.payments.clone().scored(Arc::new(Says(Decision::Challenge, Some(1))));
    let asked = Authorize { payer: Some(payer()), ..shop.buy(20_000, APPROVED).await };
    let id = shop.confirm(strict.authorize(asked).await.unwrap()).await;
    assert_eq!(shop.says(id).await.0, "challenged", "a rule that asks for it comes first");
}
