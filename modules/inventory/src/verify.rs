//! The invariants of the books.

use platform::sql::{Db, Result};
use platform::verify::Check;

use crate::store;

/// Checks all of them on one snapshot, so that work in progress breaks none.
pub(crate) async fn verify(db: &Db) -> Result<Vec<Check>> {
    let mut tx = db.snapshot().await?;
    Ok(vec![
        check("no more stock is promised than may be", store::over_limit(&mut tx).await?),
        check("stock is the sum of its movements", store::journal_off(&mut tx).await?),
        check("reserved stock is what live orders hold", store::held_off(&mut tx).await?),
        check("orders wait for what is promised and is not there", store::owed_off(&mut tx).await?),
        check("an order's movements fit its state", store::order_off(&mut tx).await?),
        check("every change of stock was told", store::untold(&mut tx).await?),
        check("every warning of low stock was told", store::alerts_untold(&mut tx).await?),
        check("every change of a location was told", store::locations_untold(&mut tx).await?),
    ])
}

fn check(invariant: &'static str, (rows, broken): (i64, Vec<(uuid::Uuid, i64, i64)>)) -> Check {
    let broken = broken.iter().map(|(id, is, other)| format!("{id}: {is} against {other}"));
    Check { invariant, rows: rows.unsigned_abs(), broken: broken.collect() }
}
