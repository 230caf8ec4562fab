//! The invariants of the figures.

use platform::sql::{Db, Result};
use platform::verify::{Check, by_query};

use crate::store::{DAY_ROWS, DAYS_OFF, REFUNDS_OFF};

pub(crate) async fn verify(db: &Db) -> Result<Vec<Check>> {
    let sum = "a day's sales are the sum of its products' sales in each currency";
    let refunds = "what a day's products gave back is within what the day gave back";
    Ok(vec![
        by_query(db, sum, DAY_ROWS, DAYS_OFF).await?,
        by_query(db, refunds, DAY_ROWS, REFUNDS_OFF).await?,
    ])
}
