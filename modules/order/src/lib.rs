//! Orders: carts, totals, and the checkout that turns a cart into a confirmed order.
//!
//! What it promises: an order is placed in one commit with its event, its saga and the claim on its
//! idempotency key; it ends CONFIRMED with stock promised, payment authorized and the parcel
//! booked, or FAILED with all of that given back; a cart becomes at most one live order; the answer
//! to a repeated command is the first one, byte for byte.
//!
//! It calls the catalogue for prices, and through its saga stock, payments and logistics. It
//! publishes `order.*` and `shipment.*` and hears `payment.authorized` and `payment.failed`. What a carrier
//! tells by its calls is kept first and applied afterwards (`usecase/carrier.rs`).

mod carried;
mod domain;
mod error;
mod fulfilment;
mod http;
mod paper;
mod react;
mod saga;
mod settings;
mod store;
mod taxes;
mod told;
mod usecase;
mod verify;
mod watchers;

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use kernel::id::OrderId;
use kernel::ports::{
    Catalog, Credit, History, Logistics, PaymentView, Payments, People, Stock, Tax,
};
use platform::bus::Subscription;
use platform::module::Schema;
use platform::saga::Coordinator;
use platform::sql::Db;
use platform::tasks::Tasks;
use platform::verify::Check;
use tokio::sync::watch;
use usecase::remembered::Remembered;
use watchers::Watchers;

use crate::domain::promotion::Promotion;
use crate::saga::edit::Edit;
use crate::saga::exchange::Exchange;
use crate::saga::give_back::GiveBack;
use crate::saga::replacement::Replacement;
use crate::store::shipping::Shipping;

pub use carried::CarrierFulfilment;
pub use domain::status::Status;
pub use error::OrderError;
pub use fulfilment::ManualFulfilment;
pub use saga::checkout::Checkout;
pub use settings::{CarrierName, ExpectedTotal, GuestEmail, Settings, ShippingMethod};
pub use store::balance::ORDER_REFUNDED;
pub use store::books::{Brief, Sold, Units};
pub use store::carrier::Carried;
pub use store::personal::SEALED;
pub use store::promotion::{PROMOTION_BUDGET, PROMOTION_CUSTOMER, PROMOTION_USES};
pub use taxes::TaxTable;
pub use usecase::import_taxes::{TaxesImported, TaxesRefused};

platform::migrations! { "order": "0001_orders", "0002_included_tax", "0003_promotions", "0004_tax", "0005_shipping",
"0006_promotion_changes", "0007_saved_carts", "0008_parcels", "0009_contact", "0010_invoices", "0011_after_sale", "0012_exchanges", "0013_edits",
"0014_carrier", "0015_bundles", "0016_line_category", "0017_credit", "0018_personal" }

/// The module's tables, statements and guards.
pub const SCHEMA: Schema = Schema {
    module: "order",
    migrations: MIGRATIONS,
    statements: &[
        store::balance::STATEMENTS,
        store::books::STATEMENTS,
        store::carrier::STATEMENTS,
        store::cart::STATEMENTS,
        store::change::STATEMENTS,
        store::edit::STATEMENTS,
        store::exchange::STATEMENTS,
        store::invoice::STATEMENTS,
        store::lines::STATEMENTS,
        store::orders::STATEMENTS,
        store::personal::STATEMENTS,
        store::promotion::STATEMENTS,
        store::saved::STATEMENTS,
        store::shipment::STATEMENTS,
        store::shipping::STATEMENTS,
        store::tax::STATEMENTS,
    ],
    guards: &[ORDER_REFUNDED, PROMOTION_BUDGET, PROMOTION_CUSTOMER, PROMOTION_USES],
};

