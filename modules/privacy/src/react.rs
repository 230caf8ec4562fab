//! What becomes of keys when something happens to people.

use async_trait::async_trait;
use kernel::Envelope;
use kernel::events::{CustomerErased, GuestMerged};
use platform::bus::{HandlerError, Reaction, Topic};
use platform::sql::Tx;

use crate::Privacy;

/// What it hears of.
pub const TOPICS: [Topic; 2] = [Topic::of::<CustomerErased>(), Topic::of::<GuestMerged>()];

/// Destroys the keys of whoever is erased; those of a guest belong to the account they logged in to.
pub struct Erased {
    /// The keys.
    pub privacy: Privacy,
}

#[async_trait]
impl Reaction for Erased {
    async fn apply(&self, tx: &mut Tx, event: &Envelope) -> Result<(), HandlerError> {
        let destroyed = if let Some(erased) = event.open::<CustomerErased>() {
            let CustomerErased { customer_id, with_records } = erased?;
            self.privacy.erase_in(tx, customer_id, with_records).await?
        } else if let Some(merged) = event.open::<GuestMerged>() {
            let GuestMerged { guest_id, customer_id } = merged?;
            self.privacy.merge_in(tx, guest_id, customer_id).await?
        } else {
            return Ok(());
        };
        let privacy = self.privacy.clone();
        tx.after_commit(move || privacy.forget(&destroyed));
        Ok(())
    }
}
