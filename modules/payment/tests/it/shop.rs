//! Payments with a sandbox of their own, and processors that fail.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use kernel::card::Card;
use kernel::id::{OrderId, PaymentId};
use kernel::ports::{
    Authorization, Authorize, CardAcceptor as _, PaymentError, Payments as _, SettledLine,
    SettlementError, Unavailable,
};
use kernel::{Clock, Currency, Envelope, Money, Timestamp};
use payment::sandbox::Terms;
use payment::{
    Answer, CaptureAt, Charge, Disputed, Exemptions, LowRisk, LowValue, NewCharge, News, NoNews,
    Outcome, PaymentRow, Payments, Processor, ProcessorName, SANDBOX_SCHEMA, Sandbox, Settings,
};
use platform::sql::Db;
use platform::webhook::Signed;

pub const APPROVED: &str = "4242424242424242";
pub const CHALLENGE: &str = "4000002760003184";

pub struct Shop {
    pub payments: Payments,
    pub sandbox: Arc<Sandbox>,
    pub db: Db,
    pub books: Db,
}

pub fn settings() -> Settings {
    Settings {
        capture: CaptureAt::Confirmed,
        challenge_wait_s: 600,
        processor_wait_ms: 60_000,
        resolve_every_ms: 50,
        resolve_after_ms: 0,
        capture_tries_max: 3,
        capture_retry_ms: 0,
        expiring_h: 48,
        unordered_min: 15,
        webhook_poll_ms: 50,
        processor: ProcessorName::Sandbox,
        stripe: crate::stripe::settings("http://127.0.0.1:1"),
        exemptions: Exemptions {
            ask_for: vec![],
            low_value: LowValue {
                payment_max: euros(3_000),
                sum_max: euros(10_000),
                payments_max: 5,
            },
            low_risk: LowRisk { payment_max: euros(25_000), score_max_ppm: 20_000 },
        },
        sandbox: payment::sandbox::Settings {
            latency_ms: 0,
            authorized_s: 604_800,
            dispute_after_ms: 0,
            respond_s: 3_600,
            webhook_url: String::new(),
            poll_ms: 50,
            late_ms: 50,
            faults: vec![],
        },
    }
}

pub async fn open(db: Db) -> Shop {
    open_with(db, settings()).await
}

pub async fn open_with(db: Db, settings: Settings) -> Shop {
    let books = platform::testing::database(db.engine(), &SANDBOX_SCHEMA, Clock::system());
    let books = books.await.expect("the engine was there for the first database");
    let sandbox = Sandbox::new(books.clone(), &settings.sandbox).unwrap();
    let terms = Terms { fee: Arc::new(fee), payout: TimeDelta::days(2) };
    let sandbox = Arc::new(sandbox.settling(terms));
    let payments = Payments::new(db.clone(), sandbox.clone(), settings);
    Shop { payments, sandbox, db, books }
}

/// What the processor keeps of a charge.
pub const fn fee(minor: i64) -> i64 {
    minor / 100 + 25
}

pub fn euros(minor: i64) -> Money {
    Money::from_minor(minor, Currency::EUR)
}

impl Shop {
    pub async fn token(&self, number: &str) -> String {
        let card = Card::new(number, 12, 2030, "123", self.db.clock().now()).ok().unwrap();
        let token = format!("tok_{}", platform::random::token());
        // The same for the same card, and not its number.
        let fingerprint: String = number.chars().rev().collect();
        self.sandbox.accept(&token, &fingerprint, &card).await.unwrap();
        token
    }

    pub async fn ask(&self, order: OrderId, minor: i64, number: &str) -> Authorize {
        let token = self.token(number).await;
        let key = format!("pay:{order}");
        Authorize { order_id: order, key, amount: euros(minor), token, payer: None }
    }

