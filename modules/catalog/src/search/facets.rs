//! How many products a list would have, were it narrowed otherwise.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use tantivy::columnar::{Column, StrColumn};
use tantivy::{DocId, SegmentReader};
use utoipa::ToSchema;

use super::SearchError;
use super::filter::{Dimension, Narrowed, Verdict, str_column, terms_of};
use super::schema::column;

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

/// Counts of all segments.
#[derive(Default)]
pub(super) struct Counts {
    category: HashMap<String, u64>,
    brand: HashMap<String, u64>,
    prices: BTreeMap<i64, u64>,
    bounds: Option<(i64, i64)>,
    stock: StockFacet,
    values: HashMap<String, u64>,
}

/// Counts within one segment, by term.
pub(super) struct Counting {
    category: (StrColumn, Vec<u64>),
    brand: (StrColumn, Vec<u64>),
    values: (StrColumn, Vec<u64>),
    /// The terms of the names that are counted.
    counted: Vec<std::ops::Range<u64>>,
    price: Column<i64>,
    currency: (StrColumn, Option<u64>),
    in_stock: Column<bool>,
    prices: BTreeMap<i64, u64>,
    bounds: Option<(i64, i64)>,
    stock: StockFacet,
}

impl Counting {
    /// `names` are the attributes that are facets, as `attr.NAME`; options always are.
    pub fn new(
        segment: &SegmentReader,
        names: &[String],
        currency: &str,
    ) -> Result<Self, SearchError> {
        let counted = |name| -> Result<(StrColumn, Vec<u64>), SearchError> {
            let column = str_column(segment, name)?;
            let size = column.dictionary().num_terms();
            Ok((column, vec![0; size]))
        };
        let values = counted(column::VALUES)?;
        let mut ranges = Vec::with_capacity(names.len() + 1);
        for name in names {
            ranges.push(terms_of(&values.0, name)?);
        }
        let options = values.0.dictionary().term_bounds_to_ord(
            std::ops::Bound::Included("option."),
            std::ops::Bound::Excluded("option/"),
        )?;
        if let (std::ops::Bound::Included(from), std::ops::Bound::Excluded(to)) = options {
            ranges.push(from..to.min(values.1.len() as u64));
        } else if let (std::ops::Bound::Included(from), std::ops::Bound::Unbounded) = options {
            ranges.push(from..values.1.len() as u64);
        }
        let of = str_column(segment, column::CURRENCY)?;
        let term = of.dictionary().term_ord(currency)?;
        Ok(Self {
            category: counted(column::CATEGORY)?,
            brand: counted(column::BRAND)?,
            values,
            counted: ranges,
            price: segment.fast_fields().i64(column::PRICE)?,
            currency: (of, term),
            in_stock: segment.fast_fields().bool(column::IN_STOCK)?,
            prices: BTreeMap::new(),
            bounds: None,
            stock: StockFacet::default(),
        })
    }

    /// Counts a product in all dimensions that it passes, if it fails in one other at most.
    pub fn count(&mut self, doc: DocId, narrowed: &Narrowed, verdict: Verdict) {
        let only = match verdict {
            Verdict::Passes => None,
            Verdict::FailsIn(n) => narrowed.dimension(n),
            Verdict::Fails => return,
        };
        let counts = |dimension: &Dimension| only.is_none_or(|only| only == dimension);
        if counts(&Dimension::Category) {
            tally(&self.category.0, &mut self.category.1, doc);
        }
        if counts(&Dimension::Brand) {
            tally(&self.brand.0, &mut self.brand.1, doc);
        }
        if counts(&Dimension::Price) {
            self.count_price(doc);
        }
        if counts(&Dimension::Stock) {
            match self.in_stock.first(doc) {
                Some(true) => self.stock.yes += 1,
                _ => self.stock.no += 1,
            }
        }
        match only {
            None => tally(&self.values.0, &mut self.values.1, doc),
            Some(Dimension::Values(terms)) => {
                for term in self.values.0.term_ords(doc).filter(|term| terms.contains(term)) {
                    add(&mut self.values.1, term);
                }
            }
            Some(_) => {}
        }
    }

    fn count_price(&mut self, doc: DocId) {
        let (column, of) = &self.currency;
        if of.is_none() || column.ords().first(doc) != *of {
            return;
        }
        if let Some(price) = self.price.first(doc) {
            *self.prices.entry(bucket(price)).or_default() += 1;
            let (least, most) = self.bounds.unwrap_or((price, price));
            self.bounds = Some((least.min(price), most.max(price)));
        }
    }

    /// Adds what was counted to that of other segments.
    pub fn add_to(self, counts: &mut Counts) -> Result<(), SearchError> {
        sum(&self.category.0, &self.category.1, 0..u64::MAX, &mut counts.category)?;
        sum(&self.brand.0, &self.brand.1, 0..u64::MAX, &mut counts.brand)?;
        for terms in &self.counted {
            sum(&self.values.0, &self.values.1, terms.clone(), &mut counts.values)?;
        }
        for (from, count) in self.prices {
            *counts.prices.entry(from).or_default() += count;
        }
        if let Some((least, most)) = self.bounds {
            let (min, max) = counts.bounds.unwrap_or((least, most));
            counts.bounds = Some((min.min(least), max.max(most)));
        }
        counts.stock.yes += self.stock.yes;
        counts.stock.no += self.stock.no;
        Ok(())
    }
}

fn add(counts: &mut [u64], term: u64) {
    if let Some(count) = usize::try_from(term).ok().and_then(|term| counts.get_mut(term)) {
        *count += 1;
    }
}

fn tally(column: &StrColumn, counts: &mut [u64], doc: DocId) {
    for term in column.term_ords(doc) {
        add(counts, term);
    }
}

fn sum(
    column: &StrColumn,
    counts: &[u64],
    terms: std::ops::Range<u64>,
    into: &mut HashMap<String, u64>,
) -> Result<(), SearchError> {
    let mut text = String::new();
    for (term, count) in (0_u64..).zip(counts) {
        if *count > 0 && terms.contains(&term) {
            column.ord_to_str(term, &mut text)?;
            *into.entry(text.clone()).or_default() += count;
        }
    }
    Ok(())
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
        let mut named: BTreeMap<String, Vec<(String, u64)>> = BTreeMap::new();
        for (term, count) in self.values {
            if let Some((name, value)) = term.split_once('\0') {
                named.entry(name.to_owned()).or_default().push((value.to_owned(), count));
            }
        }
        let ranges = self.prices.into_iter();
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
            values: named.into_iter().map(|(name, values)| (name, most_usual(values))).collect(),
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
