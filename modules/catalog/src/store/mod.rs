//! The catalogue's SQL.

pub(crate) mod attributes;
pub(crate) mod bundles;
pub(crate) mod categories;
pub(crate) mod collections;
pub(crate) mod exports;
pub(crate) mod images;
pub(crate) mod imports;
pub(crate) mod jobs;
pub(crate) mod listing;
pub(crate) mod markets;
pub(crate) mod popularity;
pub(crate) mod price_history;
pub(crate) mod price_lists;
pub(crate) mod pricing;
pub(crate) mod products;
pub(crate) mod related;
pub(crate) mod searching;
pub(crate) mod slugs;
pub(crate) mod stock;
pub(crate) mod synonyms;

use std::collections::BTreeMap;

use kernel::{Money, Timestamp};
use platform::sql::Json;
use platform::sql::{Error, Result};
use serde_json::Value;
use uuid::Uuid;

use crate::domain::{Content, Product, PublicPrice, Translation, category, normalize};

/// The columns of a [`ProductRow`] of the product `p`.
macro_rules! columns {
    () => {
        "p.id, p.parent_id, p.sku, p.name, p.description, p.brand, p.price, p.currency,
         p.public_price, p.public_currency, p.public_lowest, p.inventory_count + coalesce((select cast(sum(v.inventory_count) as bigint)
            from product v where v.parent_id = p.id and v.shown), 0) as available,
         p.backorderable, p.available_from, p.bundled,
         (select c.path from category c where c.id = p.category_id) as category,
         p.attributes, p.options, p.images, p.status, p.publish_at, p.slug,
         p.tax_category, p.weight_g, p.barcode, p.translations, p.revision, p.version,
         p.created_at, p.updated_at"
    };
}
pub(crate) use columns;

/// A row of the product table.
#[derive(Debug, platform::sql::Record)]
pub(crate) struct ProductRow {
    id: Uuid,
    parent_id: Option<Uuid>,
    sku: String,
    name: String,
    description: String,
    brand: String,
    price: i64,
    currency: String,
    public_price: i64,
    public_currency: String,
    public_lowest: Option<i64>,
    available: i64,
    backorderable: i64,
    available_from: Option<Timestamp>,
    bundled: bool,
    category: Option<String>,
    attributes: Json<BTreeMap<String, Value>>,
    options: Json<BTreeMap<String, String>>,
    images: Json<Vec<String>>,
    status: String,
    publish_at: Option<Timestamp>,
    slug: Option<String>,
    tax_category: String,
    weight_g: Option<i64>,
    barcode: Option<String>,
    translations: Json<BTreeMap<String, Translation>>,
    revision: i64,
    version: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl ProductRow {
    pub(crate) fn product(self) -> Result<Product> {
        let wrong = |what: &str| Error::Inconsistent(format!("product {}: {what}", self.id));
        let currency = self.currency.parse().map_err(|_| wrong("currency"))?;
        let public = self.public_currency.parse().map_err(|_| wrong("public_currency"))?;
        let public = PublicPrice {
            price: Money::from_minor(self.public_price, public),
            lowest_before: self.public_lowest.map(|lowest| Money::from_minor(lowest, public)),
        };
        let status = self.status.parse().map_err(|_| wrong("status"))?;
        let content = Content {
            sku: self.sku,
            name: self.name,
            description: self.description,
            price: Money::from_minor(self.price, currency),
            brand: self.brand,
            categories: self.category.as_deref().map(category::names).unwrap_or_default(),
            attributes: normalize(self.attributes.0),
            options: self.options.0,
            images: self.images.0,
            status,
            publish_at: self.publish_at,
            slug: self.slug,
            tax_category: self.tax_category,
            weight_g: self.weight_g,
            barcode: self.barcode,
            translations: self.translations.0,
        };
        Ok(Product {
            id: self.id.into(),
            parent_id: self.parent_id.map(Into::into),
            content,
            public,
            available: self.available,
            backorderable: self.backorderable,
            available_from: self.available_from,
            is_bundled: self.bundled,
            revision: self.revision,
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

pub(crate) fn products(rows: Vec<ProductRow>) -> Result<Vec<Product>> {
    rows.into_iter().map(ProductRow::product).collect()
}

/// A list of ids as one parameter.
pub(crate) fn id_list(ids: impl IntoIterator<Item = Uuid>) -> Json<Value> {
    Json(ids.into_iter().map(|id| Value::from(id.to_string())).collect())
}
