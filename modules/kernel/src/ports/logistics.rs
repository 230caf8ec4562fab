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

/// The carrier, as checkout sees it. Every command is idempotent by its order.
#[async_trait]
pub trait Logistics: Send + Sync {
    /// Books a consignment.
    async fn book(&self, booking: Booking) -> Result<Booked, LogisticsError>;

    /// Calls the order's booking off; does nothing when there is none.
    async fn cancel(&self, order: OrderId) -> Result<(), Unavailable>;
}
