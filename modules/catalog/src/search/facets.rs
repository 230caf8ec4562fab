//! How many products a list would have, were it narrowed otherwise.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::Serialize;
use tantivy::DocId;
use tantivy::columnar::StrColumn;
use utoipa::ToSchema;

use super::SearchError;
use super::columns::{Columns, Names, Segment, column_missing};
use super::filter::{Dimension, Narrowed, Narrowing, terms_between, terms_of};
use super::scan::Deadline;
use super::schema::Fields;

/// How many values of a facet are told, those of the most products.
pub const FACET_VALUES_MAX: usize = 50;
/// How many products within a price range: bounds at 1, 2 and 5 times powers of ten.
const STEPS: [i64; 3] = [1, 2, 5];

/// How many products of a list have what. Each facet regards the filters of the others and not its
/// own, so that it tells what choosing another value would give.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, ToSchema)]
pub struct Facets {
    /// By category.
    pub category: Vec<FacetValue>,
    /// By brand.
    pub brand: Vec<FacetValue>,
    /// By price.
    pub price: PriceFacet,
    /// Whether they can be had.
    pub in_stock: StockFacet,
    /// By attributes that are defined as facets, `attr.NAME`, and by options, `option.NAME`.
    pub values: BTreeMap<String, Vec<FacetValue>>,
}

/// A value, and how many products have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FacetValue {
    /// The value.
    pub value: String,
    /// How many products.
    pub count: u64,
}

/// The prices of products in the shop's currency, in its minor units.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, ToSchema)]
pub struct PriceFacet {
    /// The lowest.
    pub min: Option<i64>,
    /// The highest.
    pub max: Option<i64>,
    /// Ranges that have products, from the cheapest.
    pub ranges: Vec<PriceBucket>,
}

/// How many products cost at least `from` and less than `to`, in minor units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PriceBucket {
    /// The lower bound.
    pub from: i64,
    /// The upper bound, which is not within.
    pub to: i64,
    /// How many products.
    pub count: u64,
}

/// How many products can be had.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, ToSchema)]
pub struct StockFacet {
    /// How many can be had.
    pub yes: u64,
    /// How many cannot.
    pub no: u64,
}

/// What products are counted by, besides what all of them have.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Counted {
    /// The attributes that are facets, as `attr.NAME`; options always are.
    pub names: Vec<String>,
    /// The currency whose prices are counted.
    pub currency: String,
}

/// What a list is counted by: for each dimension that it is narrowed in, the list without that.
pub(super) struct Faceting {
    pub counted: Arc<Counted>,
    whole: Narrowing,
    others: Vec<(Dimension, Narrowing)>,
}

impl Faceting {
    pub fn new(narrowing: &Narrowing, counted: Counted) -> Self {
        let without = |dimension: Dimension| {
            let filters = narrowing.filters.without(&dimension);
            (dimension, Narrowing { filters, ..narrowing.clone() })
        };
        let others = narrowing.filters.dimensions().into_iter().map(without).collect();
        Self { counted: Arc::new(counted), whole: narrowing.clone(), others }
    }

    /// Counts a segment by what `tally` says of each list.
    pub fn count<'s>(
        &self,
        segment: &'s Segment,
        fields: &Fields,
        counts: &mut Counts,
        mut tally: impl FnMut(&Narrowing, &Narrowed<'s>) -> Result<Arc<Tally>, SearchError>,
    ) -> Result<(), SearchError> {
        let mut of = |narrowing| tally(narrowing, &Narrowed::new(segment, fields, narrowing)?);
        let is_other = |dimension: &Dimension| self.others.iter().any(|(of, _)| of == dimension);
        counts.add(&*of(&self.whole)?, |dimension| !is_other(dimension));
        for (of_this, narrowing) in &self.others {
            counts.add(&*of(narrowing)?, |dimension| dimension == of_this);
        }
        Ok(())
    }
}

