//! Payments: what an order pays is set aside, taken, let go or given back, and never twice.
//!
//! Promises:
//! - An order has at most one live payment of what was placed, and one of each change that makes it
//!   dearer, by a unique index. A key authorizes at most once, here
//!   and at the processor, however often and after whatever delay it comes again.
//! - Captured never exceeds authorized and refunded never exceeds captured, amounts on their way to
//!   the processor included: guards, with CHECK constraints behind them.
//! - Every call to the processor is written down before it is made, made outside of any unit of
//!   work, and recorded in one commit with its event. A lost answer is "unknown", never a failure;
//!   whoever meets it next, at the latest a task, asks the processor by the same key.
//! - After [`cancel`](kernel::ports::Payments::cancel) nothing can be authorized for the order, even
//!   by a request that was under way.
//!
//! The built-in processor is the [`sandbox`]: a party of its own with books of its own, so that one
//! can always ask what was really charged.

mod domain;
mod error;
mod history;
mod http;
mod port;
mod processor;
mod react;
pub mod sandbox;
mod settings;
mod store;
mod usecase;
mod verify;
mod view;

use std::sync::Arc;
use std::time::Duration;

use kernel::id::OrderId;
use kernel::{Envelope, Money};
use platform::bus::Subscription;
use platform::module::Schema;
use platform::sql::{self, Db};
use platform::tasks::Tasks;

pub use domain::card::{Card, CardFault, CardNumber};
pub use processor::{Charge, NewCharge, Outcome, Processor, Token};
pub use sandbox::{SANDBOX_SCHEMA, Sandbox};
pub use settings::{CaptureAt, Settings};
pub use store::{CAPTURABLE, GIFT_CARD, REFUNDABLE};

platform::migrations! { "payment": "0001_payment", "0002_several_payments" }

/// The tables of payments.
pub const SCHEMA: Schema = Schema {
    module: "payment",
    migrations: MIGRATIONS,
    statements: &[store::STATEMENTS, store::OPERATIONS, verify::STATEMENTS],
    guards: &[CAPTURABLE, REFUNDABLE, GIFT_CARD],
};

/// The payments of the shop.
#[derive(Clone)]
pub struct Payments {
    db: Db,
    processor: Arc<dyn Processor>,
    sandbox: Arc<Sandbox>,
    settings: Arc<Settings>,
}

/// What an order was paid with, for checks across modules: the newest attempt to pay what was placed and
/// those of its changes, together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentRow {
    /// The order.
    pub order_id: OrderId,
    /// How the payment of what was placed stands: `authorized`, `captured`, ...
    pub status: &'static str,
    /// What was to be paid.
    pub amount: Money,
    /// What is set aside now: neither taken nor let go.
    pub held: Money,
    /// What was set aside, also after it was let go again.
    pub authorized: Money,
    /// What was taken, captures on their way included.
    pub captured: Money,
    /// What of it was given back, refunds on their way included.
    pub refunded: Money,
    /// What the order's payments gave back for good because the order asked for it.
    pub asked_by_order: Money,
}

impl Payments {
    /// Payments over their database, processed by the sandbox.
    pub fn new(db: Db, sandbox: Arc<Sandbox>, settings: Settings) -> Self {
        let processor: Arc<dyn Processor> = sandbox.clone();
        Self { db, processor, sandbox, settings: Arc::new(settings) }
    }

    /// The same payments behind another processor.
    #[must_use]
    pub fn behind(self, processor: Arc<dyn Processor>) -> Self {
        Self { processor, ..self }
    }

    /// Registers the routes of this module.
    pub fn routes(&self, config: &mut actix_web::web::ServiceConfig) {
        http::routes(self, config);
    }

    /// Describes the routes of this module.
    pub fn openapi() -> utoipa::openapi::OpenApi {
        http::openapi()
    }

    /// What payments do when something happens to an order.
    pub fn subscriptions(&self) -> Vec<Subscription> {
        vec![react::CapturePayment::subscription(self), react::CancelPayment::subscription(self)]
    }

    /// Starts the task that finishes calls nobody finished and gives unanswered challenges up.
    pub fn start(&self, tasks: &Tasks) {
        let payments = self.clone();
        let every = Duration::from_millis(self.settings.resolve_every_ms);
        tasks.every("payment.resolve", every, None, move || {
            let payments = payments.clone();
            async move { payments.resolve().await }
        });
    }

    /// One round of that task: answers whether there may be more to do at once.
    pub async fn resolve(&self) -> Result<bool, kernel::ports::Unavailable> {
        Ok(usecase::resolve::round(self).await?)
    }

    /// Checks the books of payments, and that the processor's books say the same.
    pub async fn verify(&self) -> sql::Result<Vec<platform::verify::Check>> {
        verify::verify(self).await
    }

    /// What each of the next orders after this one was paid with, in the order of the orders' ids.
    pub async fn payments_page(
        &self,
        after: Option<OrderId>,
        limit: u32,
    ) -> sql::Result<Vec<PaymentRow>> {
        let newest = store::newest_by_order(&self.db, after, limit).await?;
        let (Some(first), Some(last)) = (newest.first(), newest.last()) else { return Ok(vec![]) };
        let asked = store::asked_by_orders(&self.db, first.order_id, last.order_id).await?;
        let mut rows: Vec<PaymentRow> = Vec::new();
        for payment in &newest {
            if let Some(row) = rows.last_mut().filter(|row| row.order_id == payment.order_id) {
                row.add(payment)?;
                continue;
            }
            let asked = asked.get(&payment.order_id).copied().unwrap_or_default();
            let asked_by_order = Money::from_minor(asked, payment.currency());
            rows.push(PaymentRow { asked_by_order, ..PaymentRow::from(payment) });
        }
        Ok(rows)
    }
}

impl PaymentRow {
    /// Adds what a change of the order was paid with.
    fn add(&mut self, payment: &domain::payment::Payment) -> sql::Result<()> {
        let other = Self::from(payment);
        let sums = [
            (&mut self.amount, other.amount),
            (&mut self.held, other.held),
            (&mut self.authorized, other.authorized),
            (&mut self.captured, other.captured),
            (&mut self.refunded, other.refunded),
        ];
        for (sum, more) in sums {
            *sum = sum
                .checked_add(more)
                .map_err(|error| sql::Error::Inconsistent(format!("a payment: {error}")))?;
        }
        Ok(())
    }
}

impl From<&domain::payment::Payment> for PaymentRow {
    fn from(payment: &domain::payment::Payment) -> Self {
        let money = |minor| Money::from_minor(minor, payment.currency());
        Self {
            order_id: payment.order_id,
            status: payment.status.word(),
            amount: payment.amount,
            held: money(match payment.status {
                domain::status::Status::Authorized => payment.authorized - payment.captured,
                _ => 0,
            }),
            authorized: money(payment.authorized),
            captured: money(payment.captured),
            refunded: money(payment.refunded),
            asked_by_order: money(0),
        }
    }
}

/// The order an event of the order module tells of.
fn subject_order(event: &Envelope) -> OrderId {
    event.subject.into()
}
