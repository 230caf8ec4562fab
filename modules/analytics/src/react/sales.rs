use async_trait::async_trait;
use kernel::Envelope;
use kernel::events::{OrderCancelled, OrderConfirmed};
use platform::bus::{HandlerError, Reaction};
use platform::sql::Tx;

use crate::domain::Sale;
use crate::store;

/// Counts confirmed orders, and takes cancelled ones back.
pub(crate) struct Sales;

#[async_trait]
impl Reaction for Sales {
    async fn apply(&self, tx: &mut Tx, event: &Envelope) -> Result<(), HandlerError> {
        if let Some(confirmed) = event.open::<OrderConfirmed>() {
            let confirmed = confirmed?;
            let sale = Sale::of(event.time, confirmed.total, &confirmed.lines)?;
            store::add(tx, &sale).await?;
        } else if let Some(cancelled) = event.open::<OrderCancelled>() {
            let cancelled = cancelled?;
            if !cancelled.was_confirmed {
                // It was never counted.
                return Ok(());
            }
            let sale = Sale::of(cancelled.confirmed_at, cancelled.total, &cancelled.lines)?;
            store::take_back(tx, &sale).await?;
        }
        Ok(())
    }

    async fn reset(&self, tx: &mut Tx) -> Result<(), HandlerError> {
        Ok(store::clear(tx).await?)
    }
}
