//! Payments: what an order pays is set aside, taken, let go or given back, and never twice.
//!
//! Promises:
//! - An order has at most one live payment of what was placed, and one of each change that makes it
//!   dearer, by a unique index. A key authorizes at most once, here
//!   and at the processor, however often and after whatever delay it comes again.
//! - Captured and let go never exceed authorized, and refunded and lost to disputes never exceed
//!   captured, amounts on their way to the processor included: guards, with CHECK constraints behind
//!   them.
//! - Every call to the processor is written down before it is made, made outside of any unit of
//!   work, and recorded in one commit with its event. A lost answer is "unknown", never a failure;
//!   whoever meets it next, at the latest a task, asks the processor by the same key.
//! - What a processor tells by itself is kept before it is answered, and then the processor is asked
//!   how the payment stands: whatever comes late, twice or in another order comes to the same. Money of a
//!   payment that was given up is given back.
//! - What is kept about whoever pays is sealed under a key of theirs, and says nothing once they were
//!   erased; the books do without it. What was said to a dispute is kept for as long as the law wants.
//! - After [`cancel`](kernel::ports::Payments::cancel) nothing can be authorized for the order, even
//!   by a request that was under way.
//!
//! The built-in processor is the [`sandbox`]: a party of its own with books of its own, so that one
//! can always ask what was really charged. Beside it stands [`stripe`], behind the same port.

mod domain;
mod error;
mod history;
mod http;
mod port;
mod processor;
mod react;
mod records;
pub mod sandbox;
mod settings;
mod store;
pub mod stripe;
mod usecase;
mod verify;
mod view;

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use kernel::id::{CustomerId, OrderId, PaymentId};
use kernel::ports::Risk;
use kernel::{Envelope, Money, Timestamp};
use platform::bus::Subscription;
use platform::module::Schema;
use platform::people;
use platform::sql::{self, Db};
use platform::tasks::Tasks;
use tokio::sync::watch;

pub use domain::authentication::{
    Authentication, Exemption, Exemptions, Liability, LowRisk, LowValue,
};
pub use domain::dispute::State as DisputeState;
pub use processor::{
    AUTHENTICATION_REQUIRED, Answer, Charge, Disputed, NewCharge, News, NoNews, Outcome, Processor,
};
pub use sandbox::{SANDBOX_SCHEMA, Sandbox};
pub use settings::{CaptureAt, ProcessorName, Settings};
pub use store::{CAPTURABLE, REFUNDABLE, SEALED};

platform::migrations! {
    "payment": "0001_payment", "0002_several_payments", "0003_whole_life", "0004_challenge",
    "0005_authentication", "0006_no_gift_cards", "0007_personal"
}

/// The tables of payments.
pub const SCHEMA: Schema = Schema {
    module: "payment",
    migrations: MIGRATIONS,
    statements: &[
        store::STATEMENTS,
        store::OPERATIONS,
        store::DISPUTES,
        store::EVENTS,
        store::EXEMPTED,
        store::LISTS,
        store::PERSONAL,
        verify::STATEMENTS,
    ],
    guards: &[CAPTURABLE, REFUNDABLE],
};

/// The payments of the shop.
#[derive(Clone)]
pub struct Payments {
    db: Db,
    processor: Arc<dyn Processor>,
    sandbox: Arc<Sandbox>,
    settings: Arc<Settings>,
    risk: Option<Arc<dyn Risk>>,
    heard: Arc<Heard>,
}

/// What processors tell this node.
struct Heard {
    /// Wakes who looks into it.
    wake: watch::Sender<u64>,
    /// When a forged call was noted last, in seconds since 1970.
    forged_at: AtomicI64,
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
    /// What of it an open dispute is about.
    pub disputed: Money,
    /// What of it disputes took away.
    pub lost: Money,
    /// What was set aside, also after it was let go again.
    pub authorized: Money,
    /// What was taken, captures on their way included.
    pub captured: Money,
    /// What of it was given back, refunds on their way included.
    pub refunded: Money,
    /// What the order's payments gave back for good because the order asked for it.
    pub asked_by_order: Money,
    /// When one of them last changed.
    pub updated_at: Timestamp,
}

