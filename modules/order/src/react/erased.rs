//! A customer was erased: their orders stay, and say nothing of them.

use async_trait::async_trait;
use kernel::Envelope;
use kernel::events::CustomerErased;
use platform::bus::{HandlerError, Reaction, Topic};
use platform::idempotency;
use platform::sql::Tx;

use crate::store::personal;

/// What it hears of.
pub const TOPICS: [Topic; 1] = [Topic::of::<CustomerErased>()];

/// Lets go what the module keeps about them. Lines, totals, countries and invoices stay: the books need them.
pub struct Erase;

#[async_trait]
impl Reaction for Erase {
    async fn apply(&self, tx: &mut Tx, event: &Envelope) -> Result<(), HandlerError> {
        let Some(erased) = event.open::<CustomerErased>() else { return Ok(()) };
        let customer = erased?.customer_id;
        personal::erase(tx, customer).await?;
        Ok(idempotency::forget(tx, customer).await?)
    }
}
