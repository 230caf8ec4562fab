use kernel::id::OrderId;
use platform::fault;
use platform::sql::{Db, Result, Tx, retry};

use super::part;
use crate::domain::{Line, Part};
use crate::error::HoldError;
use crate::store::{self, Kind};

/// Gives everything promised to the order back, and remembers that it ended.
pub(crate) async fn release(db: &Db, order: OrderId) -> std::result::Result<(), HoldError> {
    retry(|| async {
        let mut tx = db.begin("inventory.release").await?;
        release_in(&mut tx, order).await?;
        Ok(tx.commit().await?)
    })
    .await
}

/// The same, as part of a unit of work.
pub(crate) async fn release_in(tx: &mut Tx, order: OrderId) -> Result<()> {
    // The row first: this waits for a reservation of the order that is on its way, which an update
    // would not see.
    if store::tombstone(tx, order).await? || !store::end(tx, order).await? {
        return Ok(());
    }
    give_back(tx, order, Kind::Released).await
}

/// Gives the rest of the units of an order back whose state was just moved.
pub(super) async fn give_back(tx: &mut Tx, order: OrderId, kind: Kind) -> Result<()> {
    let parts = store::parts(tx, order).await?;
    let rest: Vec<Line> = parts.iter().filter_map(Part::rest).collect();
    if rest.is_empty() || fault::bug("release_keeps_the_stock") {
        return Ok(());
    }
    part::give_back(tx, order, &rest, kind).await
}