/// How many products of a segment have what.
#[derive(Debug, Default)]
pub(super) struct Tally {
    category: Vec<(String, u64)>,
    brand: Vec<(String, u64)>,
    /// By name: `attr.colour`, `option.size`.
    values: BTreeMap<String, Vec<(String, u64)>>,
    prices: BTreeMap<i64, u64>,
    bounds: Option<(i64, i64)>,
    stock: StockFacet,
}

impl Tally {
    /// Counts products, each of which is in the segment and not deleted.
    pub fn of(
        columns: &Columns,
        counted: &Counted,
        docs: impl Iterator<Item = DocId>,
        deadline: &mut Deadline,
    ) -> Result<Self, SearchError> {
        let mut ranges = Vec::with_capacity(counted.names.len() + 1);
        for name in &counted.names {
            ranges.push(terms_of(&columns.values, name)?);
        }
        ranges.push(terms_between(&columns.values, "option.", "option/")?);
        ranges.retain(|terms| !terms.is_empty());
        let currency = columns.currency.term(&counted.currency)?;
        let mut category = Terms::new(&columns.category.column);
        let mut brand = Terms::new(&columns.brand.column);
        let mut values = Terms::new(&columns.values);
        let mut tally = Self::default();
        for doc in docs {
            deadline.step()?;
            category.count(doc);
            brand.count(doc);
            if !ranges.is_empty() {
                values.count(doc);
            }
            match columns.in_stock.first(doc) {
                Some(true) => tally.stock.yes += 1,
                _ => tally.stock.no += 1,
            }
            if columns.currency.is(doc, currency) {
                tally.count_price(columns.price.first(doc).unwrap_or(0));
            }
        }
        tally.category = category.texts(&columns.category)?;
        tally.brand = brand.texts(&columns.brand)?;
        for (term, count) in
            values.named(|term| ranges.iter().any(|range| range.contains(&term)))?
        {
            if let Some((name, value)) = term.split_once('\0') {
                let values = tally.values.entry(name.to_owned()).or_default();
                values.push((value.to_owned(), count));
            }
        }
        Ok(tally)
    }

    fn count_price(&mut self, price: i64) {
        *self.prices.entry(bucket(price)).or_default() += 1;
        let (least, most) = self.bounds.unwrap_or((price, price));
        self.bounds = Some((least.min(price), most.max(price)));
    }

    /// How much memory it takes, about.
    pub fn bytes(&self) -> usize {
        let texts = |texts: &[(String, u64)]| texts.iter().map(|(text, _)| text.len() + 32).sum();
        let values = self.values.values().map(|values| texts(values)).sum::<usize>();
        let (category, brand): (usize, usize) = (texts(&self.category), texts(&self.brand));
        category + brand + values + 64 * self.prices.len()
    }
}

/// How many products have each term of a column.
struct Terms<'c> {
    column: &'c StrColumn,
    counts: Vec<u32>,
}

impl<'c> Terms<'c> {
    fn new(column: &'c StrColumn) -> Self {
        Self { column, counts: vec![0; column.dictionary().num_terms()] }
    }

    fn count(&mut self, doc: DocId) {
        for term in self.column.term_ords(doc) {
            let counted = usize::try_from(term).ok().and_then(|term| self.counts.get_mut(term));
            if let Some(count) = counted {
                *count += 1;
            }
        }
    }

    /// The terms that any product has.
    fn texts(&self, names: &Names) -> Result<Vec<(String, u64)>, SearchError> {
        let counts = names.texts()?.iter().zip(&self.counts).filter(|(_, count)| **count > 0);
        Ok(counts.map(|(text, count)| (text.to_string(), u64::from(*count))).collect())
    }

