use std::collections::BTreeMap;
use std::str::FromStr;

use chrono::SubsecRound;
use kernel::id::ProductId;
use kernel::{Money, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{Content, TAX_CATEGORY, Translation, normalize, slug_of};

/// Where a product stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema, Hash)]
#[serde(rename_all = "snake_case")]
#[schema(as = ProductStatus)]
pub enum Status {
    /// Being prepared: only the staff sees it.
    Draft,
    /// In the shop.
    Active,
    /// Taken out of the shop; orders of it go on.
    Archived,
}

impl Status {
    /// The word it is stored and sent as.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Active => "active",
            Self::Archived => "archived",
        }
    }
}

/// The word is no status of a product.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be draft, active or archived")]
pub struct UnknownStatus;

impl FromStr for Status {
    type Err = UnknownStatus;

    fn from_str(word: &str) -> Result<Self, UnknownStatus> {
        match word {
            "draft" => Ok(Self::Draft),
            "active" => Ok(Self::Active),
            "archived" => Ok(Self::Archived),
            _ => Err(UnknownStatus),
        }
    }
}

/// What every shopper of the default market pays for one unit of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicPrice {
    /// The price; the base price where the product is not sold in that market.
    pub price: Money,
    /// The lowest price of the 30 days before it began.
    pub lowest_before: Option<Money>,
}

/// A product, or one variant of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Product {
    /// The product.
    pub id: ProductId,
    /// The product it is a variant of.
    pub parent_id: Option<ProductId>,
    /// What the shop says of it.
    pub content: Content,
    /// What shoppers pay.
    pub public: PublicPrice,
    /// How many units can be promised, as far as the catalogue has heard; of a parent, those of
    /// its active variants too.
    pub available: i64,
    /// How many more of it can be promised that come later.
    pub backorderable: i64,
    /// Nothing of it is sent before.
    pub available_from: Option<Timestamp>,
    /// Whether it is a bundle of other products or a part of one.
    pub is_bundled: bool,
    /// 1 when created, one more with each change by an editor.
    pub revision: i64,
    /// The version of its last event: stock that runs out counts as well.
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

/// A price as shoppers read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PriceTag {
    /// What they pay.
    pub price: Money,
    /// The product's own price, when they pay less.
    pub list_price: Option<Money>,
    /// The lowest price of the 30 days before the reduction (Directive 98/6/EC, Article 6a).
    pub lowest_30d: Option<Money>,
}

impl PublicPrice {
    /// The price beside the product's own.
    pub fn beside(self, own: Money) -> PriceTag {
        let is_same = self.price.currency() == own.currency();
        let is_reduced = is_same && self.price.minor() < own.minor();
        PriceTag {
            price: self.price,
            list_price: is_reduced.then_some(own),
            lowest_30d: self.lowest_before.filter(|_| is_reduced),
        }
    }
}

/// A product that is to be created.
#[derive(Debug, Clone, PartialEq)]
pub struct NewProduct {
    /// The product, in its first version.
    pub product: Product,
    /// How many units lie in stock from the start.
    pub opening_stock: Option<i64>,
}

impl From<Money> for PublicPrice {
    fn from(base: Money) -> Self {
        Self { price: base, lowest_before: None }
    }
}

impl Product {
    /// Whether shoppers see it at a time, as far as it is up to the product itself.
    pub fn shown_at(&self, now: Timestamp) -> bool {
        let due = self.content.publish_at.is_none_or(|at| at <= now);
        self.content.status == Status::Active && due
    }
}

