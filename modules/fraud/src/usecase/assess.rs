//! Deciding about an attempt to pay, once for each key.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use kernel::ports::{Assessed, Attempt, Decision};
use kernel::{Currency, Timestamp};
use platform::sql::{Result, Tx};

use crate::Fraud;
use crate::domain::features::{CUSTOMER_SPAN, Features, NAMES, Past, features};
use crate::domain::rules::{Earlier, Place, Reason, Shared, strike};
use crate::domain::transaction::DAY;
use crate::domain::{nearest, real};
use crate::names::Names;
use crate::store::past::{self, PastAttempt};
use crate::store::{self, NewDecision, people};

/// Scores lie in tables as millionths.
const PPM: i64 = 1_000_000;

/// Decides about an attempt, or tells what was decided before. All that it knows of the past is read, and what
/// it decides is kept, in one unit of work, in which whoever decides about the same account, card or address
/// waits: of attempts that come at once each counts those before it.
pub async fn assess(fraud: &Fraud, attempt: &Attempt) -> Result<Assessed> {
    let mut names = Names::of(attempt, fraud.vault.as_ref());
    let mut tx = fraud.db.begin("fraud.assess").await?;
    past::hold(&mut tx, names.iter()).await?;
    names.account = people::account_of(&mut tx, names.account).await?;
    let now = tx.now();
    let past = past(&mut tx, &names, attempt.amount.currency(), now).await?;
    let told = told(attempt, now, &past);
    let score = fraud.model.score(&told);
    let (decision, reasons) = weigh(fraud, attempt, now, &past, score);
    let new = NewDecision {
        key: &attempt.key,
        order_id: attempt.order_id,
        names,
        amount: attempt.amount,
        decision,
        score_ppm: nearest(score * real(PPM)),
        model: &fraud.model.version,
        features: NAMES.into_iter().zip(told).collect::<BTreeMap<_, _>>(),
        reasons: &reasons,
    };
    let decided = store::keep(&mut tx, new).await?;
    // Who decided first may share this unit's group: only the commit makes it durable.
    tx.commit().await?;
    Ok(decided)
}

/// As much of the past as features and rules look at.
async fn past(
    tx: &mut Tx,
    names: &Names,
    currency: Currency,
    now: Timestamp,
) -> Result<Vec<PastAttempt>> {
    let (span, day) = (TimeDelta::seconds(CUSTOMER_SPAN), TimeDelta::seconds(DAY));
    past::find(tx, names, currency, now - span, now - day).await
}

/// The harshest of what the score and the rules ask for, and why.
fn weigh(
    fraud: &Fraud,
    attempt: &Attempt,
    now: Timestamp,
    past: &[PastAttempt],
    score: f64,
) -> (Decision, Vec<Reason>) {
    let earlier: Vec<Earlier> = past
        .iter()
        .flat_map(|one| {
            let (at, is_declined) = (one.at.timestamp(), one.is_declined);
            one.shared().map(move |of| Earlier { of, at, is_declined })
        })
        .collect();
    let payer = &attempt.payer;
    let country = payer.from.and_then(|from| fraud.countries.as_ref()?.of(from));
    let billed = payer.bills_to.as_ref().unwrap_or(&payer.ships_to);
    let place = Place {
        from: payer.from,
        country: country.as_deref(),
        to: [&billed.country, &payer.ships_to.country],
    };
    let mut struck = strike(now.timestamp(), &earlier, &place, &fraud.settings);
    let by_score = fraud.settings.thresholds.decide(score);
    if by_score > Decision::Allow {
        struck.push((by_score, Reason::Score));
    }
    let harshest = struck.iter().map(|(decision, _)| *decision).max();
    let reasons = struck.into_iter().map(|(_, reason)| reason).collect();
    (harshest.unwrap_or(Decision::Allow), reasons)
}

