use async_trait::async_trait;
use kernel::Envelope;
use kernel::events::OrderCancelled;
use platform::bus::{Effect, HandlerError, Subscription, Topic};
use platform::fault;

use crate::usecase::cancel::cancel;
use crate::{Payments, subject_order};

/// Voids or refunds the payment of an order that was called off.
pub struct CancelPayment(Payments);

impl CancelPayment {
    /// The subscription.
    pub fn subscription(payments: &Payments) -> Subscription {
        let topics = [Topic::of::<OrderCancelled>()];
        Subscription::effect("payment.cancel", &payments.db, topics, Self(payments.clone()))
    }
}

#[async_trait]
impl Effect for CancelPayment {
    async fn perform(&self, event: &Envelope) -> Result<(), HandlerError> {
        if event.is::<OrderCancelled>() && !fault::bug("cancel_leaves_the_money") {
            cancel(&self.0, subject_order(event)).await?;
        }
        Ok(())
    }
}
