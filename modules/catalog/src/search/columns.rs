//! The columns of a segment, and its products in every order. A segment never changes but for what
//! is deleted from it, so that both are made once for as long as it lasts.

use std::sync::{Arc, OnceLock};

use tantivy::columnar::{BytesColumn, Column, StrColumn};
use tantivy::{DocId, SegmentReader, TantivyError};
use uuid::Uuid;

use super::SearchError;
use super::order::{By, key};
use super::schema::column;
use crate::domain::POPULARITY_MAX;

/// The products of a segment, and what is known of each.
pub(super) struct Segment {
    pub reader: SegmentReader,
    pub columns: Arc<Columns>,
}

/// What is known of each product of a segment.
pub(super) struct Columns {
    high: Column<u64>,
    low: Column<u64>,
    pub shown: Column<bool>,
    pub status: StrColumn,
    pub category: StrColumn,
    pub brand: StrColumn,
    pub values: StrColumn,
    pub price: Column<i64>,
    pub currency: StrColumn,
    pub in_stock: Column<bool>,
    pub created: Column<i64>,
    pub popularity: Column<u64>,
    pub name_order: StrColumn,
    /// The products in each order that goes by a column.
    orders: [OnceLock<Vec<DocId>>; By::COUNT],
}

pub(super) fn column_missing(name: &str) -> SearchError {
    TantivyError::InternalError(format!("the column {name} is missing")).into()
}

/// A column of texts; one without any value when no product of the segment has one.
fn texts(segment: &SegmentReader, name: &str) -> Result<StrColumn, SearchError> {
    let found = segment.fast_fields().str(name)?;
    Ok(found.unwrap_or_else(|| StrColumn::wrap(BytesColumn::empty(segment.max_doc()))))
}

impl Columns {
    pub fn open(segment: &SegmentReader) -> Result<Self, SearchError> {
        let fast = segment.fast_fields();
        Ok(Self {
            high: fast.u64(column::ID_HIGH)?,
            low: fast.u64(column::ID_LOW)?,
            shown: fast.bool(column::SHOWN)?,
            status: texts(segment, column::STATUS)?,
            category: texts(segment, column::CATEGORY)?,
            brand: texts(segment, column::BRAND)?,
            values: texts(segment, column::VALUES)?,
            price: fast.i64(column::PRICE)?,
            currency: texts(segment, column::CURRENCY)?,
            in_stock: fast.bool(column::IN_STOCK)?,
            created: fast.i64(column::CREATED)?,
            popularity: fast.u64(column::POPULARITY)?,
            name_order: texts(segment, column::NAME_ORDER)?,
            orders: Default::default(),
        })
    }

    pub fn id(&self, doc: DocId) -> Uuid {
        let (high, low) = (self.high.first(doc), self.low.first(doc));
        Uuid::from_u64_pair(high.unwrap_or(0), low.unwrap_or(0))
    }

    /// How much a product is liked: how often it is sold, then whether it can be had.
    pub fn liking(&self, doc: DocId) -> u32 {
        let popularity = self.popularity.first(doc).unwrap_or(0).min(POPULARITY_MAX.into());
        let in_stock = self.in_stock.first(doc) == Some(true);
        u32::try_from(popularity * 2).unwrap_or(u32::MAX - 1) + u32::from(in_stock)
    }

    /// The place of a product's name among those of the segment.
    pub fn name(&self, doc: DocId) -> u64 {
        self.name_order.ords().first(doc).unwrap_or(0)
    }

    /// The products in an order, the deleted ones too.
    pub fn order(&self, by: By) -> &[DocId] {
        self.orders[by as usize].get_or_init(|| {
            let mut order: Vec<DocId> = (0..self.shown.num_docs()).collect();
            order.sort_by_cached_key(|doc| (key(self, by, *doc), self.id(*doc)));
            order
        })
    }
}
