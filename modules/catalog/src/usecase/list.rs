use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use kernel::page::cursor;
use kernel::{Currency, Money};
use platform::replica::Question;
use platform::sql::{self, Db, Reads};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::Catalog;
use crate::domain::{Card, SearchQuery};
use crate::error::{Error, Result};
use crate::search::{
    Asked, Audience, Collected, Explanation, Facets, Filters, Found, Key, Narrowing, Place,
    PriceRange, SearchError,
};
use crate::store::{categories, collections, listing};

/// How long a read waits for the index to come up to a change, at most.
const FRESH_WITHIN: Duration = Duration::from_secs(2);

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
    /// What is sold most first.
    #[serde(rename = "popularity")]
    Popularity,
}

/// Which products are wanted, in which order.
#[derive(Debug, Clone)]
pub struct ListQuery {
    /// A search text; none lists everything.
    pub text: Option<String>,
    /// The language that is searched besides the shop's own, e.g. `de`.
    pub locale: Option<String>,
    /// Who asks.
    pub audience: Audience,
    /// Only products of this category.
    pub category: Option<String>,
    /// Only products of this collection: its slug or id.
    pub collection: Option<String>,
    /// Only products of one of these brands, if there are any.
    pub brands: Vec<String>,
    /// Only products that cost at least this.
    pub least: Option<Money>,
    /// Only products that cost at most this.
    pub most: Option<Money>,
    /// Only products that can be had.
    pub in_stock: bool,
    /// Only products with one of the values, of each name: `attr.colour`, `option.size`.
    pub values: BTreeMap<String, Vec<String>>,
    /// The order.
    pub sort: Sort,
    /// How many.
    pub limit: u32,
    /// After which position.
    pub after: Option<After>,
    /// Whether the products are counted by facets.
    pub facets: bool,
    /// Whether each product's rank is explained.
    pub explain: bool,
    /// A change that has to be seen: its position in the module's outbox.
    pub fresh: Option<i64>,
}

impl ListQuery {
    /// Everything that shoppers see, in an order.
    pub fn all(sort: Sort, limit: u32) -> Self {
        Self {
            text: None,
            locale: None,
            audience: Audience::Shoppers,
            category: None,
            collection: None,
            brands: Vec::new(),
            least: None,
            most: None,
            in_stock: false,
            values: BTreeMap::new(),
            sort,
            limit,
            after: None,
            facets: false,
            explain: false,
            fresh: None,
        }
    }

    /// The text that a shopper begins to search for with it.
    pub(crate) fn searched(&self) -> Option<String> {
        let begins = self.audience == Audience::Shoppers && self.after.is_none() && !self.explain;
        self.text.clone().filter(|_| begins)
    }

    fn filters(&self) -> Filters {
        let currency = self.least.or(self.most).map(Money::currency);
        let price = currency.map(|currency| PriceRange {
            least: self.least.map_or(0, Money::minor),
            most: self.most.map_or(i64::MAX, Money::minor),
            currency: currency.code().to_owned(),
        });
        Filters {
            category: self.category.clone(),
            brands: self.brands.clone(),
            price,
            in_stock: self.in_stock,
            values: self.values.clone(),
        }
    }
}

/// A position in a list: the order and edition it is of, and the place in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct After {
    sort: Sort,
    edition: Uuid,
    place: Place,
}

/// A page of a list of products.
#[derive(Debug, Clone)]
pub struct List {
    /// The products, in their order.
    pub items: Vec<Item>,
    /// What leads to the next page; none at the end.
    pub next_cursor: Option<String>,
    /// How many products there are on all pages.
    pub total: u64,
    /// How many of them have what, if that was asked.
    pub facets: Option<Facets>,
    /// The text with words put right that stand nowhere.
    pub did_you_mean: Option<String>,
}

/// A product of a list.
#[derive(Debug, Clone)]
pub struct Item {
    /// The product.
    pub card: Card,
    /// Why it stands where it stands, if that was asked.
    pub explanation: Option<Explanation>,
}

