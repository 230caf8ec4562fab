use async_trait::async_trait;
use serde::Serialize;

use super::Unavailable;
use crate::id::{CustomerId, EventId};

/// A message to a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Notification {
    /// The event it tells of; a message is sent once for it.
    pub event_id: EventId,
    /// Which message, e.g. `ORDER_FAILED`.
    pub kind: &'static str,
    /// To whom.
    pub customer_id: CustomerId,
    /// What the message is about, for its template.
    pub data: serde_json::Value,
}

/// Tells customers what happened.
#[async_trait]
pub trait Notifier: Send + Sync {
    /// Hands a message over for delivery.
    async fn notify(&self, notification: &Notification) -> Result<(), Unavailable>;
}
