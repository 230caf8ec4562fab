use async_trait::async_trait;
use kernel::Envelope;
use kernel::events::{CustomerErased, GuestMerged};
use platform::bus::{HandlerError, Reaction, Subscription, Topic};
use platform::sql::Tx;

use crate::{Payments, store};

/// What becomes of payments when something happens to who paid: whoever is erased is told of no more, and a guest who
/// logs in takes along what they paid.
pub struct People;

impl People {
    /// The subscription.
    pub fn subscription(payments: &Payments) -> Subscription {
        let topics = [Topic::of::<CustomerErased>(), Topic::of::<GuestMerged>()];
        Subscription::reaction("payment.people", &payments.db, topics, Self)
    }
}

#[async_trait]
impl Reaction for People {
    async fn apply(&self, tx: &mut Tx, event: &Envelope) -> Result<(), HandlerError> {
        if let Some(erased) = event.open::<CustomerErased>() {
            store::erase(tx, erased?.customer_id).await?;
        } else if let Some(merged) = event.open::<GuestMerged>() {
            let GuestMerged { guest_id, customer_id } = merged?;
            store::adopt(tx, guest_id, customer_id).await?;
        }
        Ok(())
    }
}
