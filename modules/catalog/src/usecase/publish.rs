use kernel::events::ProductUpdated;
use platform::sql::{Db, Result};
use uuid::Uuid;

use super::pricing;
use crate::PUBLISH_BATCH;
use crate::store::products;

/// Shows products whose time has come, a batch of them: how many it were.
pub(crate) async fn publish(db: &Db) -> Result<i64> {
    // A look costs a reader; the writer is only taken when there is something to do.
    if !products::is_due(db, db.clock().now()).await? {
        return Ok(0);
    }
    let mut tx = db.begin("catalog.publish").await?;
    let shown = products::show_due(&mut tx, PUBLISH_BATCH).await?;
    let count = i64::try_from(shown.len()).unwrap_or(i64::MAX);
    let ids: Vec<Uuid> = shown.iter().map(|(id, _, _)| *id).collect();
    pricing::price(&mut tx, &ids).await?;
    for (id, sku, version) in shown {
        tx.emit(&ProductUpdated { product_id: id.into(), sku }, version)?;
    }
    tx.commit().await?;
    Ok(count)
}
