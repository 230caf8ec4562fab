use kernel::id::OrderId;
use platform::sql::{Db, Result, retry};

use super::release::give_back;
use crate::Swept;
use crate::store::{self, Kind};

/// How many overdue reservations a round of the sweeper looks at.
const SWEEP_MAX: i64 = 200;

/// Gives back a batch of held reservations past their deadline, each in a unit of work of its own:
/// one that cannot be given back is logged and does not hold up the others.
pub(crate) async fn sweep(db: &Db) -> Result<Swept> {
    let due = store::due(db, db.clock().now(), SWEEP_MAX).await?;
    let mut expired = 0;
    let mut failed = None;
    for &order in &due {
        match retry(|| expire(db, order)).await {
            Ok(true) => expired += 1,
            Ok(false) => {}
            Err(error) => {
                tracing::error!(%order, %error, "an overdue reservation was not given back");
                failed = Some(error);
            }
        }
    }
    match failed {
        Some(error) => Err(error),
        None => Ok(Swept { expired, more: i64::try_from(due.len()) == Ok(SWEEP_MAX) }),
    }
}

/// False when somebody committed, extended or released it meanwhile.
async fn expire(db: &Db, order: OrderId) -> Result<bool> {
    let mut tx = db.begin("inventory.expire").await?;
    if !store::expire(&mut tx, order).await? {
        return Ok(false);
    }
    give_back(&mut tx, order, Kind::Expired).await?;
    tx.commit().await?;
    Ok(true)
}
