use std::collections::BTreeMap;

use kernel::id::ProductId;
use kernel::{Money, Timestamp};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::domain::{Card, Part, PriceTag, Product, RelationKind, Status, Translation};
use crate::search::{Explanation, Facets};

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
const fn is_none(units: &i64) -> bool {
    *units == 0
}

/// A product as it is answered.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Product, example = json!({
    "id": "01932c07-0000-7000-8000-000000000001", "sku": "LAMP-1", "name": "Desk lamp",
    "description": "Bends where you look.", "price": {"amount": "49.90", "currency": "EUR"},
    "brand": "Lumen", "categories": ["Home", "Lighting"], "attributes": {"watts": 6},
    "options": {}, "images": ["images/lamp.jpg"], "status": "active", "available": 25,
    "slug": "desk-lamp-lamp-1", "tax_category": "standard", "weight_g": 1200,
    "created_at": "2026-11-22T09:30:00Z", "updated_at": "2026-11-22T09:30:00Z", "version": 1
}))]
pub(crate) struct ProductView {
    /// The product.
    pub id: ProductId,
    /// Its stock keeping unit.
    pub sku: String,
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: String,
    /// The price of one unit: to shoppers what they pay in the default market, to the staff the
    /// product's own.
    pub price: Money,
    /// The product's own price, when shoppers pay less.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list_price: Option<Money>,
    /// The lowest price of the 30 days before the reduction (Directive 98/6/EC, Article 6a).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lowest_30d: Option<Money>,
    /// Its brand.
    pub brand: String,
    /// Its categories, from the widest to the narrowest.
    pub categories: Vec<String>,
    /// Texts, numbers, booleans or lists of these, by name.
    #[schema(value_type = Object)]
    pub attributes: BTreeMap<String, Value>,
    /// What tells a variant from its siblings.
    pub options: BTreeMap<String, String>,
    /// Addresses of its images.
    pub images: Vec<String>,
    /// Where it stands.
    pub status: Status,
    /// When an active product comes into the shop, if not at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub publish_at: Option<Timestamp>,
    /// Its name in the shop's addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slug: Option<String>,
    /// How it is taxed.
    pub tax_category: String,
    /// What one unit weighs when it is sent, in grams.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight_g: Option<i64>,
    /// The code that is printed on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub barcode: Option<String>,
    /// Its texts in other languages, by language tag.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub translations: BTreeMap<String, Translation>,
    /// The product it is a variant of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<ProductId>,
    /// How many units can be had; of a parent, of all its variants together.
    pub available: i64,
    /// How many more can be ordered that are sent later; of a variant, or of a product without any.
    #[serde(skip_serializing_if = "is_none")]
    pub backorderable: i64,
    /// Nothing of it is sent before, where that is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub available_from: Option<Timestamp>,
    /// What it is made of, when it is a bundle: as many can be had as there are parts for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// Its variants, when it has some.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(no_recursion)]
    pub variants: Vec<ProductView>,
    /// When it was created.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was changed last.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    /// 1 when created, one more with each change by an editor.
    pub version: i64,
}

impl ProductView {
    /// At the price that shoppers pay.
    pub fn at_public_price(product: Product) -> Self {
        let PriceTag { price, list_price, lowest_30d } =
            product.public.beside(product.content.price);
        Self { price, list_price, lowest_30d, ..Self::from(product) }
    }

    /// With its texts in a language, or in the shop's own where it has none in that. The other
    /// languages are left out: a shopper reads one.
    pub fn in_language(mut self, locale: Option<&str>) -> Self {
        if let Some(texts) = locale.and_then(|locale| in_locale(&self.translations, locale)) {
            self.name.clone_from(&texts.name);
            if !texts.description.is_empty() {
                self.description.clone_from(&texts.description);
            }
        }
        self.translations = BTreeMap::new();
        self
    }
}

