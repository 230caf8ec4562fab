//! Which products a list is narrowed to, as columns of a segment.

use std::collections::{BTreeMap, HashMap};
use std::ops::{Bound, Range};

use tantivy::columnar::StrColumn;
use tantivy::schema::IndexRecordOption;
use tantivy::{DocId, DocSet, TERMINATED};
use uuid::Uuid;

use super::SearchError;
use super::columns::{Columns, Segment};
use super::document::{self, value};
use super::schema::Fields;
use crate::domain::Status;

/// What a list is narrowed to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Narrowing {
    pub audience: Audience,
    pub filters: Filters,
    /// The collection that a product has to be in.
    pub collected: Option<Collected>,
}

/// What a product has to meet. Each of them is a dimension that products are counted in: the
/// counts of one do not regard what is asked of that one itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Filters {
    pub category: Option<String>,
    /// Any of these.
    pub brands: Vec<String>,
    pub price: Option<PriceRange>,
    pub in_stock: bool,
    /// Any of the values, of each name: `attr.colour`, `option.size`.
    pub values: BTreeMap<String, Vec<String>>,
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
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct PriceRange {
    pub least: i64,
    pub most: i64,
    pub currency: String,
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
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
    /// An attribute or option: `attr.colour`, `option.size`.
    Value(String),
}

impl Filters {
    /// The dimensions that are narrowed.
    pub(super) fn dimensions(&self) -> Vec<Dimension> {
        let asked = [
            (self.category.is_some(), Dimension::Category),
            (!self.brands.is_empty(), Dimension::Brand),
            (self.price.is_some(), Dimension::Price),
            (self.in_stock, Dimension::Stock),
        ];
        let asked = asked.into_iter().filter_map(|(asked, dimension)| asked.then_some(dimension));
        asked.chain(self.values.keys().cloned().map(Dimension::Value)).collect()
    }

    /// The same without regard to one of them.
    pub(super) fn without(&self, dimension: &Dimension) -> Self {
        let mut others = self.clone();
        match dimension {
            Dimension::Category => others.category = None,
            Dimension::Brand => others.brands.clear(),
            Dimension::Price => others.price = None,
            Dimension::Stock => others.in_stock = false,
            Dimension::Value(name) => {
                others.values.remove(name);
            }
        }
        others
    }
}

/// The products of one segment that a list is narrowed to.
pub(super) struct Narrowed<'s> {
    segment: &'s Segment,
    seen: Seen,
    tests: Vec<Test>,
    /// The places of those that were chosen, if any were.
    chosen: Option<HashMap<DocId, usize>>,
}

enum Seen {
    Shown,
    All,
    InStatus(Option<u64>),
}

enum Test {
    /// Has one of these terms, which are sorted.
    Category(Vec<u64>),
    Brand(Vec<u64>),
    Value(Vec<u64>),
    Price(Range<i64>, Option<u64>),
    Stock,
}

impl<'s> Narrowed<'s> {
    pub fn new(
        segment: &'s Segment,
        fields: &Fields,
        narrowing: &Narrowing,
    ) -> Result<Self, SearchError> {
        let columns = &segment.columns;
        let mut tests = tests(columns, &narrowing.filters)?;
        let chosen = match &narrowing.collected {
            None => None,
            Some(Collected::Meeting(rule)) => {
                tests.extend(self::tests(columns, rule)?);
                None
            }
            Some(Collected::Chosen(places)) => Some(chosen(segment, fields, places)?),
        };
        let seen = match narrowing.audience {
            Audience::Shoppers => Seen::Shown,
            Audience::Staff(None) => Seen::All,
            Audience::Staff(Some(status)) => Seen::InStatus(columns.status.term(status.word())?),
        };
        Ok(Self { segment, seen, tests, chosen })
    }

    /// Those that were chosen, if the list is of such: each with its place.
    pub fn chosen(&self) -> Option<&HashMap<DocId, usize>> {
        self.chosen.as_ref()
    }

