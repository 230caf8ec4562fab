//! The shopper has authenticated, or the payment ended otherwise: the checkout, the edit or the exchange that
//! waits for it goes on.

use async_trait::async_trait;
use kernel::Envelope;
use kernel::events::{PaymentAuthorized, PaymentFailed};
use platform::bus::{HandlerError, Reaction, Topic};
use platform::fault;
use platform::saga::{self, Coordinator};
use platform::sql::Tx;

use crate::saga::checkout::Checkout;
use crate::saga::edit::Edit;
use crate::saga::exchange::Exchange;

/// What it hears of.
pub const TOPICS: [Topic; 2] = [Topic::of::<PaymentAuthorized>(), Topic::of::<PaymentFailed>()];

/// Nudges the checkout of the payment's order, or the edit or the exchange that it pays.
pub struct PaymentSettled {
    /// Who runs the checkouts.
    pub checkouts: Coordinator<Checkout>,
    /// Who runs the edits.
    pub edits: Coordinator<Edit>,
    /// Who runs the exchanges.
    pub exchanges: Coordinator<Exchange>,
}

#[async_trait]
impl Reaction for PaymentSettled {
    async fn apply_all(&self, tx: &mut Tx, events: &[&Envelope]) -> Result<(), HandlerError> {
        if fault::bug("challenge_is_not_heard") {
            return Ok(());
        }
        let (mut orders, mut changes) = (Vec::new(), Vec::new());
        for event in events {
            let (order, change) = if let Some(authorized) = event.open::<PaymentAuthorized>() {
                let authorized = authorized?;
                (authorized.order_id, authorized.change_id)
            } else if let Some(failed) = event.open::<PaymentFailed>() {
                let failed = failed?;
                (failed.order_id, failed.change_id)
            } else {
                continue;
            };
            match change {
                Some(change) => changes.push(change.uuid()),
                None => orders.push(order.uuid()),
            }
        }
        if saga::nudge(tx, &changes).await? > 0 {
            let (edits, exchanges) = (self.edits.clone(), self.exchanges.clone());
            tx.after_commit(move || {
                edits.wake();
                exchanges.wake();
            });
        }
        if saga::nudge(tx, &orders).await? > 0 {
            let checkouts = self.checkouts.clone();
            tx.after_commit(move || checkouts.wake());
        }
        Ok(())
    }
}
