//! Tells the customer what became of an order.

use std::sync::Arc;

use async_trait::async_trait;
use kernel::Envelope;
use kernel::events::{OrderCancelled, OrderConfirmed, OrderFailed, OrderShipped};
use kernel::id::CustomerId;
use kernel::ports::{Notification, Notifier};
use platform::bus::{Effect, HandlerError, Topic};
use serde::Deserialize;

/// What it hears of.
pub const TOPICS: [Topic; 4] = [
    Topic::of::<OrderConfirmed>(),
    Topic::of::<OrderFailed>(),
    Topic::of::<OrderCancelled>(),
    Topic::of::<OrderShipped>(),
];

/// Hands a message over for each of them.
pub struct Notify {
    /// Who delivers messages.
    pub notifier: Arc<dyn Notifier>,
}

/// What all these events have.
#[derive(Deserialize)]
struct OfCustomer {
    customer_id: CustomerId,
}

#[async_trait]
impl Effect for Notify {
    async fn perform(&self, event: &Envelope) -> Result<(), HandlerError> {
        let kind = match event.kind.as_str() {
            "order.confirmed" => "ORDER_CONFIRMED",
            "order.failed" => "ORDER_FAILED",
            "order.cancelled" => "ORDER_CANCELLED",
            _ => "ORDER_SHIPPED",
        };
        let OfCustomer { customer_id } = OfCustomer::deserialize(&event.data)?;
        let data = event.data.clone();
        let notification = Notification { event_id: event.id, kind, customer_id, data };
        Ok(self.notifier.notify(&notification).await?)
    }
}