/// Whom the module asks.
#[derive(Clone)]
pub struct Ports {
    /// Prices.
    pub catalog: Arc<dyn Catalog>,
    /// Stock.
    pub stock: Arc<dyn Stock>,
    /// Payments.
    pub payments: Arc<dyn Payments>,
    /// Gift cards and store credit.
    pub credit: Arc<dyn Credit>,
    /// The carrier.
    pub logistics: Arc<dyn Logistics>,
    /// What the carrier signs its calls with; without it none is believed.
    pub carrier_secret: Option<Vec<u8>>,
    /// Who else knows what happened to an order.
    pub history: Vec<Arc<dyn History>>,
    /// Whoever knows who works in the shop.
    pub people: Arc<dyn People>,
    /// Whoever knows the taxes.
    pub tax: Arc<dyn Tax>,
    /// The shop's own table of taxes, for the staff.
    pub taxes: TaxTable,
}

/// The module.
#[derive(Clone)]
pub struct Orders {
    inner: Arc<Inner>,
}

struct Inner {
    db: Db,
    settings: Settings,
    catalog: Arc<dyn Catalog>,
    stock: Arc<dyn Stock>,
    payments: Arc<dyn Payments>,
    credit: Arc<dyn Credit>,
    logistics: Arc<dyn Logistics>,
    carrier_secret: Option<Vec<u8>>,
    carrier_wake: watch::Sender<u64>,
    history: Vec<Arc<dyn History>>,
    people: Arc<dyn People>,
    checkouts: Coordinator<Checkout>,
    edits: Coordinator<Edit>,
    refunds: Coordinator<GiveBack>,
    replacements: Coordinator<Replacement>,
    exchanges: Coordinator<Exchange>,
    watchers: Arc<Watchers>,
    tax: Arc<dyn Tax>,
    taxes: TaxTable,
    automatic: Remembered<Vec<Promotion>>,
    shipping: Remembered<Shipping>,
}

