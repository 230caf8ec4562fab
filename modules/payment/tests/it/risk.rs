use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use kernel::Address;
use kernel::id::{CustomerId, OrderId};
use kernel::ports::{
    Assessed, Attempt, Authorization, Authorize, ChargeMore, Decision, Payer, Payments as _, Risk,
    Unavailable,
};
use platform::sql::Db;

use crate::shop::{APPROVED, Failing, Shop, declined, open};

platform::on_both_engines!(payment::SCHEMA =>
    what_is_denied_never_reaches_the_processor,
    whoever_is_challenged_has_to_authenticate,
    a_lost_challenge_is_asked_for_again,
    where_nobody_can_say_the_shopper_authenticates,
    what_a_change_costs_is_decided_about_too,
    the_card_is_told_again_behind_another_token,
);

/// Says the same of every attempt, or nothing.
struct Says(Option<Decision>);

#[async_trait]
impl Risk for Says {
    async fn assess(&self, _: &Attempt) -> Result<Assessed, Unavailable> {
        let nothing = || Unavailable::new("the test's risk", "it says nothing");
        Ok(Assessed { decision: self.0.ok_or_else(nothing)?, score_ppm: None })
    }
}

pub fn payer() -> Payer {
    Payer {
        customer_id: CustomerId::new(),
        email: None,
        from: None,
        ships_to: Address {
            name: "Ada".to_owned(),
            line1: "Unter den Linden 1".to_owned(),
            line2: None,
            city: "Berlin".to_owned(),
            region: None,
            postal_code: None,
            country: "DE".to_owned(),
        },
        bills_to: None,
    }
}

async fn asked(shop: &Shop) -> Authorize {
    let request = shop.ask(OrderId::new(), 1_999, APPROVED).await;
    Authorize { payer: Some(payer()), ..request }
}

fn is_challenged(answer: &Authorization) -> bool {
    matches!(answer, Authorization::ActionRequired { .. })
}

async fn what_is_denied_never_reaches_the_processor(db: Db) {
    let shop = open(db).await;
    let payments = shop.payments.clone().scored(Arc::new(Says(Some(Decision::Deny))));
    let request = asked(&shop).await;
    assert_eq!(declined(payments.authorize(request.clone()).await), "fraud_suspected");
    assert!(shop.charges().await.is_empty());
    assert!(shop.payments.of_orders(&[request.order_id]).await.unwrap().is_empty());
    shop.books_hold().await;
}

async fn whoever_is_challenged_has_to_authenticate(db: Db) {
    let shop = open(db).await;
    // What is harsher asks for no less.
    for decision in [Decision::Challenge, Decision::Review] {
        let payments = shop.payments.clone().scored(Arc::new(Says(Some(decision))));
        let request = asked(&shop).await;
        let answer = payments.authorize(request.clone()).await.unwrap();
        assert!(is_challenged(&answer), "{decision:?}: {answer:?}");
        assert_eq!(payments.authorize(request).await.unwrap(), answer);
    }
    let payments = shop.payments.clone().scored(Arc::new(Says(Some(Decision::Allow))));
    let answer = payments.authorize(asked(&shop).await).await.unwrap();
    assert!(matches!(answer, Authorization::Authorized(_)), "{answer:?}");
    shop.books_hold().await;
}

/// Whoever repeats the call knows nothing of the decision but what was written down.
async fn a_lost_challenge_is_asked_for_again(db: Db) {
    let shop = open(db).await;
    let risk = Arc::new(Says(Some(Decision::Challenge)));
    let request = asked(&shop).await;
    let cut_off = shop.failing(Failing::Unreachable).scored(risk);
    assert!(cut_off.authorize(request.clone()).await.is_err());
    let answer = shop.payments.authorize(request).await.unwrap();
    assert!(is_challenged(&answer), "{answer:?}");
}

async fn where_nobody_can_say_the_shopper_authenticates(db: Db) {
    let shop = open(db).await;
    let payments = shop.payments.clone().scored(Arc::new(Says(None)));
    let answer = payments.authorize(asked(&shop).await).await.unwrap();
    assert!(is_challenged(&answer), "{answer:?}");
}

async fn what_a_change_costs_is_decided_about_too(db: Db) {
    let shop = open(db).await;
    let (order, _) = shop.captured(4_000).await;
    let dearer = ChargeMore { payer: Some(payer()), ..shop.more(order, 700, APPROVED).await };
    let refusing = shop.payments.clone().scored(Arc::new(Says(Some(Decision::Deny))));
    assert_eq!(declined(refusing.charge(dearer.clone()).await), "fraud_suspected");
    let asking = shop.payments.clone().scored(Arc::new(Says(Some(Decision::Challenge))));
    assert!(is_challenged(&asking.charge(dearer).await.unwrap()));
}

/// Keeps what it was told of cards.
#[derive(Default)]
struct Hears(Mutex<Vec<(String, Option<String>)>>);

#[async_trait]
impl Risk for Hears {
    async fn assess(&self, attempt: &Attempt) -> Result<Assessed, Unavailable> {
        let told = (attempt.token.clone(), attempt.fingerprint.clone());
        self.0.lock().unwrap().push(told);
        Ok(Assessed { decision: Decision::Allow, score_ppm: None })
    }
}

async fn the_card_is_told_again_behind_another_token(db: Db) {
    let shop = open(db).await;
    let hears = Arc::new(Hears::default());
    let payments = shop.payments.clone().scored(hears.clone());
    for _ in 0..2 {
        payments.authorize(asked(&shop).await).await.unwrap();
    }
    let heard = hears.0.lock().unwrap().clone();
    assert!(heard[0].1.is_some() && heard[0].1 == heard[1].1, "{heard:?}");
    assert_ne!(heard[0].0, heard[1].0);
}
