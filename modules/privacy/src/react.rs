//! What becomes of keys when something happens to people.

use async_trait::async_trait;
use kernel::Envelope;
use kernel::events::{CustomerErased, GuestMerged};
use platform::bus::{HandlerError, Reaction, Topic};
use platform::sql::Tx;

use crate::{Privacy, store};

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
        if let Some(erased) = event.open::<CustomerErased>() {
            let CustomerErased { customer_id, with_records } = erased?;
            self.destroy(tx, customer_id, with_records).await?;
        } else if let Some(merged) = event.open::<GuestMerged>() {
            let GuestMerged { guest_id, customer_id } = merged?;
            store::hand_over(tx, guest_id, customer_id).await?;
            // The account may have been erased before this was heard of.
            if store::is_erased(tx, customer_id).await? {
                self.destroy(tx, customer_id, false).await?;
            }
        }
        Ok(())
    }
}

impl Erased {
    async fn destroy(
        &self,
        tx: &mut Tx,
        person: kernel::id::CustomerId,
        with_records: bool,
    ) -> Result<(), HandlerError> {
        let destroyed = self.privacy.erase_in(tx, person, with_records).await?;
        let privacy = self.privacy.clone();
        tx.after_commit(move || privacy.forget(&destroyed));
        Ok(())
    }
}