impl Orders {
    /// The module over its database. Sagas it starts run among `tasks`.
    pub fn new(
        db: Db,
        settings: Settings,
        ports: Ports,
        sagas: platform::saga::Settings,
        tasks: Tasks,
    ) -> Self {
        let Ports {
            catalog,
            stock,
            payments,
            credit,
            logistics,
            carrier_secret,
            history,
            people,
            tax,
            taxes,
        } = ports;
        let steps = saga::checkout::Ports {
            stock: stock.clone(),
            payments: payments.clone(),
            credit: credit.clone(),
            logistics: logistics.clone(),
            clock: db.clock().clone(),
            db: db.clone(),
            hold: TimeDelta::seconds(settings.hold_s),
        };
        let more = || saga::edit::Ports {
            stock: stock.clone(),
            payments: payments.clone(),
            db: db.clone(),
        };
        let edits = Coordinator::new(db.clone(), more(), sagas.clone(), tasks.clone());
        let replacements = Coordinator::new(db.clone(), more(), sagas.clone(), tasks.clone());
        let instead = saga::exchange::Ports {
            stock: stock.clone(),
            payments: payments.clone(),
            logistics: logistics.clone(),
            db: db.clone(),
        };
        let exchanges = Coordinator::new(db.clone(), instead, sagas.clone(), tasks.clone());
        let back = saga::give_back::Ports {
            payments: payments.clone(),
            credit: credit.clone(),
            clock: db.clock().clone(),
        };
        let refunds = Coordinator::new(db.clone(), back, sagas.clone(), tasks.clone());
        let checkouts = Coordinator::new(db.clone(), steps, sagas, tasks);
        let automatic = Remembered::new(usecase::promotions::REMEMBERED);
        let inner = Inner {
            db,
            settings,
            catalog,
            stock,
            payments,
            credit,
            logistics,
            carrier_secret,
            carrier_wake: watch::Sender::new(0),
            history,
            people,
            checkouts,
            edits,
            refunds,
            replacements,
            exchanges,
            tax,
            taxes,
            automatic,
            watchers: Arc::default(),
            shipping: Remembered::new(usecase::shipping::REMEMBERED),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Its endpoints.
    pub fn routes(&self, config: &mut actix_web::web::ServiceConfig) {
        http::routes(self, config);
    }

    /// Its part of the API's description.
    pub fn openapi() -> utoipa::openapi::OpenApi {
        http::openapi()
    }

    /// What it hears of.
    pub fn subscriptions(&self) -> Vec<Subscription> {
        let (db, checkouts) = (&self.inner.db, self.inner.checkouts.clone());
        let (edits, exchanges) = (self.inner.edits.clone(), self.inner.exchanges.clone());
        let settled = react::payment_settled::PaymentSettled { checkouts, edits, exchanges };
        let difference = react::edited::GiveDifference { refunds: self.inner.refunds.clone() };
        let recall = react::recall::Recall { logistics: self.inner.logistics.clone() };
        vec![
            Subscription::reaction("order.payments", db, react::payment_settled::TOPICS, settled),
            Subscription::reaction("order.erased", db, react::erased::TOPICS, react::erased::Erase),
            Subscription::reaction("order.edits", db, react::edited::TOPICS, difference),
            Subscription::effect("order.recall", db, react::recall::TOPICS, recall),
            Subscription::reaction(
                "order.guests",
                db,
                react::guest_merged::TOPICS,
                react::guest_merged::MergeCarts,
            ),
        ]
    }

    /// Lets the coordinators look for due sagas.
    pub async fn start(&self) -> platform::sql::Result<()> {
        self.inner.refunds.run().await?;
        self.inner.edits.run().await?;
        self.inner.replacements.run().await?;
        self.inner.exchanges.run().await?;
        self.inner.checkouts.run().await
    }

    /// One round of that: takes up a saga of each kind that is due, and answers whether there was one.
    pub async fn take_up(&self) -> platform::sql::Result<bool> {
        let refund = self.inner.refunds.take_up().await?;
        let edit = self.inner.edits.take_up().await?;
        let replacement = self.inner.replacements.take_up().await?;
        let exchange = self.inner.exchanges.take_up().await?;
        let after = refund || edit || replacement || exchange;
        Ok(self.inner.checkouts.take_up().await? || after)
    }

    /// Applies what the carrier tells, for as long as the house is open.
    pub fn listen(&self, tasks: &Tasks) {
        let poll = Duration::from_millis(self.inner.settings.carrier_poll_ms);
        let (orders, wake) = (self.clone(), self.inner.carrier_wake.subscribe());
        tasks.every("order.carrier", poll, Some(wake), move || {
            let orders = orders.clone();
            async move { orders.hear_carrier().await }
        });
    }

    /// Tells those who watch an order what changes, on a node that answers requests.
    pub fn watch(&self, tasks: &Tasks) {
        self.inner.watchers.start(&self.inner.db, tasks);
    }

    /// Ends the answers that would go on as long as somebody watches an order.
    pub fn end_streams(&self) {
        self.inner.watchers.close();
    }

    /// Its own invariants.
    pub async fn verify(&self) -> platform::sql::Result<Vec<Check>> {
        verify::verify(&self.inner.db, self.inner.db.clock().now()).await
    }

    /// Orders after one, by id, for checks across modules.
    pub async fn briefs(
        &self,
        after: Option<OrderId>,
        limit: u32,
    ) -> platform::sql::Result<Vec<Brief>> {
        let after = after.unwrap_or(OrderId::from(uuid::Uuid::nil()));
        store::books::briefs(&self.inner.db, after, limit).await
    }

    /// What was sold on each day, for checks across modules.
    pub async fn sold(&self) -> platform::sql::Result<Vec<Sold>> {
        store::books::sold(&self.inner.db).await
    }

    /// How some orders stand towards a carrier, for checks across parties.
    pub async fn consigned(&self, orders: &[OrderId]) -> platform::sql::Result<Vec<Carried>> {
        store::carrier::consigned(&self.inner.db, orders).await
    }

    async fn payment_of(&self, order: OrderId) -> Result<Option<PaymentView>, OrderError> {
        let mut found = self.inner.payments.of_orders(&[order]).await?;
        Ok(found.pop().map(|(_, view)| view))
    }
}
