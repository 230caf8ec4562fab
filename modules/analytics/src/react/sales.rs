use async_trait::async_trait;
use kernel::Envelope;
use kernel::events::{OrderCancelled, OrderConfirmed, OrderEdited, OrderExchanged, OrderRefunded};
use platform::bus::{HandlerError, Reaction};
use platform::sql::Tx;

use crate::domain::{Given, Sale};
use crate::store;

async fn count(tx: &mut Tx, sales: Vec<Sale>) -> Result<(), HandlerError> {
    for sale in Sale::sum(sales)? {
        store::add(tx, &sale).await?;
    }
    Ok(())
}

/// Counts confirmed orders, takes cancelled ones back with what they gave back, and edited ones as what
/// they are now. What orders give back counts beside what they cost.
pub(crate) struct Sales;

#[async_trait]
impl Reaction for Sales {
    async fn apply_all(&self, tx: &mut Tx, events: &[&Envelope]) -> Result<(), HandlerError> {
        let mut sales = Vec::new();
        for event in events {
            if let Some(confirmed) = event.open::<OrderConfirmed>() {
                let confirmed = confirmed?;
                sales.push(Sale::of(event.time, confirmed.total, &confirmed.lines)?);
            } else {
                // It may be about one of those before it.
                count(tx, std::mem::take(&mut sales)).await?;
                self.apply(tx, event).await?;
            }
        }
        count(tx, sales).await
    }

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
            if let Some(refunded) = cancelled.refunded {
                let given =
                    Given::of(cancelled.confirmed_at, refunded.amount, &refunded.lines)?.undone();
                store::refund(tx, &given).await?;
            }
        } else if let Some(refunded) = event.open::<OrderRefunded>() {
            let refunded = refunded?;
            // An order that was called off has no sale, and an edit took what is given back out of it.
            if !refunded.is_sold || refunded.is_difference {
                return Ok(());
            }
            let given = Given::of(refunded.confirmed_at, refunded.amount, &refunded.lines)?;
            store::refund(tx, &given).await?;
        } else if let Some(exchanged) = event.open::<OrderExchanged>() {
            let exchanged = exchanged?;
            store::refund(tx, &Given::of(exchanged.confirmed_at, exchanged.credit, &[])?).await?;
        } else if let Some(edited) = event.open::<OrderEdited>() {
            let edited = edited?;
            let before = Sale::of(edited.confirmed_at, edited.total_before, &edited.lines_before)?;
            store::take_back(tx, &before).await?;
            store::add(tx, &Sale::of(edited.confirmed_at, edited.total, &edited.lines)?).await?;
        }
        Ok(())
    }

    async fn reset(&self, tx: &mut Tx) -> Result<(), HandlerError> {
        Ok(store::clear(tx).await?)
    }
}
