//! A shop of which only fraud is there.

use std::sync::Arc;

use fraud::{Fraud, Limits, Rules, Settings, Thresholds, Velocity};
use kernel::id::{CustomerId, OrderId};
use kernel::ports::{Attempt, Decision, Payer, Vault};
use kernel::{Address, Currency, Event, Money};
use platform::bus::Handler;
use platform::sql::Db;
use platform::testing::told;

/// Names are the values turned around: nobody sees the value in them, and a test knows them.
struct Turned;

impl Vault for Turned {
    fn seal(&self, _: &[u8], _: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn unseal(&self, _: &[u8], _: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn name(&self, purpose: &[u8], value: &[u8]) -> [u8; 32] {
        let mut name = [0; 32];
        for (place, byte) in (0..).zip(purpose.iter().chain(value)) {
            let at: usize = place % 16;
            name[at] = u8::rotate_left(name[at], 3) ^ !byte;
        }
        name
    }
}

pub fn settings() -> Settings {
    let none = Limits { minute: 0, hour: 0, day: 0 };
    Settings {
        enabled: true,
        wait_ms: 60_000,
        keep_days: 365,
        trim_every_ms: 60_000,
        model: "".into(),
        countries: "".into(),
        thresholds: Thresholds { challenge: 0.5, review: 0.8, deny: 0.95 },
        rules: Rules {
            velocity: Decision::Challenge,
            declines: Decision::Review,
            declines_max: 2,
            country: Decision::Challenge,
            proxy: Decision::Deny,
        },
        velocity: Velocity {
            account: Limits { minute: 5, hour: 0, day: 0 },
            card: none,
            destination: none,
            email: none,
            network: none,
        },
        proxies: vec!["198.51.100.0/24".parse().unwrap()],
    }
}

pub fn open(db: &Db, settings: Settings) -> Fraud {
    Fraud::open(db.clone(), settings, Arc::new(Turned)).unwrap()
}

pub fn attempt(key: &str, customer: CustomerId, minor: i64) -> Attempt {
    Attempt {
        key: key.to_owned(),
        order_id: OrderId::new(),
        amount: Money::from_minor(minor, Currency::EUR),
        token: "tok_secret_card".to_owned(),
        fingerprint: None,
        payer: Payer {
            customer_id: customer,
            email: Some("ada@lovelace.example".to_owned()),
            from: "203.0.113.77".parse().ok(),
            ships_to: Address {
                name: "Ada Lovelace".to_owned(),
                line1: "Unter den Linden 1".to_owned(),
                line2: None,
                city: "Berlin".to_owned(),
                region: None,
                postal_code: Some("10117".to_owned()),
                country: "DE".to_owned(),
            },
            bills_to: None,
        },
    }
}

/// Lets one of the module's subscriptions hear of an event.
pub async fn hear<E: Event>(fraud: &Fraud, subscription: &str, event: &E) {
    let all = fraud.subscriptions();
    let found = all.into_iter().find(|found| found.name == subscription).unwrap();
    let Handler::Reaction(reaction) = &found.handler else { panic!("no reaction") };
    let mut tx = found.db.begin("hear").await.unwrap();
    let event = told(event, tx.now());
    reaction.apply(&mut tx, &event).await.unwrap();
    tx.commit().await.unwrap();
}
