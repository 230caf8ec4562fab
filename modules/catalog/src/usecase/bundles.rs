use std::collections::BTreeSet;

use kernel::events::{ProductAvailabilityChanged, ProductUpdated};
use kernel::id::ProductId;
use platform::audit::{Actor, Entry, record};
use platform::sql::{self, Tx};
use serde_json::json;
use uuid::Uuid;

use crate::Catalog;
use crate::domain::{Part, PartInput, Product, check_parts, check_ties};
use crate::error::{Error, Result};
use crate::store::stock::Turned;
use crate::store::{bundles, products, related, stock};
use crate::usecase::shown;

impl Catalog {
    /// What these products are made of, as far as they are bundles.
    pub(crate) async fn parts<'p>(
        &self,
        products: impl IntoIterator<Item = &'p Product>,
    ) -> sql::Result<bundles::Parts> {
        bundles::read(&mut &self.db, shown::bundled(products)).await
    }

    /// Makes a product, which no editor has changed since `revision`, a bundle of other products; without
    /// parts it is a plain product again.
    pub async fn set_parts(
        &self,
        id: ProductId,
        revision: i64,
        parts: Vec<PartInput>,
        actor: &Actor,
    ) -> Result<Product> {
        let errors = check_parts(id, &parts);
        if !errors.is_empty() {
            return Err(Error::Invalid(errors));
        }
        let mut tx = self.db.begin("catalog.set_parts").await?;
        // If these are others by the time the product is held, its revision is another one too.
        let before = bundles::of(&mut tx, id).await?;
        let before: Vec<PartInput> = before.iter().map(Part::input).collect();
        // Parts come before their bundle: whoever counts a part's stock goes on to its bundles.
        let others = before.iter().chain(&parts).map(|part| part.product_id.uuid());
        let mut touched: BTreeSet<Uuid> = others.collect();
        products::hold(&mut tx, touched.iter().copied()).await?;
        let Some((sku, version)) = related::touch(&mut tx, id, revision).await? else {
            let now = products::by_id(&mut tx, id).await?.ok_or(Error::NotFound)?;
            return Err(Error::Stale { current: now.revision });
        };
        touched.insert(id.uuid());
        let touched: Vec<Uuid> = touched.into_iter().collect();
        let ties = bundles::ties(&mut tx, &touched).await?;
        let errors = check_ties(id, &parts, |product| ties.get(&product).copied());
        if !errors.is_empty() {
            return Err(Error::Invalid(errors));
        }
        bundles::replace(&mut tx, id, &parts, &touched).await?;
        let (was, is) = (json!({"parts": before}), json!({"parts": parts}));
        record(&mut tx, actor, &[Entry::changed("product.parts", id.uuid(), &was, &is)?]).await?;
        tx.emit(&ProductUpdated { product_id: id, sku }, version)?;
        for turned in stock::count_anew(&mut tx, id).await? {
            tell(&mut tx, turned)?;
        }
        let product = products::by_id(&mut tx, id).await?.ok_or(Error::NotFound)?;
        tx.commit().await?;
        Ok(product)
    }
}

/// Counts the bundles of products that were archived or came back: nothing is left of a bundle of which a part
/// is archived.
pub(crate) async fn count_bundles(tx: &mut Tx, of: Vec<Uuid>) -> sql::Result<()> {
    if of.is_empty() {
        return Ok(());
    }
    for turned in stock::count_bundles(tx, of).await? {
        tell(tx, turned)?;
    }
    Ok(())
}

/// Tells that a product came into stock or ran out.
pub(crate) fn tell(tx: &mut Tx, turned: Turned) -> sql::Result<()> {
    let Turned { id, sku, version, in_stock } = turned;
    tx.emit(&ProductAvailabilityChanged { product_id: id.into(), sku, in_stock }, version)
}
