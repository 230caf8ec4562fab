use kernel::Timestamp;
use kernel::events::StockReserved;
use kernel::id::{OrderId, StockId};
use kernel::ports::StockLine;
use platform::fault;
use platform::guard::Refused;
use platform::sql::{Db, Tx, retry};

use super::pair;
use crate::domain::{Level, Wanted, shortages, wanted};
use crate::error::HoldError;
use crate::store::{self, Cause, Kind, Line, Moved, STOCK};

/// Promises all lines to the order, or none: one unit of work, the same number of statements for
/// any number of lines.
pub(crate) async fn reserve(
    db: &Db,
    location: &str,
    order: OrderId,
    lines: &[StockLine],
    until: Timestamp,
) -> Result<(), HoldError> {
    let wanted = wanted(lines)?;
    retry(|| attempt(db, location, order, &wanted, until)).await
}

async fn attempt(
    db: &Db,
    location: &str,
    order: OrderId,
    wanted: &Wanted,
    until: Timestamp,
) -> Result<(), HoldError> {
    // Most of those who come too late are told so without ever asking for the writer. A row of
    // stock never changes its id, so the ids may be read before the unit of work; the quantities
    // are checked again by the guard.
    let levels = store::levels(db, location, wanted.keys().copied()).await?;
    let short = shortages(wanted, &levels);
    if !short.is_empty() && !fault::bug("refusal_is_ignored") {
        // It may be short because this very order has it.
        let before = store::find(db, order).await?;
        return before.map_or(Err(HoldError::OutOfStock(short)), |before| before.repeat(wanted));
    }
    let mut tx = db.begin("inventory.reserve").await?;
    if !store::hold(&mut tx, order, until).await? {
        let before = store::find_in(&mut tx, order).await?;
        // What it read may be on its way to the disk in the same group: nobody is told of it before
        // it is there.
        tx.commit().await?;
        return before.map_or(Err(HoldError::Ended), |before| before.repeat(wanted));
    }
    take(&mut tx, location, order, wanted, &levels).await?;
    Ok(tx.commit().await?)
}

async fn take(
    tx: &mut Tx,
    location: &str,
    order: OrderId,
    wanted: &Wanted,
    levels: &[Level],
) -> Result<(), HoldError> {
    let lines: Vec<Line> = levels
        .iter()
        .filter_map(|level| {
            let Level { stock_id, product_id, .. } = *level;
            let quantity = *wanted.get(&product_id)?;
            Some(Line { stock_id, product_id, quantity })
        })
        .collect();
    let amounts: Vec<(StockId, i64)> =
        lines.iter().map(|line| (line.stock_id, line.quantity)).collect();
    let changed = match STOCK.take(tx, &amounts).await? {
        Ok(changed) => changed,
        Err(_) if fault::bug("refusal_is_ignored") => return Ok(()),
        Err(refused) => return Err(refusal(tx, location, wanted, &refused).await?),
    };
    store::save_lines(tx, order, &lines).await?;
    let mut moved = Vec::with_capacity(lines.len());
    for (line, row) in pair(&lines, &changed)? {
        let &Line { stock_id, product_id, quantity } = line;
        let version = row.version;
        moved.push(Moved { stock_id, product_id, version, on_hand: 0, reserved: quantity });
        let event = StockReserved {
            stock_id,
            product_id,
            order_id: order,
            quantity,
            on_hand: row.limit,
            reserved: row.used,
        };
        tx.emit(&event, version)?;
    }
    if fault::bug("reserve_forgets_its_movement") {
        return Ok(());
    }
    let cause = Cause { kind: Kind::Reserved, order: Some(order), reason: "ordered", actor: None };
    Ok(store::record(tx, cause, &moved).await?)
}

/// Which lines are short. What was refused was left as it was, and on PostgreSQL is locked by now.
async fn refusal(
    tx: &mut Tx,
    location: &str,
    wanted: &Wanted,
    refused: &Refused,
) -> Result<HoldError, HoldError> {
    let levels = store::levels_in(tx, location, wanted.keys().copied()).await?;
    let asked: Wanted = levels
        .iter()
        .filter(|level| refused.0.contains(&level.stock_id.to_string()))
        .filter_map(|level| wanted.get_key_value(&level.product_id))
        .map(|(product, quantity)| (*product, *quantity))
        .collect();
    let short = shortages(&asked, &levels);
    // PostgreSQL refuses by what was there when the statement began, even if units were given back
    // before it had the lock.
    Ok(if short.is_empty() { HoldError::CameBack } else { HoldError::OutOfStock(short) })
}