    /// An order whose amount is set aside.
    pub async fn authorized(&self, minor: i64) -> (OrderId, PaymentId) {
        let order = OrderId::new();
        let request = self.ask(order, minor, APPROVED).await;
        match self.payments.authorize(request).await.unwrap() {
            Authorization::Authorized(id) => (order, id),
            other @ Authorization::ActionRequired { .. } => panic!("{other:?}"),
        }
    }

    /// An order whose amount was taken.
    pub async fn captured(&self, minor: i64) -> (OrderId, PaymentId) {
        let (order, id) = self.authorized(minor).await;
        self.deliver("payment.capture", "order.confirmed", order).await.unwrap();
        (order, id)
    }

    /// The same shop whose own calls fail.
    pub fn with(&self, how: Failing) -> Self {
        let (sandbox, db, books) = (self.sandbox.clone(), self.db.clone(), self.books.clone());
        Self { payments: self.failing(how), sandbox, db, books }
    }

    /// What is done by itself, until nothing is left to do for a while.
    pub async fn settle(&self) {
        for _ in 0..8 {
            while self.sandbox.tick().await.unwrap() {}
            self.payments.resolve().await.unwrap();
            self.payments.hear().await.unwrap();
            // What was refused is due again after a millisecond, which a round may not take.
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    pub async fn row(&self, order: OrderId) -> PaymentRow {
        let rows = self.payments.payments_page(None, 500).await.unwrap();
        rows.into_iter().find(|row| row.order_id == order).unwrap()
    }

    pub async fn status(&self, order: OrderId) -> &'static str {
        self.row(order).await.status
    }

    /// What the processor says it did, by payment.
    pub async fn charges(&self) -> HashMap<PaymentId, Charge> {
        let charges = self.sandbox.charges(None, 1_000).await.unwrap();
        charges.into_iter().map(|charge| (charge.reference, charge)).collect()
    }

    /// Hands an order's event to one of the subscriptions.
    pub async fn deliver(
        &self,
        subscription: &str,
        kind: &str,
        order: OrderId,
    ) -> Result<(), platform::bus::HandlerError> {
        let all = self.payments.subscriptions();
        let found = all.into_iter().find(|found| found.name == subscription).unwrap();
        let platform::bus::Handler::Effect(effect) = found.handler else { panic!("no effect") };
        let event = Envelope {
            id: kernel::id::EventId::new(),
            source: "stoa.order".to_owned(),
            kind: kind.to_owned(),
            version: 1,
            time: self.db.clock().now(),
            subject: order.uuid(),
            trace: String::new(),
            data: serde_json::Value::Null,
        };
        effect.perform(&event).await
    }

    /// The events told of a payment, by kind; their versions have no gap.
    pub async fn told(&self, id: PaymentId) -> Vec<String> {
        platform::outbox::sequence(&self.db).await.unwrap();
        let all = platform::outbox::read_after(&self.db, 0, 10_000).await.unwrap();
        let mine: Vec<_> =
            all.into_iter().map(|e| e.envelope).filter(|e| e.subject == id.uuid()).collect();
        for (place, event) in mine.iter().enumerate() {
            assert_eq!(event.version, i64::try_from(place).unwrap() + 1, "{mine:?}");
        }
        mine.into_iter().map(|event| event.kind).collect()
    }

    /// Every check of the books holds.
    pub async fn books_hold(&self) {
        for check in self.payments.verify().await.unwrap() {
            assert!(check.holds(), "{}: {:?}", check.invariant, check.broken);
        }
    }

    /// The same shop with a processor that fails as it is told.
    pub fn failing(&self, how: Failing) -> Payments {
        let inner = self.sandbox.clone();
        self.payments.clone().behind(Arc::new(FailingProcessor { inner, how }))
    }
}

pub fn declined(outcome: Result<Authorization, PaymentError>) -> String {
    match outcome {
        Err(PaymentError::Declined { code, .. }) => code,
        other => panic!("it was not declined: {other:?}"),
    }
}

/// How a processor fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failing {
    /// It cannot be reached.
    Unreachable,
    /// It does what it is asked, and its answer is lost.
    AnswerLost,
    /// It is never reached, and the caller waits for ever.
    HangsBefore,
    /// It does what it is asked, and the caller waits for ever.
    HangsAfter,
    /// It takes nothing and lets nothing go.
    Refuses,
    /// It says that it has let go, and has not.
    VoidLies,
}

