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

/// A column of few texts, which are unpacked once.
pub(super) struct Names {
    pub column: StrColumn,
    texts: OnceLock<Vec<Box<str>>>,
}

impl Names {
    fn open(segment: &SegmentReader, name: &str) -> Result<Self, SearchError> {
        Ok(Self { column: texts(segment, name)?, texts: OnceLock::new() })
    }

    /// The texts, in their order; each is the term of its place.
    pub fn texts(&self) -> Result<&[Box<str>], SearchError> {
        if let Some(texts) = self.texts.get() {
            return Ok(texts);
        }
        let mut texts = Vec::with_capacity(self.column.num_terms());
        let mut stream = self.column.dictionary().stream()?;
        while stream.advance() {
            texts.push(String::from_utf8_lossy(stream.key()).into());
        }
        Ok(self.texts.get_or_init(|| texts))
    }

    /// The term of a text, if any product has it.
    pub fn term(&self, text: &str) -> Result<Option<u64>, SearchError> {
        let found = self.texts()?.binary_search_by(|known| known.as_ref().cmp(text));
        Ok(found.ok().map(|place| place as u64))
    }

    /// The terms of a product.
    pub fn of(&self, doc: DocId) -> impl Iterator<Item = u64> + '_ {
        self.column.term_ords(doc)
    }

    /// Whether a product has a term and no other one.
    pub fn is(&self, doc: DocId, term: Option<u64>) -> bool {
        term.is_some() && self.column.ords().first(doc) == term
    }
}

/// What is known of each product of a segment.
pub(super) struct Columns {
    high: Column<u64>,
    low: Column<u64>,
    pub shown: Column<bool>,
    pub status: Names,
    pub category: Names,
    pub brand: Names,
    pub values: StrColumn,
    pub price: Column<i64>,
    pub currency: Names,
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
            status: Names::open(segment, column::STATUS)?,
            category: Names::open(segment, column::CATEGORY)?,
            brand: Names::open(segment, column::BRAND)?,
            values: texts(segment, column::VALUES)?,
            price: fast.i64(column::PRICE)?,
            currency: Names::open(segment, column::CURRENCY)?,
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
