use async_trait::async_trait;
use kernel::Envelope;
use kernel::events::SearchPerformed;
use platform::bus::{HandlerError, Reaction};
use platform::sql::Tx;

use crate::terms;

/// Counts what was searched for and clicked.
pub(crate) struct Searches;

#[async_trait]
impl Reaction for Searches {
    async fn apply(&self, tx: &mut Tx, event: &Envelope) -> Result<(), HandlerError> {
        if let Some(counted) = event.open::<SearchPerformed>() {
            terms::add(tx, event.time, &counted?).await?;
        }
        Ok(())
    }

    async fn reset(&self, tx: &mut Tx) -> Result<(), HandlerError> {
        Ok(terms::clear(tx).await?)
    }
}
