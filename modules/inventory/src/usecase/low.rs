use kernel::events::StockLow;
use kernel::id::{AlertId, StockId};
use platform::sql::{Db, Result, retry};

use crate::domain::available;
use crate::store;

/// How many stocks a round looks at.
const TURNING_MAX: i64 = 200;

/// Warns of the stock that fell to its mark, and forgets the warning where there is more again. True
/// when there may be more to do.
pub(crate) async fn warn(db: &Db) -> Result<bool> {
    let turning = store::turning(db, TURNING_MAX).await?;
    for &stock in &turning {
        retry(|| turn(db, stock)).await?;
    }
    Ok(i64::try_from(turning.len()) == Ok(TURNING_MAX))
}

/// Does nothing when it turned back meanwhile, or another node was first.
async fn turn(db: &Db, stock: StockId) -> Result<()> {
    let mut tx = db.begin("inventory.low").await?;
    let Some(turned) = store::turn(&mut tx, stock, AlertId::new()).await? else { return Ok(()) };
    if let (true, Some(low_at)) = (turned.low, turned.low_at) {
        let event = StockLow {
            alert_id: turned.alert_id.into(),
            stock_id: stock,
            product_id: turned.product_id.into(),
            location: turned.location,
            available: available(turned.on_hand, turned.reserved, turned.safety),
            low_at,
        };
        tx.emit(&event, turned.alerts)?;
    }
    tx.commit().await
}
