//! What is ordered makes products popular.

use async_trait::async_trait;
use chrono::DateTime;
use kernel::Envelope;
use kernel::events::{OrderConfirmed, OrderEdited, SoldLine};
use platform::bus::{HandlerError, Reaction, Topic};
use platform::sql::Tx;
use uuid::Uuid;

use crate::store::popularity;

/// What it wants to hear of.
pub(crate) const TOPICS: [Topic; 2] = [Topic::of::<OrderConfirmed>(), Topic::of::<OrderEdited>()];

/// Counts the units of a product that are sold on a day.
pub(crate) struct Sales;

#[async_trait]
impl Reaction for Sales {
    async fn apply(&self, tx: &mut Tx, event: &Envelope) -> Result<(), HandlerError> {
        let units = if let Some(order) = event.open::<OrderConfirmed>() {
            more(&order?.lines, &[])
        } else if let Some(order) = event.open::<OrderEdited>() {
            // What is called off after it was ordered was wanted all the same.
            let order = order?;
            more(&order.lines, &order.lines_before)
        } else {
            return Ok(());
        };
        if units.is_empty() {
            return Ok(());
        }
        let day = event.time.signed_duration_since(DateTime::UNIX_EPOCH).num_days();
        Ok(popularity::sold(tx, day, &units).await?)
    }

    async fn reset(&self, tx: &mut Tx) -> Result<(), HandlerError> {
        Ok(popularity::forget(tx).await?)
    }
}

/// The products of which there are more units than before, and how many.
fn more(lines: &[SoldLine], before: &[SoldLine]) -> Vec<(Uuid, i64)> {
    let units = |line: &SoldLine| {
        let had = before.iter().find(|had| had.product_id == line.product_id);
        let more = line.quantity - had.map_or(0, |had| had.quantity);
        (more > 0).then_some((line.product_id.uuid(), more))
    };
    lines.iter().filter_map(units).collect()
}
