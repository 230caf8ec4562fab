//! The orders of a list, as columns of a segment.

use std::collections::BinaryHeap;

use serde::{Deserialize, Serialize};
use tantivy::columnar::{Column, StrColumn};
use tantivy::termdict::TermOrdinal;
use tantivy::{DocId, SegmentReader};
use uuid::Uuid;

use super::SearchError;
use super::filter::{column_missing, str_column};
use super::schema::column;
use crate::usecase::list::Sort;

/// A product's place in an order: its key, which rises along the order, then its id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Place {
    pub key: Key,
    pub id: Uuid,
}

/// What an order goes by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Key {
    Number(u64),
    Text(String),
}

/// A column that maps to keys that rise along the order.
enum Keys {
    Score,
    Rising(Column<i64>),
    Falling(Column<i64>),
    Popularity(Column<u64>),
    Name(StrColumn),
}

/// The first products of a segment in an order, after a place.
pub(super) struct First {
    keys: Keys,
    high: Column<u64>,
    low: Column<u64>,
    limit: usize,
    after: Option<(u64, Uuid)>,
    heap: BinaryHeap<(u64, Uuid, DocId)>,
}

/// The key of a score: the best first. Scores are not negative, so their bits are in their order.
fn score_key(score: f32) -> u64 {
    u64::from(!score.max(0.0).to_bits())
}

/// The score that a place of the order by relevance is of.
#[expect(clippy::cast_possible_truncation, reason = "the key was made of 32 bits")]
pub(super) fn score_of(key: u64) -> f32 {
    f32::from_bits(!(key as u32))
}

fn signed(value: i64) -> u64 {
    tantivy::i64_to_u64(value)
}

impl First {
    pub fn new(
        segment: &SegmentReader,
        sort: Sort,
        limit: usize,
        after: Option<&Place>,
    ) -> Result<Self, SearchError> {
        let fast = segment.fast_fields();
        let keys = match sort {
            Sort::Relevance => Keys::Score,
            Sort::Price => Keys::Rising(fast.i64(column::PRICE)?),
            Sort::PriceFalling => Keys::Falling(fast.i64(column::PRICE)?),
            Sort::Newest => Keys::Falling(fast.i64(column::CREATED)?),
            Sort::Popularity => Keys::Popularity(fast.u64(column::POPULARITY)?),
            Sort::Name => Keys::Name(str_column(segment, column::NAME_ORDER)?),
        };
        let after = match after {
            None => None,
            Some(Place { key, id }) => Some(match (key, &keys) {
                (Key::Text(text), Keys::Name(column)) => from(column, text, *id)?,
                (Key::Text(_), _) | (Key::Number(_), Keys::Name(_)) => {
                    return Err(SearchError::WrongPlace);
                }
                (Key::Number(key), _) => (*key, *id),
            }),
        };
        let (high, low) = (fast.u64(column::ID_HIGH)?, fast.u64(column::ID_LOW)?);
        Ok(Self { keys, high, low, limit, after, heap: BinaryHeap::with_capacity(limit + 1) })
    }

    /// Takes a product in, if it is among the first.
    pub fn offer(&mut self, doc: DocId, score: f32) {
        let key = match &self.keys {
            Keys::Score => score_key(score),
            Keys::Rising(column) => signed(column.first(doc).unwrap_or(0)),
            Keys::Falling(column) => !signed(column.first(doc).unwrap_or(0)),
            Keys::Popularity(column) => !column.first(doc).unwrap_or(0),
            Keys::Name(column) => column.ords().first(doc).unwrap_or(0),
        };
        let full = self.heap.len() == self.limit;
        if full && self.heap.peek().is_some_and(|last| last.0 < key) {
            return;
        }
        if self.after.is_some_and(|(behind, _)| key < behind) {
            return;
        }
        let id = self.id(doc);
        if self.after.is_some_and(|after| (key, id) <= after) {
            return;
        }
        self.heap.push((key, id, doc));
        if self.heap.len() > self.limit {
            self.heap.pop();
        }
    }

    fn id(&self, doc: DocId) -> Uuid {
        let (high, low) = (self.high.first(doc), self.low.first(doc));
        Uuid::from_u64_pair(high.unwrap_or(0), low.unwrap_or(0))
    }

    /// The first products, in no order.
    pub fn places(self) -> Result<Vec<(Place, DocId)>, SearchError> {
        let mut places = Vec::with_capacity(self.heap.len());
        for (key, id, doc) in self.heap {
            let key = match &self.keys {
                Keys::Name(column) => {
                    let mut text = String::new();
                    if !column.ord_to_str(key, &mut text)? {
                        return Err(column_missing(column::NAME_ORDER));
                    }
                    Key::Text(text)
                }
                _ => Key::Number(key),
            };
            places.push((Place { key, id }, doc));
        }
        Ok(places)
    }
}

/// A place in the order of names, in the terms of one segment, which may not have that name.
fn from(column: &StrColumn, text: &str, id: Uuid) -> Result<(TermOrdinal, Uuid), SearchError> {
    let ord = column.dictionary().term_ord(text)?;
    if let Some(ord) = ord {
        return Ok((ord, id));
    }
    let bounds = column
        .dictionary()
        .term_bounds_to_ord(std::ops::Bound::Excluded(text), std::ops::Bound::<&str>::Unbounded)?;
    Ok(match bounds.0 {
        std::ops::Bound::Included(ord) => (ord, Uuid::nil()),
        std::ops::Bound::Excluded(ord) => (ord, Uuid::max()),
        std::ops::Bound::Unbounded => (0, Uuid::nil()),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn better_scores_come_first(a in 0.0_f32..1e9, b in 0.0_f32..1e9) {
            prop_assert_eq!(score_key(a) < score_key(b), a > b);
            prop_assert_eq!(score_of(score_key(a)).to_bits(), a.to_bits());
        }
    }
}
