use async_trait::async_trait;
use kernel::Envelope;
use kernel::events::{OrderCancelled, OrderShipped};
use platform::bus::{HandlerError, Reaction};
use platform::sql::Tx;

use crate::usecase;

/// Takes shipped goods out of the books, and gives the stock of cancelled orders back.
pub(crate) struct Orders;

#[async_trait]
impl Reaction for Orders {
    async fn apply(&self, tx: &mut Tx, event: &Envelope) -> Result<(), HandlerError> {
        if let Some(shipped) = event.open::<OrderShipped>() {
            usecase::ship(tx, shipped?.order_id).await?;
        } else if let Some(cancelled) = event.open::<OrderCancelled>() {
            usecase::release_in(tx, cancelled?.order_id).await?;
        }
        Ok(())
    }
}
