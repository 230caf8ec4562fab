use async_trait::async_trait;
use chrono::TimeDelta;
use kernel::Envelope;
use kernel::events::{OrderCancelled, OrderFailed};
use platform::bus::{HandlerError, Reaction, Topic};
use platform::sql::Tx;

use crate::usecase::give_back::release_in;

/// What it hears of.
pub const TOPICS: [Topic; 2] = [Topic::of::<OrderCancelled>(), Topic::of::<OrderFailed>()];

/// Gives back what paid an order that came to nothing.
pub struct Cancelled {
    /// How long a card whose time is over can be spent then.
    pub prolonged: TimeDelta,
}

#[async_trait]
impl Reaction for Cancelled {
    async fn apply(&self, tx: &mut Tx, event: &Envelope) -> Result<(), HandlerError> {
        if let Some(cancelled) = event.open::<OrderCancelled>() {
            release_in(tx, cancelled?.order_id, self.prolonged).await?;
        } else if let Some(failed) = event.open::<OrderFailed>() {
            // Its checkout gave back already, unless a node of before gift cards undid it.
            release_in(tx, failed?.order_id, self.prolonged).await?;
        }
        Ok(())
    }
}
