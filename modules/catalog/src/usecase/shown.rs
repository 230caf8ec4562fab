//! Products as shoppers see them, from a replica if that has come far enough.

use platform::replica::Question;
use platform::sql::{self, Reads};
use uuid::Uuid;

use crate::Catalog;
use crate::domain::Product;
use crate::error::{Error, Result};
use crate::store::{bundles, products};

/// A product of the shop.
pub(crate) struct Shown {
    pub product: Product,
    pub variants: Vec<Product>,
    /// Of those among them that are bundles.
    pub parts: bundles::Parts,
}

impl Catalog {
    /// The product with this id or SKU as shoppers see it, and its variants.
    pub async fn shown(&self, key: &str) -> Result<(Product, Vec<Product>)> {
        product(&mut &self.db, key).await?.ok_or(Error::NotFound)
    }

    /// The same with what bundles are made of, for a page that shows the events up to `after`.
    pub(crate) async fn shown_page(&self, key: &str, after: Option<i64>) -> Result<Shown> {
        self.ask(&Page(key), after).await?.ok_or(Error::NotFound)
    }

    /// What is found at the replica, if it has all that this node has heard of and the events up to `after`, or else at
    /// the primary.
    pub(crate) async fn ask<Q: Question>(
        &self,
        question: &Q,
        after: Option<i64>,
    ) -> sql::Result<Q::Answer> {
        if let Some(replica) = &self.replica
            && let Some(least) = self.pages.least(after)
            && let Some(answer) = replica.answer(least, question).await
        {
            return Ok(answer);
        }
        question.ask(&mut &self.db).await
    }
}

/// The product with this id or SKU.
struct Page<'k>(&'k str);

impl Question for Page<'_> {
    type Answer = Option<Shown>;

    async fn ask(&self, of: &mut dyn Reads) -> sql::Result<Option<Shown>> {
        let Some((product, variants)) = product(of, self.0).await? else { return Ok(None) };
        let parts = bundles::read(of, bundled(variants.iter().chain([&product]))).await?;
        Ok(Some(Shown { product, variants, parts }))
    }
}

/// The product with this id or SKU, if it is in the shop, and its variants.
pub(crate) async fn product(
    from: &mut dyn Reads,
    key: &str,
) -> sql::Result<Option<(Product, Vec<Product>)>> {
    let id = Uuid::try_parse(key).ok();
    let found = match id {
        Some(id) => products::shown_by_id(from, id).await?,
        None if key.contains('\0') => Vec::new(),
        None => products::shown_by_sku(from, key).await?,
    };
    let mut found = found.into_iter();
    // The variants of a parent that is not in the shop are not in it either.
    let is_it =
        |product: &Product| id.map_or(product.content.sku == key, |id| product.id.uuid() == id);
    Ok(found.next().filter(is_it).map(|product| (product, found.collect())))
}

/// Those of these products that are bundles.
pub(crate) fn bundled<'p>(products: impl IntoIterator<Item = &'p Product>) -> Vec<Uuid> {
    let bundled = products.into_iter().filter(|product| product.is_bundled);
    bundled.map(|product| product.id.uuid()).collect()
}
