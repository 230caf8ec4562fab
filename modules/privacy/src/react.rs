//! What becomes of keys when something happens to people.

use async_trait::async_trait;
use kernel::events::{CustomerErased, GuestMerged};
use platform::people::Keeps;
use platform::sql::{Result, Tx};

use crate::Privacy;

/// Whoever is erased loses their keys; those of a guest belong to the account they logged in to.
#[async_trait]
impl Keeps for Privacy {
    async fn erase(&self, tx: &mut Tx, erased: CustomerErased) -> Result<()> {
        self.erase_in(tx, erased.customer_id, erased.with_records).await
    }

    async fn adopt(&self, tx: &mut Tx, merged: GuestMerged) -> Result<()> {
        self.merge_in(tx, merged.guest_id, merged.customer_id).await
    }
}
