//! An order that was confirmed is called off: the carrier is told.

use std::sync::Arc;

use async_trait::async_trait;
use kernel::Envelope;
use kernel::events::OrderCancelled;
use kernel::ports::Logistics;
use platform::bus::{Effect, HandlerError, Topic};
use platform::fault;

/// What it hears of.
pub const TOPICS: [Topic; 1] = [Topic::of::<OrderCancelled>()];

/// Calls the booking off at the carrier, whose command is idempotent by its order. The order's row has
/// decided already; one that was never confirmed was recalled by the saga's undo.
pub struct Recall {
    /// The carrier.
    pub logistics: Arc<dyn Logistics>,
}

#[async_trait]
impl Effect for Recall {
    async fn perform(&self, event: &Envelope) -> Result<(), HandlerError> {
        let Some(cancelled) = event.open::<OrderCancelled>() else { return Ok(()) };
        let cancelled = cancelled?;
        if cancelled.was_confirmed {
            fault::point("before call of", "logistics.cancel");
            self.logistics.cancel(cancelled.order_id).await?;
        }
        Ok(())
    }
}
