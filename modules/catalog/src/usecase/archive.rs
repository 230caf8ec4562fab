use kernel::events::ProductArchived;
use kernel::id::ProductId;
use platform::sql::Db;

use crate::error::{Error, Result};
use crate::store::products;

/// Takes a product out of the shop. One that is out already stays as it is.
pub(crate) async fn archive(db: &Db, id: ProductId) -> Result<()> {
    let mut tx = db.begin("catalog.archive").await?;
    match products::archive(&mut tx, id).await? {
        Some((sku, version)) => {
            tx.emit(&ProductArchived { product_id: id, sku }, version)?;
            Ok(tx.commit().await?)
        }
        None if products::by_id(&mut tx, id).await?.is_some() => Ok(()),
        None => Err(Error::NotFound),
    }
}
