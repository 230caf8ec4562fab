use kernel::Money;
use kernel::events::PaymentFailed;
use kernel::id::{CustomerId, OrderId, PaymentId};
use kernel::ports::{Attempt, Decision, Risk as _};
use platform::sql::{Db, Sql};
use tokio::task::JoinSet;

use crate::world::{attempt, hear, open, settings};

platform::on_both_engines!(fraud::SCHEMA =>
    a_key_is_decided_about_once,
    of_attempts_at_once_each_counts_those_before,
    a_card_that_is_tried_by_many_is_seen,
    a_proxy_is_refused,
    nobody_is_named_in_the_tables,
    a_long_past_is_counted_to_a_bound,
    a_card_is_counted_behind_whatever_token,
    old_decisions_are_deleted_in_batches,
);

const ALL: Sql = Sql::new("select count(*) from decision");

async fn rows(db: &Db) -> i64 {
    db.query(ALL).one::<(i64,)>().await.unwrap().0
}

async fn a_key_is_decided_about_once(db: Db) {
    let fraud = open(&db, settings());
    let mut set = JoinSet::new();
    let asked = attempt("a", CustomerId::new(), 1_999);
    for _ in 0..20 {
        let (fraud, asked) = (fraud.clone(), asked.clone());
        set.spawn(async move { fraud.assess(&asked).await.unwrap().decision });
    }
    let decided = set.join_all().await;
    assert_eq!(decided, [Decision::Allow; 20]);
    assert_eq!(rows(&db).await, 1);
    // What is decided stays so, whatever the rules say by now.
    let mut strict = settings();
    strict.proxies = vec!["0.0.0.0/0".parse().unwrap()];
    let strict = open(&db, strict);
    assert_eq!(strict.assess(&asked).await.unwrap().decision, Decision::Allow);
    let other = Attempt { key: "b".to_owned(), ..asked };
    assert_eq!(strict.assess(&other).await.unwrap().decision, Decision::Deny);
}

async fn of_attempts_at_once_each_counts_those_before(db: Db) {
    let fraud = open(&db, settings());
    let (ada, eve) = (CustomerId::new(), CustomerId::new());
    let mut set = JoinSet::new();
    for number in 0..20 {
        for (name, who) in [("ada", ada), ("eve", eve)] {
            let fraud = fraud.clone();
            let asked = attempt(&format!("{name}{number}"), who, 1_999);
            set.spawn(async move { (who, fraud.assess(&asked).await.unwrap().decision) });
        }
    }
    let decided = set.join_all().await;
    for who in [ada, eve] {
        let of = |decision| decided.iter().filter(|one| **one == (who, decision)).count();
        assert_eq!((of(Decision::Allow), of(Decision::Challenge)), (5, 15));
    }
}

/// Tells the module that the processor refused an order's payment.
async fn refuse(fraud: &fraud::Fraud, order: OrderId) {
    let event = PaymentFailed {
        payment_id: PaymentId::new(),
        order_id: order,
        change_id: None,
        amount: Money::from_minor(1, kernel::Currency::EUR),
        reason: Some("card_declined".to_owned()),
        charge: None,
        by_staff: false,
    };
    hear(fraud, "fraud.outcomes", &event).await;
}

async fn a_card_that_is_tried_by_many_is_seen(db: Db) {
    let fraud = open(&db, settings());
    for number in 0..3 {
        let tried = attempt(&format!("{number}"), CustomerId::new(), 100);
        assert_eq!(fraud.assess(&tried).await.unwrap().decision, Decision::Allow);
        refuse(&fraud, tried.order_id).await;
    }
    let next = attempt("next", CustomerId::new(), 100);
    assert_eq!(fraud.assess(&next).await.unwrap().decision, Decision::Review);
    let mut other = attempt("other", CustomerId::new(), 100);
    other.token = "tok_another".to_owned();
    other.payer.from = "192.0.2.1".parse().ok();
    assert_eq!(fraud.assess(&other).await.unwrap().decision, Decision::Allow);
}

