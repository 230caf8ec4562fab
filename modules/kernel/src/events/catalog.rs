use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::publishes;
use crate::id::ProductId;
use crate::money::Money;

/// A product is in the catalogue for the first time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductCreated {
    /// The product.
    pub product_id: ProductId,
    /// Its stock keeping unit.
    pub sku: String,
    /// Its price.
    pub price: Money,
    /// How many units lie in stock from the start, when whoever created it said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opening_stock: Option<i64>,
}

/// Something other than the price of a product changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductUpdated {
    /// The product.
    pub product_id: ProductId,
    /// Its stock keeping unit.
    pub sku: String,
}

/// A price of a product changed, and perhaps more of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductPriceChanged {
    /// The product.
    pub product_id: ProductId,
    /// Its stock keeping unit.
    pub sku: String,
    /// What every shopper of the default market paid for one unit.
    pub before: Money,
    /// What every shopper pays now; the same when it is another price that changed.
    pub after: Money,
}

/// A product was taken out of the shop; orders of it go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductArchived {
    /// The product.
    pub product_id: ProductId,
    /// Its stock keeping unit.
    pub sku: String,
}

/// A product came into stock or ran out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductAvailabilityChanged {
    /// The product.
    pub product_id: ProductId,
    /// Its stock keeping unit.
    pub sku: String,
    /// Whether some can be promised now.
    pub in_stock: bool,
}

/// What the shop knows of an attribute changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttributeChanged {
    /// The definition.
    pub attribute_id: Uuid,
    /// What products call the attribute.
    pub code: String,
}

/// A category was made, renamed, moved, described or deleted; what is below it went along.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CategoryChanged {
    /// The category.
    pub category_id: Uuid,
    /// Its name below those above it, e.g. `Home > Lighting`.
    pub path: String,
}

/// A market was made, changed or deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarketChanged {
    /// The market.
    pub market_id: Uuid,
    /// Its code.
    pub code: String,
}

/// A price list was made, changed or deleted. What becomes of its products' prices is told by
/// `product.price_changed` of each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceListChanged {
    /// The list.
    pub price_list_id: Uuid,
    /// Its code.
    pub code: String,
}

/// A collection of products was made, changed, filled or deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectionChanged {
    /// The collection.
    pub collection_id: Uuid,
    /// Its name in the shop's addresses.
    pub slug: String,
}

/// What a search takes for the same changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SynonymChanged {
    /// The synonyms.
    pub synonym_id: Uuid,
}

/// What shoppers searched for, and which of what they found they looked at, as one node counted it
/// for some seconds: an event for each search would be a commit for each search. What a node that
/// is killed has not told yet is lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchPerformed {
    /// These counts: they are a subject of their own.
    pub counts_id: Uuid,
    /// The counts by text.
    pub searches: Vec<SearchCount>,
    /// The clicks by text and product.
    pub clicks: Vec<ClickCount>,
}

impl SearchPerformed {
    /// Stands for texts that are not told apart: there were too many, or they looked like personal
    /// data.
    pub const OTHER: &str = "(other)";
}

/// How often a text was searched for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchCount {
    /// The text, in lower case and with single spaces, or [`SearchPerformed::OTHER`].
    pub text: String,
    /// How often; only first pages count.
    pub searches: i64,
    /// How often nothing was found.
    pub without_results: i64,
}

/// How often a product was looked at that a search had found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClickCount {
    /// The text, as in [`SearchCount::text`].
    pub text: String,
    /// The product.
    pub product_id: ProductId,
    /// How often.
    pub clicks: i64,
    /// The sum of the positions it was found at; the first is 1.
    pub positions: i64,
}

publishes! { "stoa.catalog":
    ProductCreated = "product.created" about product_id;
    ProductUpdated = "product.updated" about product_id;
    ProductPriceChanged = "product.price_changed" about product_id;
    ProductArchived = "product.archived" about product_id;
    ProductAvailabilityChanged = "product.availability_changed" about product_id;
    CategoryChanged = "category.changed" about category_id;
    MarketChanged = "market.changed" about market_id;
    PriceListChanged = "price_list.changed" about price_list_id;
    CollectionChanged = "collection.changed" about collection_id;
    AttributeChanged = "attribute.changed" about attribute_id;
    SynonymChanged = "synonym.changed" about synonym_id;
    SearchPerformed = "search.performed" about counts_id;
}
