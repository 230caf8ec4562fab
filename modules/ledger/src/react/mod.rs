//! What the journal is made of.

use async_trait::async_trait;
use kernel::Envelope;
use kernel::events::{
    CreditAdjusted, CreditExpired, CreditGivenBack, CreditIssued, CreditRefunded, CreditSpent,
    OrderCancelled, OrderConfirmed, OrderEdited, OrderExchanged, OrderFailed, OrderRefunded,
    PaymentCaptured, PaymentDisputeClosed, PaymentDisputed, PaymentRefunded,
};
use kernel::id::OrderId;
use platform::bus::{HandlerError, Reaction, Topic};
use platform::fault;
use platform::sql::Tx;
use serde::Deserialize;

use crate::domain::{Replacement, SoFar, ends, entry, movement, shares};
use crate::store;

/// What it hears of.
pub(crate) const TOPICS: [Topic; 16] = [
    Topic::of::<OrderConfirmed>(),
    Topic::of::<OrderFailed>(),
    Topic::of::<OrderCancelled>(),
    Topic::of::<OrderEdited>(),
    Topic::of::<OrderRefunded>(),
    Topic::of::<OrderExchanged>(),
    Topic::of::<PaymentCaptured>(),
    Topic::of::<PaymentRefunded>(),
    Topic::of::<PaymentDisputed>(),
    Topic::of::<PaymentDisputeClosed>(),
    Topic::of::<CreditIssued>(),
    Topic::of::<CreditSpent>(),
    Topic::of::<CreditGivenBack>(),
    Topic::of::<CreditRefunded>(),
    Topic::of::<CreditExpired>(),
    Topic::of::<CreditAdjusted>(),
];

/// Journals what moves money. The journal is held before it is asked for anything, so that of two that tell of
/// one order the second knows what the first has posted.
pub(crate) struct Journal;

#[async_trait]
impl Reaction for Journal {
    async fn apply(&self, tx: &mut Tx, event: &Envelope) -> Result<(), HandlerError> {
        let mut held = store::lock(tx).await?;
        let known = match asks_for(event)? {
            Some(order) => store::so_far(tx, &held, order).await?,
            None => SoFar::default(),
        };
        let so_far = SoFar { replacement: replacement(tx, event).await?, ..known };
        if let Some(order) = ends(event) {
            store::call_off(tx, order).await?;
        }
        if let Some(entry) = entry(event, &so_far)? {
            store::append(tx, &mut held, &[entry]).await?;
        }
        if let Some(movement) = movement(event)?
            && !(event.is::<PaymentRefunded>() && fault::bug("movement_is_forgotten"))
        {
            store::add_movement(tx, &movement).await?;
        }
        Ok(())
    }

    /// What was journaled stays: a replay adds what is not there yet.
    async fn reset(&self, _: &mut Tx) -> Result<(), HandlerError> {
        Ok(())
    }
}

/// The replacement that an event of orders is about, if it is one; it is remembered by the first that tells.
async fn replacement(tx: &mut Tx, event: &Envelope) -> Result<Option<Replacement>, HandlerError> {
    let Some((order, account)) = shares(event)? else { return Ok(None) };
    if let Some(account) = account {
        store::share(tx, order, account).await?;
    }
    Ok(store::replacement(tx, order).await?)
}

/// The order that has to be known for the entry of an event.
fn asks_for(event: &Envelope) -> Result<Option<OrderId>, serde_json::Error> {
    #[derive(Deserialize)]
    struct OfOrder {
        order_id: OrderId,
        #[serde(default)]
        by_staff: bool,
    }
    if event.is::<PaymentRefunded>() || event.is::<PaymentDisputeClosed>() {
        let of = OfOrder::deserialize(&event.data)?;
        let asks = of.by_staff || event.is::<PaymentDisputeClosed>();
        return Ok(asks.then_some(of.order_id));
    }
    Ok(ends(event))
}
