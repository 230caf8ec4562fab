//! What is ordered makes products popular.

use async_trait::async_trait;
use chrono::DateTime;
use kernel::Envelope;
use kernel::events::OrderConfirmed;
use platform::bus::{HandlerError, Reaction, Topic};
use platform::sql::Tx;
use uuid::Uuid;

use crate::store::popularity;

/// What it wants to hear of.
pub(crate) const TOPICS: [Topic; 1] = [Topic::of::<OrderConfirmed>()];

/// Counts the units of a product that are sold on a day.
pub(crate) struct Sales;

#[async_trait]
impl Reaction for Sales {
    async fn apply(&self, tx: &mut Tx, event: &Envelope) -> Result<(), HandlerError> {
        let Some(order) = event.open::<OrderConfirmed>() else { return Ok(()) };
        let lines = order?.lines;
        let units: Vec<(Uuid, i64)> =
            lines.iter().map(|line| (line.product_id.uuid(), line.quantity)).collect();
        let day = event.time.signed_duration_since(DateTime::UNIX_EPOCH).num_days();
        Ok(popularity::sold(tx, day, &units).await?)
    }

    async fn reset(&self, tx: &mut Tx) -> Result<(), HandlerError> {
        Ok(popularity::forget(tx).await?)
    }
}