fn refused() -> Outcome {
    Outcome::Declined { code: "no".to_owned(), detail: "The test's processor says no.".to_owned() }
}

pub struct FailingProcessor {
    inner: Arc<Sandbox>,
    how: Failing,
}

impl FailingProcessor {
    async fn fail<T>(
        &self,
        call: impl Future<Output = Result<T, Unavailable>> + Send,
    ) -> Result<T, Unavailable> {
        match self.how {
            Failing::Unreachable => {}
            Failing::Refuses | Failing::VoidLies => return call.await,
            Failing::AnswerLost => drop(call.await),
            Failing::HangsBefore => std::future::pending::<()>().await,
            Failing::HangsAfter => {
                drop(call.await);
                std::future::pending::<()>().await;
            }
        }
        Err(Unavailable::new("the test's processor", "it fails"))
    }
}

#[async_trait]
impl Processor for FailingProcessor {
    async fn fingerprint(&self, token: &str) -> Result<Option<String>, Unavailable> {
        self.inner.fingerprint(token).await
    }

    async fn authorize(&self, key: &str, charge: NewCharge) -> Result<Outcome, Unavailable> {
        self.fail(self.inner.authorize(key, charge)).await
    }

    async fn capture(
        &self,
        key: &str,
        charge: &str,
        amount: Money,
    ) -> Result<Outcome, Unavailable> {
        if self.how == Failing::Refuses {
            return Ok(refused());
        }
        self.fail(self.inner.capture(key, charge, amount)).await
    }

    async fn void(&self, key: &str, charge: &str) -> Result<Outcome, Unavailable> {
        match self.how {
            Failing::Refuses => Ok(refused()),
            Failing::VoidLies => {
                let charge = self.inner.charge(charge).await?.unwrap();
                Ok(Outcome::Approved(Charge { held: false, ..charge }))
            }
            _ => self.fail(self.inner.void(key, charge)).await,
        }
    }

    async fn refund(&self, key: &str, charge: &str, amount: Money) -> Result<Outcome, Unavailable> {
        self.fail(self.inner.refund(key, charge, amount)).await
    }

    async fn find(&self, key: &str, charge: Option<&str>) -> Result<Option<Outcome>, Unavailable> {
        self.inner.find(key, charge).await
    }

    async fn news(&self, call: Signed<'_>) -> Result<Option<News>, NoNews> {
        self.inner.news(call).await
    }

    fn name(&self) -> &'static str {
        self.inner.name()
    }

    async fn answer(
        &self,
        key: &str,
        charge: &str,
        answer: Answer<'_>,
    ) -> Result<Outcome, Unavailable> {
        self.fail(self.inner.answer(key, charge, answer)).await
    }

    async fn charge(&self, id: &str) -> Result<Option<Charge>, Unavailable> {
        if self.how == Failing::Unreachable {
            return Err(Unavailable::new("the test's processor", "it is out of reach"));
        }
        self.inner.charge(id).await
    }

    async fn dispute(&self, charge: &str) -> Result<Option<Disputed>, Unavailable> {
        self.inner.dispute(charge).await
    }

    async fn has_signed(&self, call: Signed<'_>) -> Result<bool, Unavailable> {
        self.inner.has_signed(call).await
    }

    async fn charges(
        &self,
        after: Option<PaymentId>,
        limit: u32,
    ) -> Result<Vec<Charge>, Unavailable> {
        self.inner.charges(after, limit).await
    }

    async fn settled(
        &self,
        from: Timestamp,
        until: Timestamp,
        most: usize,
    ) -> Result<Vec<SettledLine>, SettlementError> {
        self.inner.settled(from, until, most).await
    }
}
