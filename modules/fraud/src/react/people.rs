use async_trait::async_trait;
use kernel::Envelope;
use kernel::events::{CustomerErased, GuestMerged};
use platform::bus::{HandlerError, Reaction, Topic};
use platform::sql::Tx;

use crate::store::people;

/// Forgets whoever is erased; what was decided about a guest is about the account that they log in to.
pub struct People;

impl People {
    /// What it hears of.
    pub const TOPICS: [Topic; 2] = [Topic::of::<CustomerErased>(), Topic::of::<GuestMerged>()];
}

#[async_trait]
impl Reaction for People {
    async fn apply(&self, tx: &mut Tx, event: &Envelope) -> Result<(), HandlerError> {
        if let Some(erased) = event.open::<CustomerErased>() {
            people::forget(tx, erased?.customer_id).await?;
        } else if let Some(merged) = event.open::<GuestMerged>() {
            let GuestMerged { guest_id, customer_id } = merged?;
            people::adopt(tx, guest_id, customer_id).await?;
        }
        Ok(())
    }
}
