use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Unavailable;
use crate::clock::Timestamp;
use crate::id::{OrderId, ProductId};

/// Units of one product. A request never names a product twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockLine {
    /// The product.
    pub product_id: ProductId,
    /// How many units, at least 1.
    pub quantity: i64,
}

/// Where the units are to go, as far as it matters for where they come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    /// ISO 3166-1 alpha-2 code of the country.
    pub country: String,
    /// Postal code, where the country uses one.
    pub postal_code: Option<String>,
}

/// A product of which there is not enough.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Shortage {
    /// The product.
    pub product_id: ProductId,
    /// How many units were asked for.
    pub requested: i64,
    /// How many could be had when the answer was made.
    pub available: i64,
}

/// What can be promised of a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Availability {
    /// The product.
    pub product_id: ProductId,
    /// How many units lie there for whoever asks first.
    pub on_hand: i64,
    /// How many more can be promised, which come later.
    pub backorder: i64,
    /// Nothing of it leaves the house before, where that is set.
    pub from: Option<Timestamp>,
}

impl Availability {
    /// How many units can be promised in all.
    pub const fn units(&self) -> i64 {
        self.on_hand.saturating_add(self.backorder)
    }
}

/// What of the units of an order can leave the house.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Covered {
    /// The product.
    pub product_id: ProductId,
    /// How many units left before or can leave now; the rest of the promise is still to come.
    pub units: i64,
    /// When units that lie there may leave, if they have to wait for a day.
    pub from: Option<Timestamp>,
}

/// Why stock was not promised or kept.
#[derive(Debug, thiserror::Error)]
pub enum StockError {
    /// There is not enough of these; nothing was reserved.
    #[error("not enough stock of {} products", .0.len())]
    OutOfStock(Vec<Shortage>),
    /// The promise has ended: released or past its deadline.
    #[error("the reservation has ended")]
    ReservationEnded,
    /// Nothing is known.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Stock, as checkout sees it. Every command is idempotent by its order: repeated, it changes
/// nothing and answers the same.
#[async_trait]
pub trait Stock: Send + Sync {
    /// Promises all lines to the order until the deadline, or none of them. A repetition keeps what
    /// was promised, wherever it is to go by now.
    async fn reserve(
        &self,
        order: OrderId,
        lines: &[StockLine],
        to: Option<&Destination>,
        until: Timestamp,
    ) -> Result<(), StockError>;

    /// Moves the deadline of the order's promise, e.g. while the shopper authenticates.
    async fn extend(&self, order: OrderId, until: Timestamp) -> Result<(), StockError>;

    /// Makes the order's promise final: it no longer expires.
    async fn commit(&self, order: OrderId) -> Result<(), StockError>;

    /// Gives everything promised to the order back. After it, `reserve` for this order refuses
    /// with [`StockError::ReservationEnded`], so that a late repetition cannot promise it again.
    async fn release(&self, order: OrderId) -> Result<(), StockError>;

    /// Some of the promised units left the house, once for each key. The promise must be final, and the
    /// units lie there. When more is named than is promised still, [`StockError::OutOfStock`] says how much that is, and
    /// nothing is changed; so it is with the other two.
    async fn ship_part(
        &self,
        order: OrderId,
        key: &str,
        lines: &[StockLine],
    ) -> Result<(), StockError>;

    /// Gives some of the promised units back, once for each key.
    async fn release_part(
        &self,
        order: OrderId,
        key: &str,
        lines: &[StockLine],
    ) -> Result<(), StockError>;

    /// Some of the units that left the house came back and lie where they were, once for each key.
    async fn take_back(
        &self,
        order: OrderId,
        key: &str,
        lines: &[StockLine],
    ) -> Result<(), StockError>;

    /// Promises more units to an order whose promise is final, all of them or none, once for each key.
    async fn reserve_more(
        &self,
        order: OrderId,
        key: &str,
        lines: &[StockLine],
        to: Option<&Destination>,
    ) -> Result<(), StockError>;

    /// Takes back what `reserve_more` promised by this key. After it, the key is refused with
    /// [`StockError::ReservationEnded`], so that a late repetition promises nothing.
    async fn take_back_more(&self, order: OrderId, key: &str) -> Result<(), StockError>;

    /// What can be promised of each product now; products without stock are left out.
    async fn available(&self, products: &[ProductId]) -> Result<Vec<Availability>, Unavailable>;

    /// What of the order's units can leave the house now, product by product. It becomes less only by
    /// what happens to this very order.
    async fn covered(&self, order: OrderId) -> Result<Vec<Covered>, Unavailable>;
}
