//! A guest has logged in: their cart goes into the one of their account.

use async_trait::async_trait;
use kernel::Envelope;
use kernel::events::GuestMerged;
use platform::bus::{HandlerError, Reaction, Topic};
use platform::sql::Tx;

use crate::store::cart;

/// What it hears of.
pub const TOPICS: [Topic; 1] = [Topic::of::<GuestMerged>()];

/// Moves all lines at once, in the commit that moves the cursor: none is lost and none is there
/// twice. A cart that is being ordered right now is waited for.
pub struct MergeCarts;

#[async_trait]
impl Reaction for MergeCarts {
    async fn apply(&self, tx: &mut Tx, event: &Envelope) -> Result<(), HandlerError> {
        let Some(merged) = event.open::<GuestMerged>() else { return Ok(()) };
        let GuestMerged { guest_id, customer_id } = merged?;
        let Some(guest) = cart::to_merge(tx, guest_id).await? else { return Ok(()) };
        if guest.ordering {
            // The guest buys just what is in it.
            return Ok(());
        }
        let into = cart::touch(tx, customer_id).await?;
        let into = into.ok_or("the cart of the account is being ordered")?;
        Ok(cart::merge(tx, guest.id, into).await?)
    }
}
