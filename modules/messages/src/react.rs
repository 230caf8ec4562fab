//! What the module hears of.

use async_trait::async_trait;
use kernel::Envelope;
use kernel::events::{
    OrderCancelled, OrderConfirmed, OrderDelivered, OrderFailed, OrderShipped,
    PaymentActionRequired,
};
use kernel::id::OrderId;
use platform::bus::{HandlerError, Reaction, Topic};
use platform::sql::Tx;
use serde::Deserialize;
use tokio::sync::watch;

use crate::domain::kind::Kind;
use crate::domain::state::{State, is_worth_telling};
use crate::store::message::{self, CUSTOMER, EMAIL, Fresh};

/// What it hears of.
pub(crate) const TOPICS: [Topic; 6] = [
    Topic::of::<OrderConfirmed>(),
    Topic::of::<OrderFailed>(),
    Topic::of::<OrderCancelled>(),
    Topic::of::<OrderShipped>(),
    Topic::of::<OrderDelivered>(),
    Topic::of::<PaymentActionRequired>(),
];

/// Notes whom each event is told to, in the commit that moves the cursor.
pub(crate) struct Tell {
    /// Wakes those who send.
    pub wake: watch::Sender<u64>,
}

/// What all these events have.
#[derive(Deserialize)]
struct OfOrder {
    order_id: OrderId,
}

#[async_trait]
impl Reaction for Tell {
    async fn apply(&self, tx: &mut Tx, event: &Envelope) -> Result<(), HandlerError> {
        let OfOrder { order_id } = OfOrder::deserialize(&event.data)?;
        let Some(kind) = Kind::of_event(&event.kind) else { return Ok(()) };
        let is_worth = is_worth_telling(event.time, tx.now());
        let letter = Fresh {
            event,
            order: Some(order_id),
            channel: EMAIL,
            recipient: CUSTOMER,
            due_at: event.time + kind.delay(),
            state: if is_worth { State::Waiting } else { State::Outdated },
        };
        Ok(message::insert(tx, &letter).await?)
    }

    fn committed(&self, _: &[&Envelope]) {
        self.wake.send_modify(|times| *times += 1);
    }

    /// Nothing is emptied: a replay adds what is missing, and what was told is not told again.
    async fn reset(&self, _: &mut Tx) -> Result<(), HandlerError> {
        Ok(())
    }
}
