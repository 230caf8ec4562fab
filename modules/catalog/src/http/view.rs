use std::collections::BTreeMap;

use kernel::id::ProductId;
use kernel::{Money, Timestamp};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::domain::{Product, RelationKind, Status, Translation};

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
        let (public, base) = (product.public, product.content.price);
        let is_same = public.price.currency() == base.currency();
        let is_reduced = is_same && public.price.minor() < base.minor();
        Self {
            price: public.price,
            list_price: is_reduced.then_some(base),
            lowest_30d: public.lowest_before.filter(|_| is_reduced),
            ..Self::from(product)
        }
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

/// A product that belongs to another one.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RelatedView {
    /// How.
    pub kind: RelationKind,
    /// The product.
    pub product: ProductView,
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