/// A page of products. Variants are seen with their parent.
pub(crate) async fn list(catalog: &Catalog, query: ListQuery) -> Result<List> {
    let (db, currency) = (&catalog.db, catalog.settings.currency);
    let search = catalog.search.as_ref().ok_or(SearchError::NotBuilt)?;
    if let Some(pos) = query.fresh {
        // A node that is behind for longer answers with what it has.
        search.wait_for(pos, FRESH_WITHIN).await;
    }
    let after = query.after.clone();
    if after.as_ref().is_some_and(|after| !after.fits(query.sort)) {
        let message = "must be the next_cursor of a page in the same order";
        return Err(Error::invalid("cursor", message));
    }
    let text = query.text.as_deref().map(SearchQuery::parse).transpose();
    let mut filters = query.filters();
    if let Some(key) = &filters.category {
        filters.category = Some(category_path(db, key).await?);
    }
    let collected = match &query.collection {
        Some(key) => Some(collected(db, key, currency).await?),
        None => None,
    };
    let asked = Asked {
        query: text.map_err(|no_word| Error::invalid("q", no_word.to_string()))?,
        locale: query.locale.clone(),
        narrowing: Narrowing { audience: query.audience, filters, collected },
        sort: query.sort,
        limit: query.limit as usize,
        edition: after.as_ref().map(|after| after.edition),
        after: after.map(|after| after.place),
        facets: query.facets.then(|| currency.code().to_owned()),
        explain: query.explain,
    };
    let is_staff = query.audience != Audience::Shoppers;
    let found = search.find(asked).await?;
    let cards = Cards(found.hits.iter().map(|hit| hit.place.id).collect());
    let cards = if is_staff {
        cards.ask(&mut &*db).await?
    } else {
        // Products are at least as new as the index that has found them.
        let indexed = search.position().map(|position| position.pos);
        catalog.ask(&cards, indexed.max(query.fresh)).await?
    };
    Ok(page(query.sort, found, cards))
}

/// The path of the category that a slug, an id or a path names; an unknown one has no products.
async fn category_path(db: &Db, key: &str) -> Result<String> {
    let found = categories::find(db, key).await?;
    Ok(found.map_or_else(|| key.to_owned(), |category| category.path))
}

/// The products of a collection as a search can tell them.
async fn collected(db: &Db, key: &str, currency: Currency) -> Result<Collected> {
    let found = match Uuid::try_parse(key) {
        Ok(id) => collections::read(db, id).await?,
        Err(_) => collections::by_slug(db, key).await?,
    };
    let missing = || Error::invalid("collection", "must be the slug or id of a collection");
    let collection = found.ok_or_else(missing)?;
    let Some(rule) = collection.rule else {
        let chosen = collections::chosen(db, collection.id).await?;
        let places = chosen.into_iter().enumerate().map(|(place, id)| (id, place));
        return Ok(Collected::Chosen(places.collect()));
    };
    let category = match &rule.category {
        Some(category) => Some(category_path(db, category).await?),
        None => None,
    };
    let (least, most) = rule.bounds(currency);
    let price = (rule.min_price.is_some() || rule.max_price.is_some()).then(|| PriceRange {
        least,
        most,
        currency: currency.code().to_owned(),
    });
    let values = rule.attributes.into_iter().map(|(name, values)| (format!("attr.{name}"), values));
    Ok(Collected::Meeting(Filters {
        category,
        brands: rule.brand,
        price,
        in_stock: rule.in_stock,
        values: values.collect(),
    }))
}

impl After {
    fn fits(&self, sort: Sort) -> bool {
        self.sort == sort && matches!(self.place.key, Key::Text(_)) == (sort == Sort::Name)
    }
}

/// Products as lists show them, by id.
struct Cards(Vec<Uuid>);

impl Question for Cards {
    type Answer = Vec<Card>;

    async fn ask(&self, of: &mut dyn Reads) -> sql::Result<Vec<Card>> {
        listing::cards(of, self.0.clone()).await
    }
}

fn page(sort: Sort, found: Found, cards: Vec<Card>) -> List {
    let last = found.hits.last().filter(|_| found.more);
    let next_cursor =
        last.map(|last| cursor(&After { sort, edition: found.edition, place: last.place.clone() }));
    let mut cards: HashMap<Uuid, Card> =
        cards.into_iter().map(|card| (card.id.uuid(), card)).collect();
    let items = found.hits.into_iter().filter_map(|hit| {
        let card = cards.remove(&hit.place.id)?;
        Some(Item { card, explanation: hit.explanation })
    });
    List {
        items: items.collect(),
        next_cursor,
        total: found.total,
        facets: found.facets,
        did_you_mean: found.did_you_mean,
    }
}