async fn a_proxy_is_refused(db: Db) {
    let fraud = open(&db, settings());
    let mut asked = attempt("a", CustomerId::new(), 100);
    asked.payer.from = "198.51.100.9".parse().ok();
    assert_eq!(fraud.assess(&asked).await.unwrap().decision, Decision::Deny);
}

async fn nobody_is_named_in_the_tables(db: Db) {
    const WHOLE: Sql = Sql::split(
        "select json_array(attempt_key, hex(card), hex(destination), hex(email), hex(network), features,
                           reasons, model) || hex(card) || hex(email) from decision",
        "select d::text from decision d",
    );
    let fraud = open(&db, settings());
    fraud.assess(&attempt("a", CustomerId::new(), 100)).await.unwrap();
    let (whole,) = db.query(WHOLE).one::<(String,)>().await.unwrap();
    assert!(whole.contains("terminal_risk_7d"), "{whole}");
    for personal in ["ada", "lovelace", "linden", "10117", "203.0.113", "tok_secret", "Berlin"] {
        let hex: Vec<String> = personal.bytes().map(|byte| format!("{byte:02x}")).collect();
        let (whole, hex) = (whole.to_lowercase(), hex.concat());
        assert!(!whole.contains(&personal.to_lowercase()), "{personal} in {whole}");
        assert!(!whole.contains(&hex), "{personal} in {whole}");
    }
}

async fn a_long_past_is_counted_to_a_bound(db: Db) {
    let mut limits = settings();
    limits.velocity.account.minute = 0;
    limits.velocity.account.day = 256;
    let fraud = open(&db, limits);
    let ada = CustomerId::new();
    for number in 0..256 {
        let asked = attempt(&format!("{number}"), ada, 1_000 + number);
        assert_eq!(fraud.assess(&asked).await.unwrap().decision, Decision::Allow, "{number}");
    }
    for key in ["a", "b"] {
        let asked = attempt(key, ada, 1_000);
        assert_eq!(fraud.assess(&asked).await.unwrap().decision, Decision::Challenge);
    }
}

async fn a_card_is_counted_behind_whatever_token(db: Db) {
    let mut limits = settings();
    limits.velocity.card.minute = 2;
    let fraud = open(&db, limits);
    let tried = |key: &str, fingerprint: Option<&str>| Attempt {
        token: format!("tok_{key}"),
        fingerprint: fingerprint.map(str::to_owned),
        ..attempt(key, CustomerId::new(), 100)
    };
    let mut decided = Vec::new();
    for key in ["a", "b", "c"] {
        decided.push(fraud.assess(&tried(key, Some("fp_stolen"))).await.unwrap().decision);
    }
    assert_eq!(decided, [Decision::Allow, Decision::Allow, Decision::Challenge]);
    // Another card, and one that nobody can tell again, have a count of their own.
    for (key, fingerprint) in [("d", Some("fp_other")), ("e", None)] {
        let decision = fraud.assess(&tried(key, fingerprint)).await.unwrap().decision;
        assert_eq!(decision, Decision::Allow);
    }
}

const AGE: Sql = Sql::new("update decision set at = $1 where attempt_key <> 'young'");

async fn old_decisions_are_deleted_in_batches(db: Db) {
    let fraud = open(&db, settings());
    for number in 0..501 {
        fraud.assess(&attempt(&number.to_string(), CustomerId::new(), 100)).await.unwrap();
    }
    fraud.assess(&attempt("young", CustomerId::new(), 100)).await.unwrap();
    assert!(!fraud.trim().await.unwrap());
    assert_eq!(rows(&db).await, 502, "a year has not passed");
    let mut tx = db.begin("age").await.unwrap();
    let then = tx.now() - chrono::TimeDelta::days(366);
    tx.query(AGE).bind(then).execute().await.unwrap();
    tx.commit().await.unwrap();
    assert!(fraud.trim().await.unwrap(), "there is more to do at once");
    assert_eq!(rows(&db).await, 2);
    assert!(!fraud.trim().await.unwrap());
    assert_eq!(rows(&db).await, 1);
}
