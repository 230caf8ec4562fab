use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::Unavailable;
use crate::address::Address;
use crate::id::{OrderId, ShipmentId};

/// A consignment to be booked.
#[derive(Clone)]
pub struct Booking {
    /// The order. It has at most one live booking.
    pub order_id: OrderId,
    /// Where it goes.
    pub address: Address,
    /// The shipping method the customer chose.
    pub method: String,
}

/// A booked consignment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Booked {
    /// The consignment.
    pub shipment_id: ShipmentId,
    /// The carrier's number of the parcel, when it is known.
    pub tracking: Option<String>,
}

/// Why a consignment was not booked.
#[derive(Debug, thiserror::Error)]
pub enum LogisticsError {
    /// The carrier will not take it; nothing was booked.
    #[error("refused: {0}")]
    Refused(String),
    /// Nothing is known: ask again for the same order.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Where a consignment stands in the carrier's books.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// It is expected.
    Booked,
    /// It was called off before it was picked up, or before it was booked.
    CalledOff,
    /// It was picked up.
    UnderWay,
    /// It arrived.
    Delivered,
    /// It will not arrive.
    Lost,
}

/// A consignment in the carrier's books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consignment {
    /// The order it was booked for.
    pub order_id: OrderId,
    /// The carrier's number of it; none when it was called off before it was booked.
    pub tracking: Option<String>,
    /// Where it stands.
    pub standing: Standing,
}

/// What came of calling a booking off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recall {
    /// Nothing will be carried; a late booking is refused.
    CalledOff,
    /// It was picked up before: it cannot be called off any more.
    Gone,
}

/// The carrier, as the shop sees it. Every command is idempotent by its order, and whoever calls waits
/// for a limited time: [`Unavailable`] means that the outcome is unknown.
#[async_trait]
pub trait Logistics: Send + Sync {
    /// Books a consignment.
    async fn book(&self, booking: Booking) -> Result<Booked, LogisticsError>;

    /// Calls the order's booking off. After it, `book` for this order is refused, so that a late
    /// repetition books nothing.
    async fn cancel(&self, order: OrderId) -> Result<Recall, Unavailable>;

    /// The consignment of an order: how a call stands whose outcome is unknown.
    async fn find(&self, order: OrderId) -> Result<Option<Consignment>, Unavailable>;

    /// The consignment with this number of the carrier's.
    async fn track(&self, tracking: &str) -> Result<Option<Consignment>, Unavailable>;
}
