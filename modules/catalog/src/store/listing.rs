//! The products of lists.

use std::collections::BTreeMap;

use kernel::{Money, Timestamp};
use platform::sql::{Error, Json, Reads, Result};
use uuid::Uuid;

use super::id_list;
use crate::domain::{Card, PublicPrice, Translation, category};

platform::statements! {
    CARDS =
        "select p.id, p.sku, p.name, p.price, p.currency, p.public_price, p.public_currency,
                p.public_lowest, p.brand,
                (select c.path from category c where c.id = p.category_id) as category,
                p.images, p.slug,
                p.status, p.shown,
                p.inventory_count + coalesce((select cast(sum(v.inventory_count) as bigint)
                   from product v where v.parent_id = p.id and v.shown), 0) as available,
                p.translations, p.revision, p.created_at, p.updated_at
           from product p where p.id in (select unhex(value, '-') from json_each($1))",
        "select p.id, p.sku, p.name, p.price, p.currency, p.public_price, p.public_currency,
                p.public_lowest, p.brand,
                (select c.path from category c where c.id = p.category_id) as category,
                p.images, p.slug,
                p.status, p.shown,
                p.inventory_count + coalesce((select cast(sum(v.inventory_count) as bigint)
                   from product v where v.parent_id = p.id and v.shown), 0) as available,
                p.translations, p.revision, p.created_at, p.updated_at
           from product p
          where p.id = any(array(select cast(jsonb_array_elements_text($1) as uuid)))";
}

#[derive(platform::sql::Record)]
struct Row {
    id: Uuid,
    sku: String,
    name: String,
    price: i64,
    currency: String,
    public_price: i64,
    public_currency: String,
    public_lowest: Option<i64>,
    brand: String,
    category: Option<String>,
    images: Json<Vec<String>>,
    slug: Option<String>,
    status: String,
    shown: bool,
    available: i64,
    translations: Json<BTreeMap<String, Translation>>,
    revision: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl Row {
    fn card(self) -> Result<Card> {
        let wrong = |what: &str| Error::Inconsistent(format!("product {}: {what}", self.id));
        let currency = self.currency.parse().map_err(|_| wrong("currency"))?;
        let public = self.public_currency.parse().map_err(|_| wrong("public_currency"))?;
        let public = PublicPrice {
            price: Money::from_minor(self.public_price, public),
            lowest_before: self.public_lowest.map(|lowest| Money::from_minor(lowest, public)),
        };
        let status = self.status.parse().map_err(|_| wrong("status"))?;
        Ok(Card {
            id: self.id.into(),
            sku: self.sku,
            name: self.name,
            price: public.beside(Money::from_minor(self.price, currency)),
            brand: self.brand,
            categories: self.category.as_deref().map(category::names).unwrap_or_default(),
            images: self.images.0,
            slug: self.slug,
            status,
            shown: self.shown,
            available: self.available,
            translations: self.translations.0,
            revision: self.revision,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

/// What lists show of these products, in no order.
pub(crate) async fn cards(from: &mut dyn Reads, ids: Vec<Uuid>) -> Result<Vec<Card>> {
    let rows: Vec<Row> = from.query(CARDS).bind(id_list(ids)).all().await?;
    rows.into_iter().map(Row::card).collect()
}
