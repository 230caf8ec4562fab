use async_trait::async_trait;

use super::Unavailable;
use crate::id::ProductId;
use crate::money::Money;

/// A product somebody may want to buy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// The product.
    pub product_id: ProductId,
    /// How many units: a larger quantity may have another price.
    pub quantity: i64,
}

/// What a product costs now, and whether it can be bought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The product.
    pub product_id: ProductId,
    /// Its stock keeping unit.
    pub sku: String,
    /// Its name.
    pub name: String,
    /// The path of its category and of those above it, e.g. `Home` and `Home > Lighting`.
    pub categories: Vec<String>,
    /// The price of one unit, when as many are bought as are wanted.
    pub price: Money,
    /// Whether the price holds the tax already.
    pub tax_included: bool,
    /// False for drafts, archived products, parents of variants and what has no price here.
    pub sellable: bool,
}

/// The catalogue, as checkout sees it.
#[async_trait]
pub trait Catalog: Send + Sync {
    /// The offers of the products that exist among those wanted, each of which is named once, in
    /// no particular order.
    async fn offers(&self, wanted: &[Wanted]) -> Result<Vec<Offer>, Unavailable>;
}
