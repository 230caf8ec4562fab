use kernel::events::ProductCreated;
use kernel::id::ProductId;
use platform::sql::Tx;

use crate::domain::{NewProduct, Product, ProductInput, STOCK_MAX, check};
use crate::error::{Error, Result};
use crate::store::products;

/// Creates a product in a unit of work.
pub(crate) async fn create(tx: &mut Tx, input: ProductInput) -> Result<Product> {
    let (parent_id, opening_stock) = (input.parent_id, input.opening_stock);
    let content = input.content();
    let mut errors = check(&content);
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
        if parent.is_none_or(|parent| parent.parent_id.is_some()) {
            return Err(Error::invalid("parent_id", "must be a product that is no variant itself"));
        }
    }
    let (id, now) = (ProductId::new(), tx.now());
    let product = Product {
        id,
        parent_id,
        content,
        available: 0,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    let new = NewProduct { product, opening_stock };
    if products::insert(tx, std::slice::from_ref(&new)).await? == 0 {
        return Err(Error::SkuTaken(new.product.content.sku));
    }
    tx.emit(&event(&new), 1)?;
    Ok(new.product)
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