/// What the model is told: the account is the customer, and where the goods go is the terminal. Amounts of
/// other currencies say nothing of what is usual, and what was denied is no payment.
fn told(attempt: &Attempt, now: Timestamp, past: &[PastAttempt]) -> Features {
    let of = |shared: Shared, counts: &dyn Fn(&PastAttempt) -> bool| -> Vec<Past> {
        // They were read with the newest first.
        let mine = past.iter().rev().filter(|one| one.shares(shared));
        mine.filter(|one| !one.is_denied && counts(one))
            .map(|one| {
                let (at, cents) = (one.at.timestamp(), one.amount_minor.unwrap_or_default());
                Past { at, cents, is_fraud: one.is_fraud }
            })
            .collect()
    };
    let account = of(Shared::Account, &|one| one.amount_minor.is_some());
    let destination = of(Shared::Destination, &|_| true);
    features(now.timestamp(), attempt.amount.minor(), &account, &destination)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use kernel::Clock;
    use kernel::id::{CustomerId, DecisionId, OrderId};
    use kernel::ports::{Payer, Vault};
    use kernel::{Address, Money};
    use platform::audit::Actor;
    use platform::sql::Engine;
    use uuid::Uuid;

    use super::*;
    use crate::domain::replay::Replay;
    use crate::domain::simulator::{Simulation, simulate};
    use crate::domain::transaction::Transaction;
    use crate::store::{Verdict, Wanted};

    struct Plain;

    impl Vault for Plain {
        fn seal(&self, _: &[u8], _: &[u8]) -> Option<Vec<u8>> {
            None
        }

        fn unseal(&self, _: &[u8], _: &[u8]) -> Option<Vec<u8>> {
            None
        }

        fn name(&self, _: &[u8], value: &[u8]) -> [u8; 32] {
            let mut name = [0; 32];
            let kept = value.len().min(32);
            name[..kept].copy_from_slice(&value[..kept]);
            name
        }
    }

    fn attempt(made: &Transaction) -> Attempt {
        Attempt {
            key: made.id.to_string(),
            order_id: OrderId::new(),
            amount: Money::from_minor(made.cents, Currency::EUR),
            token: "tok".to_owned(),
            fingerprint: None,
            payer: Payer {
                customer_id: Uuid::from_u128(made.customer.into()).into(),
                email: None,
                from: None,
                ships_to: Address {
                    name: "Ada".to_owned(),
                    line1: made.terminal.to_string(),
                    line2: None,
                    city: String::new(),
                    region: None,
                    postal_code: None,
                    country: "DE".to_owned(),
                },
                bills_to: None,
            },
        }
    }

    /// A shop lives through history, and finds what the replay of history says, to the last bit.
    async fn lived_through(engine: Engine) {
        let few = Simulation { customers: 3, terminals: 2, days: 60, ..Simulation::default() };
        let mut history = simulate(&Simulation { radius: 150.0, ..few });
        history.dedup_by_key(|made| made.at);
        history.retain(|made| made.cents > 0);
        assert!(history.len() > 150 && history.iter().any(|made| made.is_fraud));
        let begin = chrono::DateTime::from_timestamp(history[0].at, 0).unwrap();
        let (clock, hand) = Clock::fixed(begin);
        let Some(db) = platform::testing::database(engine, &crate::SCHEMA, clock).await else {
            return;
        };
        let fraud = Fraud::for_tests(db.clone(), std::sync::Arc::new(Plain));
        let mut replay = Replay::default();
        for made in &history {
            hand.advance(TimeDelta::seconds(made.at - db.clock().now().timestamp()));
            let asked = attempt(made);
            let names = Names::of(&asked, fraud.vault.as_ref());
            let mut tx = db.begin("test").await.unwrap();
            let now = tx.now();
            let past = past(&mut tx, &names, Currency::EUR, now).await.unwrap();
            drop(tx);
            let found = super::told(&asked, now, &past);
            let expected = replay.features(made);
            assert_eq!(found.map(f64::to_bits), expected.map(f64::to_bits), "{}", made.id);
            let Assessed { decision, .. } = assess(&fraud, &asked).await.unwrap();
            if made.is_fraud {
                let decided =
                    store::list(&db, Wanted::Order(asked.order_id), None, 1).await.unwrap();
                let id = DecisionId::from(decided[0].id);
                let staff = Actor::person(CustomerId::new(), None);
                crate::usecase::judge::judge(&fraud, id, Verdict::Fraud, &staff).await.unwrap();
            }
            if decision != Decision::Deny {
                replay.keep(made);
            }
        }
        let learnt: HashMap<i64, bool> = fraud
            .history()
            .await
            .unwrap()
            .into_iter()
            .map(|made| (made.at, made.is_fraud))
            .collect();
        // What was denied is no history to learn from.
        let is_known = |made: &Transaction| {
            learnt.get(&made.at).is_none_or(|is_fraud| *is_fraud == made.is_fraud)
        };
        assert!(learnt.len() > 100 && history.iter().all(is_known));
    }

    #[tokio::test]
    async fn a_shop_on_sqlite_finds_what_the_replay_says() {
        lived_through(Engine::Sqlite).await;
    }

    #[tokio::test]
    async fn a_shop_on_postgres_finds_what_the_replay_says() {
        lived_through(Engine::Postgres).await;
    }
}