/// A whole product as the staff writes it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "sku": "LAMP-1", "name": "Desk lamp", "description": "Bends where you look.",
    "price": {"amount": "49.90", "currency": "EUR"}, "brand": "Lumen",
    "categories": ["Home", "Lighting"], "attributes": {"watts": 6}, "images": ["images/lamp.jpg"],
    "status": "active", "opening_stock": 25
}))]
pub struct ProductInput {
    /// The stock keeping unit: 1 to 32 visible characters, unique, kept for life.
    #[schema(min_length = 1, max_length = 32)]
    pub sku: String,
    /// 1 to 300 characters.
    #[schema(min_length = 1, max_length = 300)]
    pub name: String,
    /// At most 20,000 characters.
    #[serde(default)]
    #[schema(max_length = 20_000)]
    pub description: String,
    /// The price of one unit.
    pub price: Money,
    /// At most 100 characters.
    #[serde(default)]
    #[schema(max_length = 100)]
    pub brand: String,
    /// At most 20, from the widest to the narrowest.
    #[serde(default)]
    #[schema(max_items = 20)]
    pub categories: Vec<String>,
    /// At most 300 texts, numbers, booleans or lists of these, by name.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub attributes: BTreeMap<String, Value>,
    /// What tells a variant from its siblings, e.g. its size.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
    /// At most 30 addresses.
    #[serde(default)]
    #[schema(max_items = 30)]
    pub images: Vec<String>,
    /// `active` unless said otherwise.
    #[serde(default = "active")]
    pub status: Status,
    /// When an active product comes into the shop; at once unless said otherwise.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub publish_at: Option<Timestamp>,
    /// Its name in the shop's addresses: small letters, digits and single hyphens. Made from name
    /// and SKU unless said; former ones go on leading to it.
    #[serde(default)]
    #[schema(pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", max_length = 200)]
    pub slug: Option<String>,
    /// How it is taxed; `standard` unless said otherwise.
    #[serde(default = "standard")]
    #[schema(min_length = 1, max_length = 50)]
    pub tax_category: String,
    /// What one unit weighs when it is sent, in grams.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 100_000_000)]
    pub weight_g: Option<i64>,
    /// The code that is printed on it, e.g. a GTIN; at most 64 characters.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 64)]
    pub barcode: Option<String>,
    /// Its texts in other languages, by BCP 47 tag such as `de` or `pt-BR`.
    #[serde(default)]
    pub translations: BTreeMap<String, Translation>,
    /// The product it is a variant of; kept for life.
    #[serde(default)]
    pub parent_id: Option<ProductId>,
    /// How many units lie in stock from the start; only when a product is created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    pub opening_stock: Option<i64>,
}

const fn active() -> Status {
    Status::Active
}

fn standard() -> String {
    TAX_CATEGORY.to_owned()
}

impl ProductInput {
    /// What the staff would write to leave a product as it is.
    pub fn of(product: Product) -> Self {
        let Content {
            sku,
            name,
            description,
            price,
            brand,
            categories,
            attributes,
            options,
            images,
            status,
            publish_at,
            slug,
            tax_category,
            weight_g,
            barcode,
            translations,
        } = product.content;
        Self {
            sku,
            name,
            description,
            price,
            brand,
            categories,
            attributes,
            options,
            images,
            status,
            publish_at,
            slug,
            tax_category,
            weight_g,
            barcode,
            translations,
            parent_id: product.parent_id,
            opening_stock: None,
        }
    }

    /// What it says of the product.
    pub fn content(self) -> Content {
        let slug = match self.parent_id {
            None => self.slug.or_else(|| Some(slug_of(&self.name, &self.sku))),
            Some(_) => self.slug,
        };
        Content {
            sku: self.sku,
            name: self.name,
            description: self.description,
            price: self.price,
            brand: self.brand,
            categories: self.categories,
            attributes: normalize(self.attributes),
            options: self.options,
            images: self.images,
            status: self.status,
            publish_at: self.publish_at.map(|at| at.trunc_subsecs(6)),
            slug,
            tax_category: self.tax_category,
            weight_g: self.weight_g,
            barcode: self.barcode,
            translations: self.translations,
        }
    }
}

/// What a change of a product is to the rest of the house: the one event it emits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Nothing changed.
    Nothing,
    /// It was taken out of the shop.
    Archived,
    /// Its price changed, and perhaps more of it.
    Price {
        /// The price before.
        before: Money,
        /// The price now.
        after: Money,
    },
    /// Something else changed.
    Content,
}

/// What changed from `before` to `after`.
pub fn change(before: &Content, after: &Content) -> Change {
    if before == after {
        Change::Nothing
    } else if after.status == Status::Archived && before.status != Status::Archived {
        Change::Archived
    } else if before.price != after.price {
        Change::Price { before: before.price, after: after.price }
    } else {
        Change::Content
    }
}
