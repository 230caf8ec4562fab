//! Payments with a sandbox of their own, and processors that fail.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use kernel::id::{OrderId, PaymentId};
use kernel::ports::{Authorization, Authorize, PaymentError, Payments as _, Unavailable};
use kernel::{Clock, Currency, Envelope, Money};
use payment::{
    CaptureAt, Card, Charge, NewCharge, Outcome, PaymentRow, Payments, Processor, SANDBOX_SCHEMA,
    Sandbox, Settings, Token,
};
use platform::sql::Db;

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
        processor_wait_ms: 5_000,
        resolve_every_ms: 50,
        resolve_after_ms: 0,
        sandbox: payment::sandbox::Settings { latency_ms: 0 },
    }
}

pub async fn open(db: Db) -> Shop {
    open_with(db, settings()).await
}

pub async fn open_with(db: Db, settings: Settings) -> Shop {
    let books = platform::testing::database(db.engine(), &SANDBOX_SCHEMA, Clock::system());
    let books = books.await.expect("the engine was there for the first database");
    let sandbox = Arc::new(Sandbox::new(books.clone(), &settings.sandbox));
    let payments = Payments::new(db.clone(), sandbox.clone(), settings);
    Shop { payments, sandbox, db, books }
}

pub fn euros(minor: i64) -> Money {
    Money::from_minor(minor, Currency::EUR)
}

impl Shop {
    pub async fn token(&self, number: &str) -> String {
        let card = Card::new(number, 12, 2030, "123", self.db.clock().now()).ok().unwrap();
        self.sandbox.tokenize(card).await.unwrap().token
    }

    pub async fn ask(&self, order: OrderId, minor: i64, number: &str) -> Authorize {
        let token = self.token(number).await;
        Authorize { order_id: order, key: format!("pay:{order}"), amount: euros(minor), token }
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
    async fn tokenize(&self, card: Card) -> Result<Token, Unavailable> {
        self.inner.tokenize(card).await
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
        self.fail(self.inner.capture(key, charge, amount)).await
    }

    async fn void(&self, key: &str, charge: &str) -> Result<Outcome, Unavailable> {
        self.fail(self.inner.void(key, charge)).await
    }

    async fn refund(&self, key: &str, charge: &str, amount: Money) -> Result<Outcome, Unavailable> {
        self.fail(self.inner.refund(key, charge, amount)).await
    }

    async fn find(&self, key: &str) -> Result<Option<Outcome>, Unavailable> {
        self.inner.find(key).await
    }

    async fn charges(
        &self,
        after: Option<PaymentId>,
        limit: u32,
    ) -> Result<Vec<Charge>, Unavailable> {
        self.inner.charges(after, limit).await
    }
}
