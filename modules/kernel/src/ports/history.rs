use async_trait::async_trait;

use super::Unavailable;
use crate::clock::Timestamp;
use crate::id::OrderId;

/// The most that one part of the house tells of an order, the first of it: far more than an order that
/// people handle comes to.
pub const TOLD_MAX: i64 = 200;

/// Something that happened to an order and that another module wrote down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastEvent {
    /// When.
    pub at: Timestamp,
    /// What, e.g. `payment_capture`.
    pub what: String,
    /// `done`, `waits`, `unknown`, `refused`, `failed`.
    pub outcome: String,
    /// What was said of it, for the staff.
    pub detail: Option<String>,
    /// Whether the staff alone is told of it.
    pub internal: bool,
}

/// Knows a part of what happened to orders.
#[async_trait]
pub trait History: Send + Sync {
    /// What happened to an order, the first first, at most [`TOLD_MAX`].
    async fn of_order(&self, order: OrderId) -> Result<Vec<PastEvent>, Unavailable>;
}
