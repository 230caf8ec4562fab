//! Stock: what lies where, what of it is promised to whom, and why it changed.
//!
//! What is promised: no unit is promised twice, whatever runs at the same time; an order is
//! promised all of its lines or none; every change of a quantity is one row of an append-only
//! journal, written in the same commit. The one limited quantity is [`STOCK`], and only its guard
//! moves it.
//!
//! Parts of an order leave the house, are given back and come back one by one: of each line the
//! units that are *shipped* and *released* are never more than were promised, and never more are
//! *returned* than were shipped. What is left of them belongs to the whole order.
//!
//! A reservation is *held* until its deadline, then *committed*, then *shipped*; or it ends as
//! *released* or *expired*. The deadline is when the sweeper may take it back, not when it ends: a
//! held reservation that the sweeper has not met yet still has its units, so it may be committed or
//! extended. Releasing an order that has none leaves a row that says so, and a late reservation
//! for that order is refused.
//!
//! Stock lies at locations. Orders are served from those that are in use and serve orders; which of
//! them an order gets its units from is decided by a [`Allocation`]. Other locations are counted and
//! adjusted, and never promised.
//!
//! Units may be promised that do not lie there yet, up to a cap for each stock. Each line of a
//! reservation tells how many of its units are *backordered*; those do not leave the house. Whatever
//! comes in or comes free *covers* the orders that wait the longest, in the same commit, and what is
//! covered stays so: covered units are what lies there and cannot be written off.

mod domain;
mod error;
mod http;
mod react;
mod store;
mod usecase;
mod verify;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kernel::Timestamp;
use kernel::events::{
    OrderCancelled, OrderEdited, OrderLinesCancelled, OrderReturnInspected, OrderShipped,
    ProductCreated, ShipmentShipped,
};
use kernel::id::{OrderId, ProductId};
use kernel::ports::{
    Availability, Covered, Destination, Stock, StockError, StockLine, Unavailable,
};
use platform::audit::Actor;
use platform::bus::{Subscription, Topic};
use platform::idempotency;
use platform::module::Schema;
use platform::sql::{self, Db};
use platform::tasks::Tasks;
use platform::verify::Check;
use serde::Deserialize;

pub use domain::{
    Adjustment, Allocation, BACKORDER_MAX, Hold, HoldState, Invalid, LINES_MAX, Level, Limits,
    Location, LocationInput, Policy, StockPolicy, Stocktake, Transfer, UNITS_MAX, Wanted,
};
use domain::{Change, can_leave, on_offer};
pub use error::{AdjustError, Impossible, LocationError, ShiftError};
pub use store::STOCK;
pub use usecase::Adjusted;

platform::migrations! { "inventory": "0001_stock", "0002_locations", "0003_safety_stock",
"0004_parts", "0005_backorder", "0007_more" }

/// The tables of this module and the statements over them.
pub const SCHEMA: Schema = Schema {
    module: "inventory",
    migrations: MIGRATIONS,
    statements: store::STATEMENTS,
    guards: &[STOCK],
};

/// How the inventory works; section `[inventory]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The location that new products are opened at, 1 to 64 characters. It serves orders unless
    /// the staff says otherwise.
    pub location: String,
    /// How the locations of an order are chosen.
    pub allocation: Allocation,
    /// How often promises past their deadline are given back and low stock is looked for, in
    /// milliseconds.
    pub sweep_every_ms: u64,
}

/// The inventory.
#[derive(Clone)]
pub struct Inventory {
    db: Db,
    settings: Arc<Settings>,
}

impl Inventory {
    /// The inventory over its database.
    pub fn new(db: Db, settings: Settings) -> Self {
        Self { db, settings: Arc::new(settings) }
    }

    /// Adds `/v1/admin/stock/...`.
    pub fn routes(&self, config: &mut actix_web::web::ServiceConfig) {
        http::routes(self.clone(), config);
    }

    /// What the routes take and answer.
    pub fn openapi() -> utoipa::openapi::OpenApi {
        http::openapi()
    }

