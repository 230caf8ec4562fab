//! `inventory_count` follows what the inventory tells.

use std::collections::BTreeMap;

use async_trait::async_trait;
use kernel::events::{
    LocationChanged, StockAdjusted, StockReleased, StockReserved, StockReturned, StockShipped,
};
use kernel::id::{ProductId, StockId};
use kernel::{Envelope, Event, Timestamp};
use platform::bus::{HandlerError, Reaction, Topic};
use platform::sql::Tx;
use serde::Deserialize;

use crate::pages::Pages;
use crate::store::stock::{self, Noted};
use crate::usecase::bundles::tell;

/// What it wants to hear of.
pub(crate) const TOPICS: [Topic; 6] = [
    Topic::of::<StockAdjusted>(),
    Topic::of::<StockReserved>(),
    Topic::of::<StockReleased>(),
    Topic::of::<StockShipped>(),
    Topic::of::<StockReturned>(),
    Topic::of::<LocationChanged>(),
];

/// Sets a product's `inventory_count` to what can still be promised of what lies there, at all locations
/// that orders are served from, and notes what can be promised beyond that.
pub(crate) struct Stock {
    pub pages: Pages,
}

/// What all events of one stock have in common.
#[derive(Deserialize)]
struct Level {
    stock_id: StockId,
    product_id: ProductId,
    on_hand: i64,
    reserved: i64,
    /// Only an adjustment says where, and it comes first.
    #[serde(default)]
    location: Option<String>,
    #[serde(default = "yes")]
    is_for_sale: bool,
    #[serde(default)]
    safety: Option<i64>,
    #[serde(default)]
    backorder_max: Option<i64>,
    #[serde(default)]
    available_from: Option<Timestamp>,
}

const fn yes() -> bool {
    true
}

impl Level {
    /// Whether it tells no more than how many units there are.
    fn is_plain(&self) -> bool {
        let Self { location, is_for_sale, safety, backorder_max, available_from, .. } = self;
        location.is_none()
            && *is_for_sale
            && safety.is_none()
            && backorder_max.is_none()
            && available_from.is_none()
    }

    fn units(&self) -> i64 {
        self.on_hand - self.reserved
    }
}

#[async_trait]
impl Reaction for Stock {
    async fn apply_all(&self, tx: &mut Tx, events: &[&Envelope]) -> Result<(), HandlerError> {
        let mut levels: BTreeMap<StockId, stock::Level> = BTreeMap::new();
        for event in events {
            if let Some(changed) = event.open::<LocationChanged>() {
                note_levels(tx, &mut levels).await?;
                for turned in stock::note_location(tx, &changed?).await? {
                    tell(tx, turned)?;
                }
                continue;
            }
            let level = Level::deserialize(&event.data)?;
            if !level.is_plain() {
                note_levels(tx, &mut levels).await?;
                note(tx, &level).await?;
                continue;
            }
            // The newest level of a stock is what counts.
            let (stock_id, product_id, units) = (level.stock_id, level.product_id, level.units());
            levels.insert(stock_id, stock::Level { stock_id, product_id, units });
        }
        note_levels(tx, &mut levels).await
    }

    fn committed(&self, at: i64, events: &[&Envelope]) {
        if events.iter().any(|event| event.is::<LocationChanged>()) {
            self.pages.all_stock_changed(at);
        }
        let levels = events.iter().filter_map(|event| Level::deserialize(&event.data).ok());
        let products: Vec<ProductId> = levels.map(|level| level.product_id).collect();
        self.pages.stock_changed(at, &products);
    }

    /// Every node keeps pages.
    fn is_heard_everywhere(&self) -> bool {
        true
    }

    async fn reset(&self, tx: &mut Tx) -> Result<(), HandlerError> {
        Ok(stock::clear(tx).await?)
    }
}

async fn note_levels(
    tx: &mut Tx,
    levels: &mut BTreeMap<StockId, stock::Level>,
) -> Result<(), HandlerError> {
    let levels: Vec<stock::Level> = std::mem::take(levels).into_values().collect();
    if levels.is_empty() {
        return Ok(());
    }
    let counted = stock::note_levels(tx, &levels).await?;
    for level in levels.iter().filter(|level| !counted.known.contains(&level.product_id.uuid())) {
        warn_of_unknown(level.product_id);
    }
    for turned in counted.turned {
        tell(tx, turned)?;
    }
    Ok(())
}

async fn note(tx: &mut Tx, level: &Level) -> Result<(), HandlerError> {
    let noted = Noted {
        stock_id: level.stock_id,
        product_id: level.product_id,
        location: level.location.as_deref(),
        units: level.units(),
        safety: level.safety,
        backorder_max: level.backorder_max,
        available_from: level.available_from,
        is_for_sale: level.is_for_sale,
    };
    let Some(turned) = stock::note(tx, &noted).await? else {
        warn_of_unknown(level.product_id);
        return Ok(());
    };
    for turned in turned {
        tell(tx, turned)?;
    }
    Ok(())
}

fn warn_of_unknown(product_id: ProductId) {
    let source = StockAdjusted::SOURCE;
    tracing::warn!(%product_id, source, "stock of a product the catalogue lacks");
}
