//! What the journal is made of.

use std::collections::HashSet;

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

use crate::domain::{Entry, Movement, Replacement, SoFar, ends, entry, movement, shares};
use crate::store::{self, Held};

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
    async fn apply_all(&self, tx: &mut Tx, events: &[&Envelope]) -> Result<(), HandlerError> {
        let mut held = store::lock(tx).await?;
        let mut replacements = replacements(tx, events).await?;
        let mut plain = Batch::default();
        for event in events {
            if depends(event, &mut replacements)? {
                plain.append(tx, &mut held).await?;
                let so_far = so_far(tx, &held, event).await?;
                plain.add(event, &so_far)?;
                plain.append(tx, &mut held).await?;
            } else {
                plain.add(event, &SoFar::default())?;
            }
        }
        plain.append(tx, &mut held).await
    }

    /// What was journaled stays: a replay adds what is not there yet.
    async fn reset(&self, _: &mut Tx) -> Result<(), HandlerError> {
        Ok(())
    }
}

/// What is not appended yet.
#[derive(Default)]
struct Batch {
    entries: Vec<Entry>,
    movements: Vec<Movement>,
}

impl Batch {
    fn add(&mut self, event: &Envelope, so_far: &SoFar) -> Result<(), HandlerError> {
        self.entries.extend(entry(event, so_far)?);
        if !(event.is::<PaymentRefunded>() && fault::bug("movement_is_forgotten")) {
            self.movements.extend(movement(event)?);
        }
        Ok(())
    }

    async fn append(&mut self, tx: &mut Tx, held: &mut Held) -> Result<(), HandlerError> {
        store::append(tx, held, &std::mem::take(&mut self.entries)).await?;
        Ok(store::add_movements(tx, &std::mem::take(&mut self.movements)).await?)
    }
}

/// The replacements among the orders that events are about.
async fn replacements(tx: &mut Tx, events: &[&Envelope]) -> Result<HashSet<OrderId>, HandlerError> {
    let mut orders = Vec::new();
    for event in events {
        orders.extend(shares(event)?.map(|(order, _)| order));
    }
    Ok(store::replacements(tx, &orders).await?)
}

/// Whether the entry of an event depends on what was journaled before it.
fn depends(
    event: &Envelope,
    replacements: &mut HashSet<OrderId>,
) -> Result<bool, serde_json::Error> {
    let is_of_replacement = match shares(event)? {
        Some((order, Some(_))) => {
            replacements.insert(order);
            true
        }
        Some((order, None)) => replacements.contains(&order),
        None => false,
    };
    Ok(is_of_replacement || asks_for(event)?.is_some())
}

/// What the journal knows of what an event is about.
async fn so_far(tx: &mut Tx, held: &Held, event: &Envelope) -> Result<SoFar, HandlerError> {
    let known = match asks_for(event)? {
        Some(order) => store::so_far(tx, held, order).await?,
        None => SoFar::default(),
    };
    let so_far = SoFar { replacement: replacement(tx, event).await?, ..known };
    if let Some(order) = ends(event) {
        store::call_off(tx, order).await?;
    }
    Ok(so_far)
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