    /// `inventory.products` opens stock for new products; `inventory.orders` ships and releases.
    pub fn subscriptions(&self) -> Vec<Subscription> {
        let created = [Topic::of::<ProductCreated>()];
        let ended = [
            Topic::of::<ShipmentShipped>(),
            Topic::of::<OrderShipped>(),
            Topic::of::<OrderLinesCancelled>(),
            Topic::of::<OrderReturnInspected>(),
            Topic::of::<OrderCancelled>(),
            Topic::of::<OrderEdited>(),
        ];
        vec![
            Subscription::reaction(
                "inventory.products",
                &self.db,
                created,
                react::Products(self.clone()),
            ),
            Subscription::reaction("inventory.orders", &self.db, ended, react::Orders),
        ]
    }

    /// Opens the location of the settings, unless it is there already.
    pub async fn prepare(&self) -> sql::Result<()> {
        usecase::prepare(&self.db, &self.settings.location).await
    }

    /// Starts giving back what is past its deadline, and warning of what is low.
    pub fn start(&self, tasks: &Tasks) {
        let inventory = self.clone();
        let every = Duration::from_millis(self.settings.sweep_every_ms);
        tasks.every("inventory.sweep", every, None, move || {
            let inventory = inventory.clone();
            async move { inventory.sweep().await.map(|swept| swept.more) }
        });
        let inventory = self.clone();
        tasks.every("inventory.warn", every, None, move || {
            let inventory = inventory.clone();
            async move { inventory.warn().await }
        });
        let inventory = self.clone();
        tasks.every("inventory.preorders", every, None, move || {
            let inventory = inventory.clone();
            async move { inventory.end_preorders().await }
        });
    }

    /// Ends a batch of preorders whose day has come; true when there may be more.
    pub async fn end_preorders(&self) -> sql::Result<bool> {
        usecase::end_preorders(&self.db).await
    }

    /// Gives back one batch of the held reservations past their deadline.
    pub async fn sweep(&self) -> sql::Result<Swept> {
        usecase::sweep(&self.db).await
    }

    /// Warns of a batch of stock that fell to its mark; true when there may be more.
    pub async fn warn(&self) -> sql::Result<bool> {
        usecase::warn(&self.db).await
    }

    /// Changes what lies at a location, once for each key.
    pub async fn adjust(
        &self,
        key: &idempotency::Key,
        product: ProductId,
        adjustment: &Adjustment,
        actor: &Actor,
    ) -> Result<Adjusted, AdjustError> {
        let location = adjustment.location.as_deref().unwrap_or(&self.settings.location);
        usecase::adjust(&self.db, key, product, location, adjustment, actor).await
    }

    /// Makes what lies at a location what was counted there, once for each key.
    pub async fn count(
        &self,
        key: &idempotency::Key,
        take: &Stocktake,
        actor: &Actor,
    ) -> Result<Adjusted, ShiftError> {
        usecase::count(&self.db, key, take, actor).await
    }

    /// Brings units from one location to another, once for each key.
    pub async fn transfer(
        &self,
        key: &idempotency::Key,
        transfer: &Transfer,
        actor: &Actor,
    ) -> Result<Adjusted, ShiftError> {
        usecase::transfer(&self.db, key, transfer, actor).await
    }

    /// Changes what is kept back of a stock and when few units are left of it.
    pub async fn limit(
        &self,
        product: ProductId,
        limits: &Limits,
        actor: &Actor,
    ) -> Result<Level, AdjustError> {
        let location = limits.location.as_deref().unwrap_or(&self.settings.location);
        usecase::limit(&self.db, product, location, limits, actor).await
    }

    /// Says what may be promised of a stock beyond what lies there.
    pub async fn set_policy(
        &self,
        product: ProductId,
        policy: &StockPolicy,
        actor: &Actor,
    ) -> Result<Level, AdjustError> {
        let location = policy.location.as_deref().unwrap_or(&self.settings.location);
        usecase::set_policy(&self.db, product, location, policy, actor).await
    }

