//! The shopper has authenticated, or the payment ended otherwise: the checkout that waits for it
//! goes on.

use async_trait::async_trait;
use kernel::Envelope;
use kernel::events::{PaymentAuthorized, PaymentFailed};
use kernel::id::OrderId;
use platform::bus::{HandlerError, Reaction, Topic};
use platform::fault;
use platform::saga::{self, Coordinator};
use platform::sql::Tx;

use crate::saga::checkout::Checkout;

/// What it hears of.
pub const TOPICS: [Topic; 2] = [Topic::of::<PaymentAuthorized>(), Topic::of::<PaymentFailed>()];

/// Nudges the checkout of the payment's order.
pub struct PaymentSettled {
    /// Who runs the checkouts.
    pub checkouts: Coordinator<Checkout>,
}

#[async_trait]
impl Reaction for PaymentSettled {
    async fn apply(&self, tx: &mut Tx, event: &Envelope) -> Result<(), HandlerError> {
        let order: OrderId = if let Some(authorized) = event.open::<PaymentAuthorized>() {
            authorized?.order_id
        } else if let Some(failed) = event.open::<PaymentFailed>() {
            failed?.order_id
        } else {
            return Ok(());
        };
        if fault::bug("challenge_is_not_heard") {
            return Ok(());
        }
        if saga::nudge(tx, order.uuid()).await? > 0 {
            let checkouts = self.checkouts.clone();
            tx.after_commit(move || checkouts.wake());
        }
        Ok(())
    }
}
