use kernel::Timestamp;
use kernel::id::OrderId;
use platform::fault;
use platform::sql::{Db, Tx, retry};

use crate::error::HoldError;
use crate::store;

/// Makes the order's promise final. One past its deadline that was not given back yet still has its
/// units and is committed too.
pub(crate) async fn commit(db: &Db, order: OrderId) -> Result<(), HoldError> {
    retry(|| async {
        if fault::bug("commit_changes_nothing") {
            return Ok(());
        }
        let mut tx = db.begin("inventory.commit").await?;
        if store::commit(&mut tx, order).await? {
            return Ok(tx.commit().await?);
        }
        is_final(tx, order).await
    })
    .await
}

/// Moves the deadline of the order's promise.
pub(crate) async fn extend(db: &Db, order: OrderId, until: Timestamp) -> Result<(), HoldError> {
    retry(|| async {
        let mut tx = db.begin("inventory.extend").await?;
        if store::extend(&mut tx, order, until).await? {
            return Ok(tx.commit().await?);
        }
        is_final(tx, order).await
    })
    .await
}

/// What is asked of a promise that is not held: nothing of a final one.
async fn is_final(mut tx: Tx, order: OrderId) -> Result<(), HoldError> {
    let state = store::state(&mut tx, order).await?;
    // Nobody is told of a promise that is still on its way to the disk.
    tx.commit().await?;
    match state {
        Some(state) if state.is_final() => Ok(()),
        _ => Err(HoldError::Ended),
    }
}
