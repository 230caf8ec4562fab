use kernel::events::StockAdjusted;
use kernel::id::ProductId;
use platform::sql::{Error, Result, Tx};

use crate::domain::UNITS_MAX;
use crate::store::{self, Cause, Kind, Moved};

const REASON: &str = "opening stock";

/// Opens stock of a new product, as part of a unit of work; does nothing when it is there already.
pub(crate) async fn open(
    tx: &mut Tx,
    product_id: ProductId,
    location: &str,
    units: i64,
) -> Result<()> {
    if !(0..=UNITS_MAX).contains(&units) {
        return Err(Error::Inconsistent(format!(
            "product {product_id}: the opening stock {units} is not 0 to {UNITS_MAX}"
        )));
    }
    let Some(opened) = store::open(tx, product_id, location, units).await? else { return Ok(()) };
    if units == 0 {
        return Ok(());
    }
    let store::Opened { stock_id, version } = opened;
    let event = StockAdjusted {
        stock_id,
        product_id,
        location: location.to_owned(),
        is_for_sale: true,
        delta: units,
        on_hand: units,
        reserved: 0,
        safety: 0,
        backorder_max: 0,
        available_from: None,
        reason: REASON.to_owned(),
    };
    tx.emit(&event, version)?;
    let cause = Cause { kind: Kind::Opened, order: None, reason: REASON, actor: None };
    let moved = Moved { stock_id, product_id, version, on_hand: units, reserved: 0 };
    store::record(tx, cause, &[moved]).await
}