    pub fn passes(&self, doc: DocId) -> bool {
        let columns = &self.segment.columns;
        let seen = match &self.seen {
            Seen::Shown => columns.shown.first(doc) == Some(true),
            Seen::All => true,
            Seen::InStatus(term) => columns.status.is(doc, *term),
        };
        seen && !self.segment.reader.is_deleted(doc)
            && self.tests.iter().all(|test| test.passes(columns, doc))
            && self.chosen.as_ref().is_none_or(|chosen| chosen.contains_key(&doc))
    }
}

impl Test {
    fn passes(&self, columns: &Columns, doc: DocId) -> bool {
        let among = |terms: &[u64], term: u64| terms.binary_search(&term).is_ok();
        match self {
            Self::Category(terms) => columns.category.of(doc).any(|term| among(terms, term)),
            Self::Brand(terms) => columns.brand.of(doc).any(|term| among(terms, term)),
            Self::Value(terms) => columns.values.term_ords(doc).any(|term| among(terms, term)),
            Self::Price(range, currency) => {
                columns.price.first(doc).is_some_and(|price| range.contains(&price))
                    && columns.currency.is(doc, *currency)
            }
            Self::Stock => columns.in_stock.first(doc) == Some(true),
        }
    }
}

fn tests(columns: &Columns, filters: &Filters) -> Result<Vec<Test>, SearchError> {
    let mut tests = Vec::new();
    if let Some(category) = &filters.category {
        tests.push(Test::Category(columns.category.term(category)?.into_iter().collect()));
    }
    if !filters.brands.is_empty() {
        let mut terms = Vec::with_capacity(filters.brands.len());
        for brand in &filters.brands {
            terms.extend(columns.brand.term(brand)?);
        }
        terms.sort_unstable();
        tests.push(Test::Brand(terms));
    }
    if let Some(range) = &filters.price {
        let currency = columns.currency.term(&range.currency)?;
        tests.push(Test::Price(range.least..range.most.saturating_add(1), currency));
    }
    if filters.in_stock {
        tests.push(Test::Stock);
    }
    for (name, wanted) in &filters.values {
        let (kind, name) = name.split_once('.').unwrap_or(("attr", name));
        let mut terms = Vec::with_capacity(wanted.len());
        for text in wanted {
            terms.extend(columns.values.dictionary().term_ord(value(kind, name, text))?);
        }
        terms.sort_unstable();
        tests.push(Test::Value(terms));
    }
    Ok(tests)
}

/// The products of a segment that were chosen, looked up by their ids.
fn chosen(
    segment: &Segment,
    fields: &Fields,
    places: &HashMap<Uuid, usize>,
) -> Result<HashMap<DocId, usize>, SearchError> {
    let index = segment.reader.inverted_index(fields.id)?;
    let mut chosen = HashMap::new();
    for (id, place) in places {
        let found = index.read_postings(&document::key(fields, *id), IndexRecordOption::Basic)?;
        let Some(mut found) = found else { continue };
        while found.doc() != TERMINATED {
            chosen.insert(found.doc(), *place);
            found.advance();
        }
    }
    Ok(chosen)
}

/// The terms of one name, `attr.colour`, in the column of values.
pub(super) fn terms_of(column: &StrColumn, name: &str) -> Result<Range<u64>, SearchError> {
    terms_between(column, &format!("{name}\0"), &format!("{name}\u{1}"))
}

/// The terms from one text to another one, which is not among them.
pub(super) fn terms_between(
    column: &StrColumn,
    from: &str,
    to: &str,
) -> Result<Range<u64>, SearchError> {
    let dictionary = column.dictionary();
    let bounds = dictionary.term_bounds_to_ord(Bound::Included(from), Bound::Excluded(to))?;
    let all = u64::try_from(dictionary.num_terms()).unwrap_or(u64::MAX);
    let at = |bound, unbounded| match bound {
        Bound::Included(ord) | Bound::Excluded(ord) => ord,
        Bound::Unbounded => unbounded,
    };
    Ok(at(bounds.0, 0).min(all)..at(bounds.1, all).min(all))
}
