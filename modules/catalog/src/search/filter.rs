//! Which products a list is narrowed to, as columns of a segment.

use std::collections::{BTreeMap, HashMap};
use std::ops::{Bound, Range};

use tantivy::columnar::{Column, StrColumn};
use tantivy::{DocId, SegmentReader, TantivyError};
use uuid::Uuid;

use super::SearchError;
use super::document::value;
use super::schema::column;
use crate::domain::Status;

/// What a product has to meet. Each of them is a dimension that products are counted in: the
/// counts of one do not regard what is asked of that one itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filters {
    pub category: Option<String>,
    /// Any of these.
    pub brands: Vec<String>,
    pub price: Option<PriceRange>,
    pub in_stock: bool,
    /// Any of the values, of each name: `attr.colour`, `option.size`.
    pub values: BTreeMap<String, Vec<String>>,
    /// Of a collection: no dimension, as nobody can choose another one within the list.
    pub collection: Option<Box<Collected>>,
}

/// The products of a collection.
#[derive(Debug, Clone)]
pub(crate) enum Collected {
    /// Those that meet a rule.
    Meeting(Filters),
    /// Those that were chosen, each with its place.
    Chosen(HashMap<Uuid, usize>),
}

/// Prices in minor units, bounds included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PriceRange {
    pub least: i64,
    pub most: i64,
    pub currency: String,
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Audience {
    /// Shoppers, who see what is in the shop.
    #[default]
    Shoppers,
    /// The staff, who see everything, or what is in one status.
    Staff(Option<Status>),
}

/// A dimension that a list is narrowed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Dimension {
    Category,
    Brand,
    Price,
    Stock,
    /// The terms of one name in the column of values.
    Values(Range<u64>),
}

/// How a product does with the filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Passes,
    /// It fails in one dimension only, and counts there.
    FailsIn(usize),
    Fails,
}

/// The filters over the columns of one segment.
pub(super) struct Narrowed {
    tests: Vec<(Dimension, Test)>,
    seen: Seen,
    within: Option<Within>,
}

/// The collection that a product has to be in.
enum Within {
    Meeting(Box<Narrowed>),
    Chosen(Box<Chosen>),
}

/// The places of products in a collection, found by their ids.
struct Chosen {
    places: HashMap<Uuid, usize>,
    high: Column<u64>,
    low: Column<u64>,
}

enum Test {
    /// Has one of these terms; they are sorted.
    Any(StrColumn, Vec<u64>),
    Price {
        price: Column<i64>,
        range: Range<i64>,
        currency: StrColumn,
        of: Option<u64>,
    },
    Stock(Column<bool>),
}

enum Seen {
    Shown(Column<bool>),
    All,
    InStatus(StrColumn, Option<u64>),
}

pub(super) fn column_missing(name: &str) -> SearchError {
    TantivyError::InternalError(format!("the column {name} is missing")).into()
}

/// A column of texts; one without any value when no product of the segment has one.
pub(super) fn str_column(segment: &SegmentReader, name: &str) -> Result<StrColumn, SearchError> {
    let found = segment.fast_fields().str(name)?;
    Ok(found.unwrap_or_else(|| {
        StrColumn::wrap(tantivy::columnar::BytesColumn::empty(segment.max_doc()))
    }))
}

fn terms<'t>(
    column: &StrColumn,
    texts: impl IntoIterator<Item = &'t str>,
) -> Result<Vec<u64>, SearchError> {
    let mut terms = Vec::new();
    for text in texts {
        terms.extend(column.dictionary().term_ord(text)?);
    }
    terms.sort_unstable();
    Ok(terms)
}

/// The terms of one name, `attr.colour`, in the column of values.
pub(super) fn terms_of(column: &StrColumn, name: &str) -> Result<Range<u64>, SearchError> {
    let (least, most) = (format!("{name}\0"), format!("{name}\u{1}"));
    let dictionary = column.dictionary();
    let bounds = dictionary.term_bounds_to_ord(Bound::Included(least), Bound::Excluded(most))?;
    let all = u64::try_from(dictionary.num_terms()).unwrap_or(u64::MAX);
    let at = |bound, unbounded| match bound {
        Bound::Included(ord) | Bound::Excluded(ord) => ord,
        Bound::Unbounded => unbounded,
    };
    Ok(at(bounds.0, 0).min(all)..at(bounds.1, all).min(all))
}

