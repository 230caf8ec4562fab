use std::collections::HashMap;

use platform::sql::{Db, Result};
use serde::Serialize;
use serde_json::{Value, json};

use super::write::{failed, json_lines};
use crate::domain::{CATEGORY_COUNT_MAX, COLLECTION_COUNT_MAX};
use crate::store::{attributes, categories, collections, markets, price_lists, synonyms};

/// What a merchant defines besides products, in the order in which it depends on each other.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Attribute,
    Category,
    Collection,
    Market,
    PriceList,
    Synonym,
}

impl Kind {
    pub(super) const FIRST: Self = Self::Attribute;

    pub(super) const fn next(self) -> Option<Self> {
        match self {
            Self::Attribute => Some(Self::Category),
            Self::Category => Some(Self::Collection),
            Self::Collection => Some(Self::Market),
            Self::Market => Some(Self::PriceList),
            Self::PriceList => Some(Self::Synonym),
            Self::Synonym => None,
        }
    }
}

/// A line of JSON.
#[derive(Serialize)]
struct Line {
    kind: Kind,
    definition: Value,
}

/// Everything of a kind, a line each.
pub(super) async fn write(db: &Db, kind: Kind, out: &mut Vec<u8>) -> Result<()> {
    let definitions = match kind {
        Kind::Attribute => described(&attributes::read_all(db).await?),
        Kind::Category => described(&categories::read_all(&mut &*db, CATEGORY_COUNT_MAX).await?),
        Kind::Collection => chosen(db).await,
        Kind::Market => described(&markets::read_all(db).await?),
        Kind::PriceList => described(&price_lists::read_all(db).await?),
        Kind::Synonym => described(&synonyms::read_all(db).await?),
    };
    let line = |definition| Line { kind, definition };
    json_lines(out, &definitions?.into_iter().map(line).collect::<Vec<_>>())
}

/// Definitions as the staff writes them: what only this shop knows them by is left out.
fn described(all: &[impl Serialize]) -> Result<Vec<Value>> {
    let own = |one| {
        let mut one = serde_json::to_value(one).map_err(failed)?;
        if let Some(members) = one.as_object_mut() {
            members.retain(|name, _| !matches!(name.as_str(), "id" | "parent_id" | "version"));
        }
        Ok(one)
    };
    all.iter().map(own).collect()
}

/// Collections, with the SKUs of the products that were chosen for them.
async fn chosen(db: &Db) -> Result<Vec<Value>> {
    let all = collections::all(db, COLLECTION_COUNT_MAX).await?;
    let mut skus: HashMap<_, Vec<String>> = HashMap::new();
    for (id, sku) in collections::chosen_skus(db).await? {
        skus.entry(id).or_default().push(sku);
    }
    let mut definitions = described(&all)?;
    for (collection, definition) in all.iter().zip(&mut definitions) {
        if let Some(skus) = skus.remove(&collection.id) {
            definition["products"] = json!(skus);
        }
    }
    Ok(definitions)
}
