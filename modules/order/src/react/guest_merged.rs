//! A guest has logged in: their cart goes into the one of their account, and their orders are its.

use async_trait::async_trait;
use kernel::Envelope;
use kernel::events::GuestMerged;
use platform::bus::{HandlerError, Reaction, Topic};
use platform::sql::Tx;

use crate::store::{cart, orders};

/// What it hears of.
pub const TOPICS: [Topic; 1] = [Topic::of::<GuestMerged>()];

/// Moves all lines at once, in the commit that moves the cursor: none is lost and none is there
/// twice. The account's cart is waited for while it is being ordered. What the guest orders right now
/// is the account's order; if it comes to nothing, its end brings the cart over.
pub struct MergeCarts;

#[async_trait]
impl Reaction for MergeCarts {
    async fn apply(&self, tx: &mut Tx, event: &Envelope) -> Result<(), HandlerError> {
        let Some(merged) = event.open::<GuestMerged>() else { return Ok(()) };
        let GuestMerged { guest_id, customer_id } = merged?;
        // Before the cart is looked at, as a checkout that ends takes the order's row first too: either
        // it finds the account, or this finds the cart let go.
        orders::adopt(tx, guest_id, customer_id).await?;
        let Some(guest) = cart::to_merge(tx, guest_id).await? else { return Ok(()) };
        if guest.ordering {
            // It may have been placed while this waited for its cart.
            return Ok(orders::adopt(tx, guest_id, customer_id).await?);
        }
        let into = cart::touch(tx, customer_id).await?;
        let into = into.ok_or("the cart of the account is being ordered")?;
        Ok(cart::merge(tx, guest.id, into).await?)
    }
}
