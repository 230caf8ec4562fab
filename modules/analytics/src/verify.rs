//! The invariants of the figures.

use platform::sql::{Db, Result};
use platform::verify::{Check, by_query};

use crate::store::{DAY_ROWS, DAYS_OFF};

pub(crate) async fn verify(db: &Db) -> Result<Vec<Check>> {
    let sum = "a day's sales are the sum of its products' sales in each currency";
    Ok(vec![by_query(db, sum, DAY_ROWS, DAYS_OFF).await?])
}
