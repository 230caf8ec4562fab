use chrono::DateTime;
use kernel::events::ProductUpdated;
use platform::sql::{Db, Result};
use uuid::Uuid;

use crate::Catalog;
use crate::domain::{SALES_DAYS, popularity};
use crate::store::popularity as store;

/// How many products are looked at, and at most changed, at a time.
const BATCH: i64 = 500;

impl Catalog {
    /// Ranks products by what was sold of them; the index hears of those whose rank changed.
    pub async fn rank_by_sales(&self) -> Result<()> {
        let db = &self.db;
        let today = db.clock().now().signed_duration_since(DateTime::UNIX_EPOCH).num_days();
        let mut after = Uuid::nil();
        loop {
            let products = store::ranked(db, today, after, BATCH).await?;
            let Some((last, ..)) = products.last() else { break };
            after = *last;
            let changed: Vec<(Uuid, i64, i64)> = products
                .into_iter()
                .map(|(id, rank, sold)| (id, rank, popularity(sold)))
                .filter(|(_, from, to)| from != to)
                .collect();
            rank(db, &changed).await?;
        }
        let mut tx = db.begin("catalog.sold").await?;
        store::forget_before(&mut tx, today - SALES_DAYS).await?;
        tx.commit().await
    }
}

async fn rank(db: &Db, changed: &[(Uuid, i64, i64)]) -> Result<()> {
    if changed.is_empty() {
        return Ok(());
    }
    let mut tx = db.begin("catalog.rank").await?;
    for (id, sku, version) in store::rank(&mut tx, changed).await? {
        tx.emit(&ProductUpdated { product_id: id.into(), sku }, version)?;
    }
    tx.commit().await
}
