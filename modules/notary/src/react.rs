//! What becomes of the log when something happens to people.

use async_trait::async_trait;
use kernel::Envelope;
use kernel::events::CustomerErased;
use platform::audit::Actor;
use platform::bus::{HandlerError, Reaction, Topic};
use platform::sql::Tx;

use crate::subject_keys::forget_in;

/// What it hears of.
pub const TOPICS: [Topic; 1] = [Topic::of::<CustomerErased>()];

/// What the log has of whoever was erased says nothing any more, and stays proved.
pub struct Forget;

#[async_trait]
impl Reaction for Forget {
    async fn apply(&self, tx: &mut Tx, event: &Envelope) -> Result<(), HandlerError> {
        let Some(erased) = event.open::<CustomerErased>() else { return Ok(()) };
        forget_in(tx, erased?.customer_id.uuid(), &Actor::SYSTEM).await?;
        Ok(())
    }
}
