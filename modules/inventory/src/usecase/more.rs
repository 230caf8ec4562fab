//! More units for an order whose promise is final, and taking them back again.

use kernel::id::{OrderId, StockId};
use kernel::ports::{Destination, StockLine};
use platform::sql::{Db, Tx, retry};

use super::pair;
use super::part::release;
use super::promise::{later, refused_under_lock, tell};
use crate::domain::{Allocation, Change, HoldState, Wanted, allocate, wanted};
use crate::error::HoldError;
use crate::store::{self, Cause, Kind, STOCK};

/// Promises more units to the order, all of them or none, once for each key.
pub(crate) async fn reserve_more(
    db: &Db,
    allocation: Allocation,
    order: OrderId,
    key: &str,
    lines: &[StockLine],
    to: Option<&Destination>,
) -> Result<(), HoldError> {
    let wanted = wanted(lines)?;
    retry(|| async {
        let mut tx = db.begin("inventory.reserve_more").await?;
        let added = add(&mut tx, allocation, order, key, &wanted, to).await;
        // What it read may be on its way to the disk: nobody is told of it before it is there.
        if matches!(added, Ok(()) | Err(HoldError::Ended)) {
            tx.commit().await?;
        }
        added
    })
    .await
}

async fn add(
    tx: &mut Tx,
    allocation: Allocation,
    order: OrderId,
    key: &str,
    wanted: &Wanted,
    to: Option<&Destination>,
) -> Result<(), HoldError> {
    let state = store::lock(tx, order).await?.ok_or(HoldError::Ended)?;
    if let Some(before) = store::added(tx, key, order).await? {
        let is_undone = before.is_empty()
            || store::is_change(tx, &undo(key), order, Change::Release, &before).await?;
        return match before {
            _ if is_undone => Err(HoldError::Ended),
            before if before == *wanted => Ok(()),
            _ => Err(HoldError::OtherLines),
        };
    }
    match state {
        HoldState::Committed => {}
        HoldState::Held => return Err(HoldError::NotFinal),
        HoldState::Shipped | HoldState::Released | HoldState::Expired => {
            return Err(HoldError::Ended);
        }
    }
    if !store::note_change(tx, key, order, Change::Add, wanted).await? {
        return Err(HoldError::OtherLines);
    }
    let shelves = store::lock_shelves(tx, wanted.keys().copied()).await?;
    let lines = allocate(wanted, &shelves, allocation, to).map_err(HoldError::OutOfStock)?;
    let amounts: Vec<(StockId, i64)> =
        lines.iter().map(|line| (line.stock_id, line.quantity)).collect();
    let changed = STOCK.take(tx, &amounts).await?.map_err(|_| refused_under_lock())?;
    let taken = pair(&lines, &changed)?;
    store::add_lines(tx, order, taken.iter().map(|(line, row)| (*line, later(line, row)))).await?;
    let moved = tell(tx, order, &taken)?;
    let cause = Cause { kind: Kind::Reserved, order: Some(order), reason: "added", actor: None };
    Ok(store::record(tx, cause, &moved).await?)
}

/// Takes back what this key promised. If it has promised nothing, it never will.
pub(crate) async fn take_back_more(db: &Db, order: OrderId, key: &str) -> Result<(), HoldError> {
    retry(|| async {
        let mut tx = db.begin("inventory.take_back_more").await?;
        subtract(&mut tx, order, key).await?;
        Ok(tx.commit().await?)
    })
    .await
}

async fn subtract(tx: &mut Tx, order: OrderId, key: &str) -> Result<(), HoldError> {
    // An order without a promise cannot be promised more.
    let Some(state) = store::lock(tx, order).await? else { return Ok(()) };
    let Some(lines) = store::added(tx, key, order).await? else {
        store::note_change(tx, key, order, Change::Add, &Wanted::new()).await?;
        return Ok(());
    };
    if lines.is_empty() || !state.stands() {
        return Ok(());
    }
    if store::note_change(tx, &undo(key), order, Change::Release, &lines).await? {
        release(tx, order, &lines).await?;
    }
    Ok(())
}

/// The key that takes back what a key promised.
fn undo(key: &str) -> String {
    format!("{key}/undo")
}
