use async_trait::async_trait;

use super::Unavailable;
use crate::id::ProductId;
use crate::money::Money;

/// What a product costs now, and whether it can be bought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The product.
    pub product_id: ProductId,
    /// Its stock keeping unit.
    pub sku: String,
    /// Its name.
    pub name: String,
    /// The price of one unit.
    pub price: Money,
    /// False for drafts, archived products and parents of variants.
    pub sellable: bool,
}

/// The catalogue, as checkout sees it.
#[async_trait]
pub trait Catalog: Send + Sync {
    /// The offers of the products that exist among `products`, in no particular order.
    async fn offers(&self, products: &[ProductId]) -> Result<Vec<Offer>, Unavailable>;
}
