use kernel::events::{ProductArchived, ProductPriceChanged, ProductUpdated};
use kernel::id::ProductId;
use platform::sql::{self, Db, Tx};

use crate::domain::{Change, Product, ProductInput, change, check};
use crate::error::{Error, Result};
use crate::store::products;

/// Replaces a product that still is in `version`. A product that already is what it shall be keeps
/// its version.
pub(crate) async fn update(
    db: &Db,
    id: ProductId,
    version: i64,
    input: ProductInput,
) -> Result<Product> {
    let mut tx = db.begin("catalog.update").await?;
    let before = products::by_id(&mut tx, id).await?.ok_or(Error::NotFound)?;
    if before.version != version {
        return Err(Error::Stale { current: before.version });
    }
    keeps_identity(&before, &input)?;
    let content = input.content();
    let errors = check(&content);
    if !errors.is_empty() {
        return Err(Error::Invalid(errors));
    }
    let change = change(&before.content, &content);
    if change == Change::Nothing {
        return Ok(before);
    }
    let mut after = Product { content, ..before };
    if products::update(&mut tx, &[&after]).await? == 0 {
        drop(tx);
        let now = products::read(db, id).await?.ok_or(Error::NotFound)?;
        return Err(Error::Stale { current: now.version });
    }
    products::replace_categories(&mut tx, &[&after]).await?;
    after.version += 1;
    after.updated_at = tx.now();
    emit(&mut tx, &after, &change)?;
    tx.commit().await?;
    Ok(after)
}

fn keeps_identity(before: &Product, input: &ProductInput) -> Result<()> {
    if input.sku != before.content.sku {
        let message = format!("must be {:?}: a product keeps its sku", before.content.sku);
        return Err(Error::invalid("sku", message));
    }
    if input.parent_id.is_some() && input.parent_id != before.parent_id {
        return Err(Error::invalid("parent_id", "a product keeps its parent"));
    }
    if input.opening_stock.is_some() {
        let message = "only a new product has an opening stock; adjust the stock instead";
        return Err(Error::invalid("opening_stock", message));
    }
    Ok(())
}

/// Tells the house of a changed product, which is in its new version.
pub(crate) fn emit(tx: &mut Tx, product: &Product, change: &Change) -> sql::Result<()> {
    let (product_id, sku) = (product.id, product.content.sku.clone());
    match *change {
        Change::Nothing => Ok(()),
        Change::Archived => tx.emit(&ProductArchived { product_id, sku }, product.version),
        Change::Price { before, after } => {
            tx.emit(&ProductPriceChanged { product_id, sku, before, after }, product.version)
        }
        Change::Content => tx.emit(&ProductUpdated { product_id, sku }, product.version),
    }
}
