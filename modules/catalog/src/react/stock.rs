//! `inventory_count` follows what the inventory tells.

use async_trait::async_trait;
use kernel::events::{
    ProductAvailabilityChanged, StockAdjusted, StockReleased, StockReserved, StockShipped,
};
use kernel::id::ProductId;
use kernel::{Envelope, Event};
use platform::bus::{HandlerError, Reaction, Topic};
use platform::sql::Tx;
use serde::Deserialize;

use crate::pages::Pages;
use crate::store::products::{self, Noted};

/// What it wants to hear of.
pub(crate) const TOPICS: [Topic; 4] = [
    Topic::of::<StockAdjusted>(),
    Topic::of::<StockReserved>(),
    Topic::of::<StockReleased>(),
    Topic::of::<StockShipped>(),
];

/// Sets a product's `inventory_count` to what can still be promised of it.
pub(crate) struct Stock {
    pub pages: Pages,
}

/// What all stock events have in common.
#[derive(Deserialize)]
struct Level {
    product_id: ProductId,
    on_hand: i64,
    reserved: i64,
    /// Only an adjustment can be of a location that orders are not served from.
    #[serde(default = "yes")]
    is_for_sale: bool,
}

const fn yes() -> bool {
    true
}

#[async_trait]
impl Reaction for Stock {
    async fn apply(&self, tx: &mut Tx, event: &Envelope) -> Result<(), HandlerError> {
        let level = Level::deserialize(&event.data)?;
        if !level.is_for_sale {
            return Ok(());
        }
        let product_id = level.product_id;
        match products::set_stock(tx, product_id, level.on_hand - level.reserved).await? {
            Noted::Same => {}
            Noted::Turned { sku, version, in_stock } => {
                tx.emit(&ProductAvailabilityChanged { product_id, sku, in_stock }, version)?;
            }
            Noted::Unknown => {
                let source = StockAdjusted::SOURCE;
                tracing::warn!(%product_id, source, "stock of a product the catalogue lacks");
            }
        }
        Ok(())
    }

    fn committed(&self, events: &[&Envelope]) {
        for level in events.iter().filter_map(|event| Level::deserialize(&event.data).ok()) {
            self.pages.stock_changed(level.product_id);
        }
    }

    async fn reset(&self, tx: &mut Tx) -> Result<(), HandlerError> {
        Ok(products::clear_stock(tx).await?)
    }
}
