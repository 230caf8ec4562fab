use kernel::Timestamp;
use kernel::id::ProductId;
use std::collections::BTreeMap;

use super::{PriceTag, Status, Translation};

/// What a list shows of a product.
#[derive(Debug, Clone, PartialEq)]
pub struct Card {
    /// The product.
    pub id: ProductId,
    /// Its stock keeping unit.
    pub sku: String,
    /// Its name.
    pub name: String,
    /// The price of one unit.
    pub price: PriceTag,
    /// Its brand.
    pub brand: String,
    /// Its categories, from the widest to the narrowest.
    pub categories: Vec<String>,
    /// Addresses of its images.
    pub images: Vec<String>,
    /// Its name in the shop's addresses.
    pub slug: Option<String>,
    /// Where it stands.
    pub status: Status,
    /// Whether shoppers see it.
    pub shown: bool,
    /// How many units can be had, of it and its variants.
    pub available: i64,
    /// Its texts in other languages.
    pub translations: BTreeMap<String, Translation>,
    /// 1 when created, one more with each change by an editor.
    pub revision: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}