    /// Opens a location.
    pub async fn create_location(
        &self,
        input: LocationInput,
        actor: &Actor,
    ) -> Result<Location, LocationError> {
        usecase::create(&self.db, input, actor).await
    }

    /// Changes a location that still is in a version; its code stays.
    pub async fn replace_location(
        &self,
        code: &str,
        version: i64,
        input: LocationInput,
        actor: &Actor,
    ) -> Result<Location, LocationError> {
        usecase::replace(&self.db, code, version, input, actor).await
    }

    /// What orders have been promised, in the order of their ids: up to `limit` orders after
    /// `after`, for checks of the books against the orders.
    pub async fn holds(&self, after: Option<OrderId>, limit: u32) -> sql::Result<Vec<Hold>> {
        store::holds(&self.db, after, limit).await
    }

    /// Checks the books of this module.
    pub async fn verify(&self) -> sql::Result<Vec<Check>> {
        verify::verify(&self.db).await
    }
}

/// What a round of the sweeper did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Swept {
    /// How many reservations it gave back.
    pub expired: usize,
    /// Whether there may be more.
    pub more: bool,
}

#[async_trait]
impl Stock for Inventory {
    /// A product that is named twice counts as one line with the sum. Repeated with other lines
    /// than those that were reserved it is [`StockError::Unavailable`] and changes nothing.
    async fn reserve(
        &self,
        order: OrderId,
        lines: &[StockLine],
        to: Option<&Destination>,
        until: Timestamp,
    ) -> Result<(), StockError> {
        let allocation = self.settings.allocation;
        Ok(usecase::reserve(&self.db, allocation, order, lines, to, until).await?)
    }

    /// Does nothing to a committed promise, which has no deadline.
    async fn extend(&self, order: OrderId, until: Timestamp) -> Result<(), StockError> {
        Ok(usecase::extend(&self.db, order, until).await?)
    }

    async fn commit(&self, order: OrderId) -> Result<(), StockError> {
        Ok(usecase::commit(&self.db, order).await?)
    }

    /// Takes back committed stock too, as long as it was not shipped; what was shipped stays so.
    async fn release(&self, order: OrderId) -> Result<(), StockError> {
        Ok(usecase::release(&self.db, order).await?)
    }

    async fn ship_part(
        &self,
        order: OrderId,
        key: &str,
        lines: &[StockLine],
    ) -> Result<(), StockError> {
        Ok(usecase::change(&self.db, order, key, lines, Change::Ship).await?)
    }

    async fn release_part(
        &self,
        order: OrderId,
        key: &str,
        lines: &[StockLine],
    ) -> Result<(), StockError> {
        Ok(usecase::change(&self.db, order, key, lines, Change::Release).await?)
    }

    async fn take_back(
        &self,
        order: OrderId,
        key: &str,
        lines: &[StockLine],
    ) -> Result<(), StockError> {
        Ok(usecase::change(&self.db, order, key, lines, Change::TakeBack).await?)
    }

    /// A key that promised other lines before is [`StockError::Unavailable`] and changes nothing.
    async fn reserve_more(
        &self,
        order: OrderId,
        key: &str,
        lines: &[StockLine],
        to: Option<&Destination>,
    ) -> Result<(), StockError> {
        let allocation = self.settings.allocation;
        Ok(usecase::reserve_more(&self.db, allocation, order, key, lines, to).await?)
    }

    async fn take_back_more(&self, order: OrderId, key: &str) -> Result<(), StockError> {
        Ok(usecase::take_back_more(&self.db, order, key).await?)
    }

    async fn available(&self, products: &[ProductId]) -> Result<Vec<Availability>, Unavailable> {
        let shelves = store::shelves(&self.db, products.iter().copied())
            .await
            .map_err(|error| Unavailable::new("inventory", error))?;
        Ok(on_offer(&shelves))
    }

    async fn covered(&self, order: OrderId) -> Result<Vec<Covered>, Unavailable> {
        let promised = store::promised(&self.db, order)
            .await
            .map_err(|error| Unavailable::new("inventory", error))?;
        Ok(can_leave(&promised, self.db.clock().now()))
    }
}