impl Payments {
    /// Payments over their database, processed by the sandbox.
    pub fn new(db: Db, sandbox: Arc<Sandbox>, settings: Settings) -> Self {
        let processor: Arc<dyn Processor> = sandbox.clone();
        let heard = Heard { wake: watch::Sender::new(0), forged_at: AtomicI64::new(0) };
        let (settings, heard) = (Arc::new(settings), Arc::new(heard));
        Self { db, processor, sandbox, settings, risk: None, heard }
    }

    /// The same payments behind another processor.
    #[must_use]
    pub fn behind(self, processor: Arc<dyn Processor>) -> Self {
        Self { processor, ..self }
    }

    /// Whether they are processed by the sandbox in this process.
    pub(crate) fn is_in_sandbox(&self) -> bool {
        self.processor.name() == self.sandbox.name()
    }

    /// The same payments, with what orders pay decided about before the processor hears of it.
    #[must_use]
    pub fn scored(self, risk: Arc<dyn Risk>) -> Self {
        Self { risk: Some(risk), ..self }
    }

    /// Registers the routes of this module.
    pub fn routes(&self, config: &mut actix_web::web::ServiceConfig) {
        http::routes(self, config);
    }

    /// Describes the routes of this module.
    pub fn openapi() -> utoipa::openapi::OpenApi {
        http::openapi()
    }

    /// What payments do when something happens to an order or a person.
    pub fn subscriptions(&self) -> Vec<Subscription> {
        vec![
            react::CapturePayment::subscription(self),
            react::CancelPayment::subscription(self),
            people::subscription("payment.people", &self.db, store::People),
        ]
    }

    /// Lets the sandbox send its webhooks to the shop at `origin`.
    pub fn serve(&self, origin: &str) {
        self.sandbox.serve(origin);
    }

    /// Starts the tasks that finish what nobody finished and look into what the processor tells, and the
    /// sandbox's own.
    pub fn start(&self, tasks: &Tasks) {
        if self.is_in_sandbox() {
            self.sandbox.start(tasks);
        }
        let payments = self.clone();
        let poll = Duration::from_millis(self.settings.webhook_poll_ms);
        tasks.every("payment.hear", poll, Some(self.heard.wake.subscribe()), move || {
            let payments = payments.clone();
            async move { payments.hear().await }
        });
        let payments = self.clone();
        let every = Duration::from_millis(self.settings.resolve_every_ms);
        tasks.every("payment.resolve", every, None, move || {
            let payments = payments.clone();
            async move { payments.resolve().await }
        });
    }

    /// The payments of a person of which an open dispute is about something: until it has ended they cannot be erased,
    /// since nobody could say any more what there is to say to it.
    pub async fn in_the_way(&self, person: CustomerId) -> sql::Result<Vec<PaymentId>> {
        store::disputed_of(&self.db, person).await
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
        self.updated_at = self.updated_at.max(other.updated_at);
        let sums = [
            (&mut self.amount, other.amount),
            (&mut self.held, other.held),
            (&mut self.authorized, other.authorized),
            (&mut self.captured, other.captured),
            (&mut self.refunded, other.refunded),
            (&mut self.disputed, other.disputed),
            (&mut self.lost, other.lost),
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
            held: money(payment.held()),
            disputed: money(payment.disputed),
            lost: money(payment.lost),
            authorized: money(payment.authorized),
            captured: money(payment.captured),
            refunded: money(payment.refunded),
            asked_by_order: money(0),
            updated_at: payment.updated_at,
        }
    }
}

/// The order an event of the order module tells of.
fn subject_order(event: &Envelope) -> OrderId {
    event.subject.into()
}