/// The texts of a locale, or those of its language alone.
fn in_locale<'t>(
    translations: &'t BTreeMap<String, Translation>,
    locale: &str,
) -> Option<&'t Translation> {
    let language = || locale.split('-').next().and_then(|language| translations.get(language));
    translations.get(locale).or_else(language)
}

/// What lists show of a product.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CardView {
    /// The product.
    pub id: ProductId,
    /// Its stock keeping unit.
    pub sku: String,
    /// Its name.
    pub name: String,
    /// What shoppers pay for one unit in the default market.
    pub price: Money,
    /// The product's own price, when shoppers pay less.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list_price: Option<Money>,
    /// The lowest price of the 30 days before the reduction (Directive 98/6/EC, Article 6a).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lowest_30d: Option<Money>,
    /// Its brand.
    pub brand: String,
    /// Its categories, from the widest to the narrowest.
    pub categories: Vec<String>,
    /// Addresses of its images.
    pub images: Vec<String>,
    /// Its name in the shop's addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slug: Option<String>,
    /// Where it stands.
    pub status: Status,
    /// How many units can be had; of a parent, of all its variants together.
    pub available: i64,
    /// When it was created.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was changed last.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    /// 1 when created, one more with each change by an editor.
    pub version: i64,
    /// Why it stands where it stands, if the staff asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Explanation>,
}

impl CardView {
    /// With its name in a language, or in the shop's own where it has none in that.
    pub fn of(card: Card, locale: Option<&str>) -> Self {
        let texts = locale.and_then(|locale| in_locale(&card.translations, locale));
        Self {
            id: card.id,
            sku: card.sku,
            name: texts.map_or(card.name, |texts| texts.name.clone()),
            price: card.price.price,
            list_price: card.price.list_price,
            lowest_30d: card.price.lowest_30d,
            brand: card.brand,
            categories: card.categories,
            images: card.images,
            slug: card.slug,
            status: card.status,
            available: card.available,
            created_at: card.created_at,
            updated_at: card.updated_at,
            version: card.revision,
            explanation: None,
        }
    }
}

/// A page of a list of products.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProductList)]
pub(crate) struct ListView {
    /// The products, in the list's order.
    pub items: Vec<CardView>,
    /// What to pass as `cursor` for the next page; null at the end.
    pub next_cursor: Option<String>,
    /// How many products there are on all pages.
    pub total: u64,
    /// The text with words put right that stand nowhere in the shop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub did_you_mean: Option<String>,
    /// How many of the products have what, if it was asked. Each regards the filters of the
    /// others and not its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub facets: Option<Facets>,
}

/// A product that belongs to another one.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RelatedView {
    /// How.
    pub kind: RelationKind,
    /// The product.
    pub product: CardView,
}

impl From<Product> for ProductView {
    fn from(product: Product) -> Self {
        let content = product.content;
        Self {
            id: product.id,
            sku: content.sku,
            name: content.name,
            description: content.description,
            price: content.price,
            list_price: None,
            lowest_30d: None,
            brand: content.brand,
            categories: content.categories,
            attributes: content.attributes,
            options: content.options,
            images: content.images,
            status: content.status,
            publish_at: content.publish_at,
            slug: content.slug,
            tax_category: content.tax_category,
            weight_g: content.weight_g,
            barcode: content.barcode,
            translations: content.translations,
            parent_id: product.parent_id,
            available: product.available,
            backorderable: product.backorderable,
            available_from: product.available_from,
            parts: Vec::new(),
            variants: Vec::new(),
            created_at: product.created_at,
            updated_at: product.updated_at,
            version: product.revision,
        }
    }
}

/// A product whose name begins like what is being written.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Suggestion {
    /// The product.
    pub id: ProductId,
    /// Its stock keeping unit.
    pub sku: String,
    /// Its name.
    pub name: String,
}

/// What a text may become.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SuggestionsView {
    /// At most 10 products, the best first.
    pub items: Vec<Suggestion>,
    /// Always null: there is one page.
    pub next_cursor: Option<String>,
    /// Texts that find something, the most usual first; from four letters on.
    pub texts: Vec<String>,
}
