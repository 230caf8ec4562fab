//! Deleting decisions that nothing is learnt from any more.

use chrono::TimeDelta;
use platform::sql::Result;

use crate::{Fraud, store};

/// How many decisions one round deletes.
const ROUND_MAX: i64 = 500;

/// One round. Whether there may be more to do at once.
pub async fn round(fraud: &Fraud) -> Result<bool> {
    let kept_for = TimeDelta::days(fraud.settings.keep_days.into());
    let Some(then) = fraud.db.clock().now().checked_sub_signed(kept_for) else { return Ok(false) };
    let mut tx = fraud.db.begin("fraud.trim").await?;
    let gone = store::trim(&mut tx, then, ROUND_MAX).await?;
    tx.commit().await?;
    Ok(i64::try_from(gone) == Ok(ROUND_MAX))
}