impl Narrowed {
    pub fn new(
        segment: &SegmentReader,
        filters: &Filters,
        audience: Audience,
    ) -> Result<Self, SearchError> {
        let fast = segment.fast_fields();
        let mut tests = Vec::new();
        if let Some(category) = &filters.category {
            let column = str_column(segment, column::CATEGORY)?;
            let terms = terms(&column, [category.as_str()])?;
            tests.push((Dimension::Category, Test::Any(column, terms)));
        }
        if !filters.brands.is_empty() {
            let column = str_column(segment, column::BRAND)?;
            let terms = terms(&column, filters.brands.iter().map(String::as_str))?;
            tests.push((Dimension::Brand, Test::Any(column, terms)));
        }
        if let Some(range) = &filters.price {
            let currency = str_column(segment, column::CURRENCY)?;
            let of = currency.dictionary().term_ord(&range.currency)?;
            let price = fast.i64(column::PRICE)?;
            let range = range.least..range.most.saturating_add(1);
            tests.push((Dimension::Price, Test::Price { price, range, currency, of }));
        }
        if filters.in_stock {
            tests.push((Dimension::Stock, Test::Stock(fast.bool(column::IN_STOCK)?)));
        }
        for (name, wanted) in &filters.values {
            let column = str_column(segment, column::VALUES)?;
            let dimension = Dimension::Values(terms_of(&column, name)?);
            let (kind, name) = name.split_once('.').unwrap_or(("attr", name));
            let wanted: Vec<String> = wanted.iter().map(|text| value(kind, name, text)).collect();
            let terms = terms(&column, wanted.iter().map(String::as_str))?;
            tests.push((dimension, Test::Any(column, terms)));
        }
        let seen = match audience {
            Audience::Shoppers => Seen::Shown(fast.bool(column::SHOWN)?),
            Audience::Staff(None) => Seen::All,
            Audience::Staff(Some(status)) => {
                let column = str_column(segment, column::STATUS)?;
                let term = column.dictionary().term_ord(status.word())?;
                Seen::InStatus(column, term)
            }
        };
        let within = match filters.collection.as_deref() {
            None => None,
            Some(Collected::Meeting(rule)) => {
                Some(Within::Meeting(Box::new(Self::new(segment, rule, audience)?)))
            }
            Some(Collected::Chosen(places)) => {
                let (high, low) = (fast.u64(column::ID_HIGH)?, fast.u64(column::ID_LOW)?);
                Some(Within::Chosen(Box::new(Chosen { places: places.clone(), high, low })))
            }
        };
        Ok(Self { tests, seen, within })
    }

    /// Whether who asks may see a product at all.
    pub fn sees(&self, doc: DocId) -> bool {
        let seen = match &self.seen {
            Seen::Shown(column) => column.first(doc) == Some(true),
            Seen::All => true,
            Seen::InStatus(column, term) => term.is_some() && column.ords().first(doc) == *term,
        };
        seen && match &self.within {
            None => true,
            Some(Within::Meeting(rule)) => rule.verdict(doc) == Verdict::Passes,
            Some(Within::Chosen(_)) => self.chosen(doc).is_some(),
        }
    }

    /// The place that was chosen for a product in the collection.
    pub fn chosen(&self, doc: DocId) -> Option<usize> {
        let Some(Within::Chosen(chosen)) = &self.within else { return None };
        let (high, low) = (chosen.high.first(doc)?, chosen.low.first(doc)?);
        chosen.places.get(&Uuid::from_u64_pair(high, low)).copied()
    }

    pub fn verdict(&self, doc: DocId) -> Verdict {
        let mut verdict = Verdict::Passes;
        for (n, (_, test)) in self.tests.iter().enumerate() {
            if !test.passes(doc) {
                match verdict {
                    Verdict::Passes => verdict = Verdict::FailsIn(n),
                    _ => return Verdict::Fails,
                }
            }
        }
        verdict
    }

    pub fn dimension(&self, n: usize) -> Option<&Dimension> {
        self.tests.get(n).map(|(dimension, _)| dimension)
    }
}

impl Test {
    fn passes(&self, doc: DocId) -> bool {
        match self {
            Self::Any(column, terms) => {
                column.term_ords(doc).any(|term| terms.binary_search(&term).is_ok())
            }
            Self::Price { price, range, currency, of } => {
                price.first(doc).is_some_and(|price| range.contains(&price))
                    && of.is_some()
                    && currency.ords().first(doc) == *of
            }
            Self::Stock(column) => column.first(doc) == Some(true),
        }
    }
}
