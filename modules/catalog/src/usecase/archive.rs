use kernel::events::ProductArchived;
use kernel::id::ProductId;
use platform::audit::{Actor, Entry, record};
use platform::sql::Db;
use serde_json::json;

use crate::domain::Status;
use crate::error::{Error, Result};
use crate::store::products;

/// Takes a product out of the shop, if `revision` is none or its revision still. One that is out
/// already stays as it is.
pub(crate) async fn archive(
    db: &Db,
    id: ProductId,
    revision: Option<i64>,
    actor: &Actor,
) -> Result<()> {
    let mut tx = db.begin("catalog.archive").await?;
    let archived = products::archive(&mut tx, id).await?;
    let after = products::by_id(&mut tx, id).await?.ok_or(Error::NotFound)?;
    let before = after.revision - i64::from(archived.is_some());
    if revision.is_some_and(|revision| revision != before) {
        return Err(Error::Stale { current: before });
    }
    let Some((was, sku, version)) = archived else { return Ok(()) };
    let (before, after) = (json!({"status": was}), json!({"status": Status::Archived}));
    let entry = Entry::changed("product.archive", id.uuid(), &before, &after)?;
    record(&mut tx, actor, &[entry]).await?;
    super::pricing::price(&mut tx, &[id.uuid()]).await?;
    tx.emit(&ProductArchived { product_id: id, sku }, version)?;
    super::bundles::count_bundles(&mut tx, vec![id.uuid()]).await?;
    Ok(tx.commit().await?)
}