    /// The wanted terms that any product has, of a column of many.
    fn named(&self, wanted: impl Fn(u64) -> bool) -> Result<Vec<(String, u64)>, SearchError> {
        let counts = (0_u64..).zip(&self.counts).filter(|(_, count)| **count > 0);
        let counts = counts.filter(|(term, _)| wanted(*term));
        let (terms, counts): (Vec<u64>, Vec<u32>) = counts.unzip();
        let mut texts = Vec::with_capacity(terms.len());
        let dictionary = self.column.dictionary();
        let complete = dictionary.sorted_ords_to_term_cb(&terms, |text| {
            texts.push(String::from_utf8_lossy(text).into_owned());
        })?;
        if !complete {
            return Err(column_missing("of a term"));
        }
        Ok(texts.into_iter().zip(counts.into_iter().map(u64::from)).collect())
    }
}

/// Counts of all segments.
#[derive(Debug, Default)]
pub(super) struct Counts {
    category: HashMap<String, u64>,
    brand: HashMap<String, u64>,
    values: BTreeMap<String, HashMap<String, u64>>,
    prices: BTreeMap<i64, u64>,
    bounds: Option<(i64, i64)>,
    stock: StockFacet,
}

impl Counts {
    /// Adds what a tally has in some dimensions.
    pub fn add(&mut self, tally: &Tally, counts: impl Fn(&Dimension) -> bool) {
        if counts(&Dimension::Category) {
            add(&mut self.category, &tally.category);
        }
        if counts(&Dimension::Brand) {
            add(&mut self.brand, &tally.brand);
        }
        if counts(&Dimension::Price) {
            for (from, count) in &tally.prices {
                *self.prices.entry(*from).or_default() += count;
            }
            if let Some((least, most)) = tally.bounds {
                let (min, max) = self.bounds.unwrap_or((least, most));
                self.bounds = Some((min.min(least), max.max(most)));
            }
        }
        if counts(&Dimension::Stock) {
            self.stock.yes += tally.stock.yes;
            self.stock.no += tally.stock.no;
        }
        for (name, values) in &tally.values {
            if counts(&Dimension::Value(name.clone())) {
                add(self.values.entry(name.clone()).or_default(), values);
            }
        }
    }
}

fn add(counts: &mut HashMap<String, u64>, more: &[(String, u64)]) {
    for (text, count) in more {
        match counts.get_mut(text) {
            Some(known) => *known += count,
            None => {
                counts.insert(text.clone(), *count);
            }
        }
    }
}

/// The lower bound of the range that a price is in.
fn bucket(price: i64) -> i64 {
    let mut power: i64 = 1;
    let mut bound = 0;
    loop {
        for step in STEPS {
            let next = power.saturating_mul(step);
            if next > price {
                return bound;
            }
            bound = next;
        }
        let Some(more) = power.checked_mul(10) else { return bound };
        power = more;
    }
}

/// The lower bound of the next range.
fn next_bucket(from: i64) -> i64 {
    let mut power: i64 = 1;
    loop {
        for step in STEPS {
            let bound = power.saturating_mul(step);
            if bound > from {
                return bound;
            }
        }
        power = power.saturating_mul(10);
    }
}

fn most_usual(counts: impl IntoIterator<Item = (String, u64)>) -> Vec<FacetValue> {
    let mut values: Vec<FacetValue> =
        counts.into_iter().map(|(value, count)| FacetValue { value, count }).collect();
    values.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
    values.truncate(FACET_VALUES_MAX);
    values
}

impl Counts {
    pub fn facets(self) -> Facets {
        let ranges = self.prices.into_iter();
        let values = self.values.into_iter();
        Facets {
            category: most_usual(self.category),
            brand: most_usual(self.brand),
            price: PriceFacet {
                min: self.bounds.map(|(min, _)| min),
                max: self.bounds.map(|(_, max)| max),
                ranges: ranges
                    .map(|(from, count)| PriceBucket { from, to: next_bucket(from), count })
                    .collect(),
            },
            in_stock: self.stock,
            values: values.map(|(name, values)| (name, most_usual(values))).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_price_is_within_its_range(price in 0_i64..100_000_000_000) {
            let from = bucket(price);
            prop_assert!(from <= price && price < next_bucket(from));
        }
    }
}
