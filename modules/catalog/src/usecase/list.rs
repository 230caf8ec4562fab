use chrono::DateTime;
use kernel::page::{Page, cursor};
use kernel::{Money, Timestamp};
use platform::sql::Db;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::Product;
use crate::error::{Error, Result};
use crate::search::{Asked, Hit, SearchError, SearchIndex};
use crate::store::listing::{self, Filter, Scope, Start};

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum Sort {
    /// What fits the search text best; without one, the newest.
    #[serde(rename = "relevance")]
    Relevance,
    /// The cheapest first.
    #[serde(rename = "price")]
    Price,
    /// The dearest first.
    #[serde(rename = "-price")]
    PriceFalling,
    /// The newest first.
    #[serde(rename = "newest")]
    Newest,
    /// By name.
    #[serde(rename = "name")]
    Name,
}

/// Which products are wanted, in which order.
#[derive(Debug, Clone)]
pub struct ListQuery {
    /// A search text; none lists everything.
    pub text: Option<String>,
    /// Only products of this category.
    pub category: Option<String>,
    /// Only products that cost at least this.
    pub least: Option<Money>,
    /// Only products that cost at most this.
    pub most: Option<Money>,
    /// Only products that can be had.
    pub in_stock: bool,
    /// The order.
    pub sort: Sort,
    /// How many.
    pub limit: u32,
    /// After which position.
    pub after: Option<After>,
}

/// A position in an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum After {
    /// The bits of the score.
    Relevance(u32, Uuid),
    /// The price in minor units.
    Price(i64, Uuid),
    /// The price in minor units, of a falling order.
    PriceFalling(i64, Uuid),
    /// When it was created.
    Newest(Timestamp, Uuid),
    /// The name.
    Name(String, Uuid),
}

impl ListQuery {
    fn filter(&self) -> Filter {
        let currency = self.least.or(self.most).map(Money::currency);
        let price = currency.map(|currency| {
            let least = self.least.map_or(0, Money::minor);
            let most = self.most.map_or(i64::MAX, Money::minor);
            (least, most, currency.code().to_owned())
        });
        Filter { price, in_stock: self.in_stock }
    }
}

/// A page of the products that shoppers see. Variants are seen with their parent.
pub(crate) async fn list(
    db: &Db,
    search: Option<&SearchIndex>,
    query: ListQuery,
) -> Result<Page<Product>> {
    let filter = query.filter();
    let Some(text) = &query.text else {
        let scope = query.category.clone().map_or(Scope::All, Scope::Category);
        let sort = if query.sort == Sort::Relevance { Sort::Newest } else { query.sort };
        return ordered(db, scope, &filter, sort, &query).await;
    };
    let search = search.ok_or(SearchError::NotBuilt)?;
    let asked = Asked {
        text: text.clone(),
        category: query.category.clone(),
        price: filter.price.clone(),
        strict: query.sort != Sort::Relevance,
    };
    let hits = search.find(asked).await?;
    if query.sort == Sort::Relevance {
        return ranked(db, hits, &filter, &query).await;
    }
    let scope = Scope::Products(hits.into_iter().map(|hit| hit.id).collect());
    ordered(db, scope, &filter, query.sort, &query).await
}

fn wrong_cursor() -> Error {
    Error::invalid("cursor", "must be the next_cursor of a page in the same order")
}

async fn ordered(
    db: &Db,
    scope: Scope,
    filter: &Filter,
    sort: Sort,
    query: &ListQuery,
) -> Result<Page<Product>> {
    let start = match (sort, query.after.clone()) {
        (Sort::Price, None) => Start::Price(-1, Uuid::nil()),
        (Sort::Price, Some(After::Price(price, id))) => Start::Price(price, id),
        (Sort::PriceFalling, None) => Start::PriceFalling(i64::MAX, Uuid::max()),
        (Sort::PriceFalling, Some(After::PriceFalling(price, id))) => {
            Start::PriceFalling(price, id)
        }
        (Sort::Newest | Sort::Relevance, None) => Start::Newest(latest(), Uuid::max()),
        (Sort::Newest | Sort::Relevance, Some(After::Newest(at, id))) => Start::Newest(at, id),
        (Sort::Name, None) => Start::Name(String::new(), Uuid::nil()),
        (Sort::Name, Some(After::Name(name, id))) if !name.contains('\0') => Start::Name(name, id),
        (_, Some(_)) => return Err(wrong_cursor()),
    };
    let items = listing::page(db, scope, filter, start, i64::from(query.limit) + 1).await?;
    Ok(Page::cut(items, query.limit, |product| {
        let id = product.id.uuid();
        match sort {
            Sort::Price => After::Price(product.content.price.minor(), id),
            Sort::PriceFalling => After::PriceFalling(product.content.price.minor(), id),
            Sort::Newest | Sort::Relevance => After::Newest(product.created_at, id),
            Sort::Name => After::Name(product.content.name.clone(), id),
        }
    }))
}

/// Later than any product was created: the year 9999, which both engines can compare.
pub(super) fn latest() -> Timestamp {
    DateTime::from_timestamp(253_402_300_799, 0).unwrap_or(DateTime::<chrono::Utc>::MAX_UTC)
}

async fn ranked(
    db: &Db,
    hits: Vec<Hit>,
    filter: &Filter,
    query: &ListQuery,
) -> Result<Page<Product>> {
    let behind = match query.after {
        None => 0,
        Some(After::Relevance(score, id)) => {
            let last = Hit { score: f32::from_bits(score), id };
            hits.partition_point(|hit| !last.is_before(hit))
        }
        Some(_) => return Err(wrong_cursor()),
    };
    let rest = &hits[behind..];
    let ids = rest.iter().map(|hit| hit.id);
    let mut items = listing::ranked(db, ids, filter, i64::from(query.limit) + 1).await?;
    let limit = query.limit as usize;
    let more = items.len() > limit;
    items.truncate(limit);
    let last = items.last().filter(|_| more).map(|product| product.id.uuid());
    let last = last.and_then(|last| rest.iter().find(|hit| hit.id == last));
    let next_cursor = last.map(|hit| cursor(&After::Relevance(hit.score.to_bits(), hit.id)));
    Ok(Page { items, next_cursor })
}
