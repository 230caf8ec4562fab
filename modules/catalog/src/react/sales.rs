//! What is ordered makes products popular.

use std::collections::BTreeMap;

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
    async fn apply_all(&self, tx: &mut Tx, events: &[&Envelope]) -> Result<(), HandlerError> {
        let mut days: BTreeMap<i64, BTreeMap<Uuid, i64>> = BTreeMap::new();
        for event in events {
            let units = if let Some(order) = event.open::<OrderConfirmed>() {
                more(&order?.lines, &[])
            } else if let Some(order) = event.open::<OrderEdited>() {
                // What is called off after it was ordered was wanted all the same.
                let order = order?;
                more(&order.lines, &order.lines_before)
            } else {
                continue;
            };
            let day = event.time.signed_duration_since(DateTime::UNIX_EPOCH).num_days();
            for (product, more) in units {
                let sold = days.entry(day).or_default().entry(product).or_default();
                *sold = sold.saturating_add(more);
            }
        }
        for (day, units) in days {
            popularity::sold(tx, day, &units).await?;
        }
        Ok(())
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
