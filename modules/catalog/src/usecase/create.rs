use kernel::events::ProductCreated;
use kernel::id::ProductId;
use platform::audit::{Actor, Entry, record};
use platform::sql::{self, Tx};

use super::{definitions, places};
use crate::domain::{NewProduct, Product, ProductInput, STOCK_MAX, check};
use crate::error::{Error, Result};
use crate::store::{products, slugs};

/// What the audit log calls it.
pub(crate) const CREATED: &str = "product.create";

/// Creates a product in a unit of work.
pub(crate) async fn create(tx: &mut Tx, input: ProductInput, actor: &Actor) -> Result<Product> {
    let (parent_id, opening_stock) = (input.parent_id, input.opening_stock);
    let content = input.content();
    let mut errors = check(&content, &definitions(tx, &content).await?);
    if opening_stock.is_some_and(|stock| !(0..=STOCK_MAX).contains(&stock)) {
        errors.push(kernel::problem::FieldError {
            field: "opening_stock".to_owned(),
            message: format!("must be 0 to {STOCK_MAX}"),
        });
    }
    if !errors.is_empty() {
        return Err(Error::Invalid(errors));
    }
    if let Some(parent) = parent_id {
        let parent = products::by_id(tx, parent).await?;
        let Some(parent) = parent.filter(|parent| parent.parent_id.is_none()) else {
            return Err(Error::invalid("parent_id", "must be a product that is no variant itself"));
        };
        if parent.is_bundled {
            return Err(Error::invalid("parent_id", "must be no bundle, and no part of one"));
        }
    }
    let (id, now) = (ProductId::new(), tx.now());
    let product = Product {
        id,
        parent_id,
        public: content.price.into(),
        content,
        available: 0,
        backorderable: 0,
        available_from: None,
        is_bundled: false,
        revision: 1,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    let new = NewProduct { product, opening_stock };
    let places = places(tx, std::iter::once(&new.product), actor).await?;
    if products::insert(tx, std::slice::from_ref(&new), &places).await? == 0 {
        return Err(Error::SkuTaken(new.product.content.sku));
    }
    super::pricing::price(tx, &[id.uuid()]).await?;
    claim_slug(tx, &new.product).await?;
    record(tx, actor, &[entry(&new)?]).await?;
    tx.emit(&event(&new), 1)?;
    Ok(new.product)
}

/// Gives a product its slug.
pub(super) async fn claim_slug(tx: &mut Tx, product: &Product) -> Result<()> {
    let Some(slug) = product.content.slug.as_deref() else { return Ok(()) };
    match slugs::claim(tx, &[(slug, product.id)]).await? {
        None => Ok(()),
        Some(taken) => Err(Error::SlugTaken(taken)),
    }
}

/// What the audit log says of a new product.
pub(crate) fn entry(new: &NewProduct) -> sql::Result<Entry> {
    Entry::created(CREATED, new.product.id.uuid(), &new.product.content)
}

/// What the house is told of a new product.
pub(crate) fn event(new: &NewProduct) -> ProductCreated {
    ProductCreated {
        product_id: new.product.id,
        sku: new.product.content.sku.clone(),
        price: new.product.content.price,
        opening_stock: new.opening_stock,
    }
}
