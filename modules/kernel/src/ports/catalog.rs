use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{TaxTerms, Unavailable};
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

/// Where the offers are for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Buyer<'a> {
    /// ISO 3166-1 alpha-2 code of the country that the goods go to. The default market's prices count
    /// while that is not known, and where no market has the country.
    pub country: Option<&'a str>,
    /// The customer group of who buys.
    pub group: Option<&'a str>,
}

/// A product that a bundle is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = LinePart)]
pub struct Part {
    /// The product.
    pub product_id: ProductId,
    /// Its stock keeping unit.
    pub sku: String,
    /// Its name.
    pub name: String,
    /// How many units of it are in one bundle.
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
    /// The category that its tax goes by, e.g. `standard`.
    pub tax_category: String,
    /// What a unit weighs, in grams; 0 when it is not known.
    pub weight_g: i64,
    /// How the price stands to the tax; the same for all offers of a market.
    pub tax: TaxTerms,
    /// False for drafts, archived products, parents of variants, bundles of archived products and what
    /// has no price here.
    pub sellable: bool,
    /// What it is made of, each product once, if it is a bundle: these are what lies in stock.
    pub parts: Vec<Part>,
}

/// The catalogue, as checkout sees it.
#[async_trait]
pub trait Catalog: Send + Sync {
    /// The offers of the products that exist among those wanted, each of which is named once, in
    /// no particular order.
    async fn offers(&self, buyer: Buyer<'_>, wanted: &[Wanted]) -> Result<Vec<Offer>, Unavailable>;
}
