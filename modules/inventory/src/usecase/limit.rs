use kernel::id::ProductId;
use platform::audit::{self, Actor, Entry};
use platform::sql::{Db, retry};
use serde::Serialize;

use crate::domain::{Level, Limits, Location};
use crate::error::AdjustError;
use crate::store::{self, Cause, Kind, Moved};

/// What the audit log keeps of limits.
#[derive(Serialize)]
struct Told<'a> {
    location: &'a str,
    safety: i64,
    low_at: Option<i64>,
}

/// Changes what is kept back of a stock and when few units are left of it. What is promised stays
/// so, even where it is of the units that are kept back now.
pub(crate) async fn limit(
    db: &Db,
    product: ProductId,
    location: &str,
    limits: &Limits,
    actor: &Actor,
) -> Result<Level, AdjustError> {
    retry(|| async {
        let mut tx = db.begin("inventory.limit").await?;
        let limited = store::limit(&mut tx, product, location, limits).await?;
        let (level, version) = limited.ok_or(AdjustError::UnknownProduct(product))?;
        let place = store::location::find_in(&mut tx, location).await?;
        let is_for_sale = place.as_ref().is_some_and(Location::is_for_sale);
        let reason = format!("{} units are kept back", level.safety);
        let event = level.adjusted(is_for_sale, 0, &reason);
        tx.emit(&event, version)?;
        let cause = Cause { kind: Kind::Limited, order: None, reason: &reason, actor: actor.id() };
        let (stock_id, product_id) = (level.stock_id, product);
        let moved = Moved { stock_id, product_id, version, on_hand: 0, reserved: 0 };
        store::record(&mut tx, cause, &[moved]).await?;
        let told = Told { location, safety: level.safety, low_at: level.low_at };
        let entry = Entry::done("stock.limit", product.uuid(), &told)?;
        audit::record(&mut tx, actor, &[entry]).await?;
        tx.commit().await?;
        Ok(level)
    })
    .await
}
