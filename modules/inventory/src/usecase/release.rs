use kernel::events::StockReleased;
use kernel::id::{OrderId, StockId};
use platform::fault;
use platform::sql::{Db, Result, Tx, retry};

use super::{not_held, pair};
use crate::error::HoldError;
use crate::store::{self, Cause, Kind, Moved, STOCK};

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

/// Gives the units of an order back whose state was just moved.
pub(super) async fn give_back(tx: &mut Tx, order: OrderId, kind: Kind) -> Result<()> {
    let lines = store::lines(tx, order).await?;
    if lines.is_empty() || fault::bug("release_keeps_the_stock") {
        return Ok(());
    }
    let amounts: Vec<(StockId, i64)> =
        lines.iter().map(|line| (line.stock_id, line.quantity)).collect();
    let changed = STOCK.give(tx, &amounts).await?.map_err(|_| not_held(&lines[0]))?;
    let mut moved = Vec::with_capacity(lines.len());
    for (line, row) in pair(&lines, &changed)? {
        let (stock_id, product_id, version) = (line.stock_id, line.product_id, row.version);
        moved.push(Moved { stock_id, product_id, version, on_hand: 0, reserved: -line.quantity });
        let event = StockReleased {
            stock_id,
            product_id,
            order_id: order,
            quantity: line.quantity,
            on_hand: row.limit,
            reserved: row.used,
            reason: kind.word().to_owned(),
        };
        tx.emit(&event, version)?;
    }
    let cause = Cause { kind, order: Some(order), reason: "given back", actor: None };
    store::record(tx, cause, &moved).await
}
