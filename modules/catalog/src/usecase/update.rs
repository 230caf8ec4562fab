use kernel::events::{ProductArchived, ProductPriceChanged, ProductUpdated};
use kernel::id::ProductId;
use platform::audit::{Actor, Entry, record};
use platform::sql::{self, Db, Tx};

use super::bundles::count_bundles;
use super::create::claim_slug;
use super::pricing::{as_paid, price};
use super::{definitions, places};
use crate::domain::{Change, Content, Product, ProductInput, Status, change, check};
use crate::error::{Error, Result};
use crate::store::products;

/// What the audit log calls it.
pub(crate) const UPDATED: &str = "product.update";

/// Changes a product that no editor has changed since `revision`. `written` makes the product as
/// it shall be from the one that is there; one that is so already keeps its revision.
pub(crate) async fn update(
    db: &Db,
    id: ProductId,
    revision: i64,
    actor: &Actor,
    written: impl FnOnce(&Product) -> Result<ProductInput> + Send,
) -> Result<Product> {
    let mut tx = db.begin("catalog.update").await?;
    let before = products::by_id(&mut tx, id).await?.ok_or(Error::NotFound)?;
    if before.revision != revision {
        return Err(Error::Stale { current: before.revision });
    }
    let mut input = written(&before)?;
    keeps_identity(&before, &input)?;
    input.parent_id = before.parent_id;
    input.slug = input.slug.or_else(|| before.content.slug.clone());
    let content = input.content();
    let errors = check(&content, &definitions(&mut tx, &content).await?);
    if !errors.is_empty() {
        return Err(Error::Invalid(errors));
    }
    let change = change(&before.content, &content);
    if change == Change::Nothing {
        return Ok(before);
    }
    let mut after = Product { content, ..before.clone() };
    let places = places(&mut tx, std::iter::once(&after), actor).await?;
    let Some(version) = products::update(&mut tx, &[&after], &places).await?.remove(&id.uuid())
    else {
        drop(tx);
        let now = products::read(db, id).await?.ok_or(Error::NotFound)?;
        return Err(Error::Stale { current: now.revision });
    };
    (after.revision, after.version, after.updated_at) = (revision + 1, version, tx.now());
    if after.content.slug != before.content.slug {
        claim_slug(&mut tx, &after).await?;
    }
    record(&mut tx, actor, &[entry(&before, &after)?]).await?;
    let priced = price(&mut tx, &[id.uuid()]).await?;
    emit(&mut tx, &after, &as_paid(&change, id, &priced))?;
    if turns(&before.content, &after.content) {
        count_bundles(&mut tx, vec![id.uuid()]).await?;
    }
    tx.commit().await?;
    Ok(after)
}

/// Whether a product is archived by a change, or comes back by it.
pub(crate) fn turns(before: &Content, after: &Content) -> bool {
    (before.status == Status::Archived) != (after.status == Status::Archived)
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

/// What the audit log says of a changed product.
pub(crate) fn entry(before: &Product, after: &Product) -> sql::Result<Entry> {
    Entry::changed(UPDATED, after.id.uuid(), &before.content, &after.content)
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
