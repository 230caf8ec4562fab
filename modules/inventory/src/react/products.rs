use async_trait::async_trait;
use kernel::Envelope;
use kernel::events::ProductCreated;
use platform::bus::{HandlerError, Reaction};
use platform::sql::Tx;

use crate::{Inventory, usecase};

/// Opens stock for new products, with their opening stock.
pub(crate) struct Products(pub(crate) Inventory);

#[async_trait]
impl Reaction for Products {
    async fn apply(&self, tx: &mut Tx, event: &Envelope) -> Result<(), HandlerError> {
        if let Some(created) = event.open::<ProductCreated>() {
            let created = created?;
            let units = created.opening_stock.unwrap_or_default();
            usecase::open(tx, created.product_id, &self.0.settings.location, units).await?;
        }
        Ok(())
    }
}
