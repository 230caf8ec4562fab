//! The orders of a list, as columns of a segment.

use std::collections::BinaryHeap;
use std::ops::Bound;

use serde::{Deserialize, Serialize};
use tantivy::DocId;
use tantivy::columnar::StrColumn;
use uuid::Uuid;

use super::SearchError;
use super::columns::{Columns, column_missing};
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

/// A column that a list can be ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Price,
    PriceFalling,
    Newest,
    Popularity,
    Name,
    /// What is liked most first.
    Liking,
}

impl By {
    pub const COUNT: usize = 6;

    /// The column of an order; none for that of relevance.
    pub fn of(sort: Sort) -> Option<Self> {
        Some(match sort {
            Sort::Relevance => return None,
            Sort::Price => Self::Price,
            Sort::PriceFalling => Self::PriceFalling,
            Sort::Newest => Self::Newest,
            Sort::Popularity => Self::Popularity,
            Sort::Name => Self::Name,
        })
    }
}

/// What rises along an order within a segment.
pub(super) fn key(columns: &Columns, by: By, doc: DocId) -> u64 {
    match by {
        By::Price => tantivy::i64_to_u64(columns.price.first(doc).unwrap_or(0)),
        By::PriceFalling => !tantivy::i64_to_u64(columns.price.first(doc).unwrap_or(0)),
        By::Newest => !tantivy::i64_to_u64(columns.created.first(doc).unwrap_or(0)),
        By::Popularity => !columns.popularity.first(doc).unwrap_or(0),
        By::Name => columns.name(doc),
        By::Liking => u64::from(!columns.liking(doc)),
    }
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

/// The first products of a segment in an order, after a place.
pub(super) struct First<'c> {
    columns: &'c Columns,
    /// None where products are ordered by their scores.
    by: Option<By>,
    limit: usize,
    after: Option<(u64, Uuid)>,
    heap: BinaryHeap<(u64, Uuid, DocId)>,
}

impl<'c> First<'c> {
    pub fn new(
        columns: &'c Columns,
        by: Option<By>,
        limit: usize,
        after: Option<&Place>,
    ) -> Result<Self, SearchError> {
        let after = match after {
            None => None,
            Some(Place { key: Key::Text(text), id }) if by == Some(By::Name) => {
                Some(from(&columns.name_order, text, *id)?)
            }
            Some(Place { key: Key::Number(key), id }) if by != Some(By::Name) => Some((*key, *id)),
            Some(_) => return Err(SearchError::WrongPlace),
        };
        Ok(Self { columns, by, limit, after, heap: BinaryHeap::with_capacity(limit + 1) })
    }

    /// Takes a product in, if it is among the first.
    pub fn offer(&mut self, doc: DocId, score: f32) {
        let key = self.by.map_or_else(|| score_key(score), |by| key(self.columns, by, doc));
        let full = self.heap.len() == self.limit;
        if full && self.heap.peek().is_some_and(|last| last.0 < key) {
            return;
        }
        if self.after.is_some_and(|(behind, _)| key < behind) {
            return;
        }
        let id = self.columns.id(doc);
        if self.after.is_some_and(|after| (key, id) <= after) {
            return;
        }
        self.heap.push((key, id, doc));
        if self.heap.len() > self.limit {
            self.heap.pop();
        }
    }

    /// Takes in the products that pass, going along the order until there are enough.
    pub fn walk(&mut self, by: By, passes: impl Fn(DocId) -> bool) {
        let order = self.columns.order(by);
        let begin = self.after.map_or(0, |after| {
            order.partition_point(|doc| {
                (key(self.columns, by, *doc), self.columns.id(*doc)) <= after
            })
        });
        let passing = order.iter().skip(begin).filter(|doc| passes(**doc));
        let firsts = passing.take(self.limit);
        self.heap
            .extend(firsts.map(|doc| (key(self.columns, by, *doc), self.columns.id(*doc), *doc)));
    }

    /// The first products, in their order.
    pub fn places(self) -> Result<Vec<(Place, DocId)>, SearchError> {
        let firsts = self.heap.into_sorted_vec();
        let keys: Vec<u64> = firsts.iter().map(|(key, ..)| *key).collect();
        let keys: Vec<Key> = if self.by == Some(By::Name) {
            let mut names = Vec::with_capacity(keys.len());
            self.columns.name_order.dictionary().sorted_ords_to_term_cb(&keys, |name| {
                names.push(Key::Text(String::from_utf8_lossy(name).into_owned()));
            })?;
            names
        } else {
            keys.into_iter().map(Key::Number).collect()
        };
        if keys.len() < firsts.len() {
            return Err(column_missing(column::NAME_ORDER));
        }
        let places = keys.into_iter().zip(firsts);
        Ok(places.map(|(key, (_, id, doc))| (Place { key, id }, doc)).collect())
    }
}

/// A place in the order of names, in the terms of one segment, which may not have that name.
fn from(column: &StrColumn, text: &str, id: Uuid) -> Result<(u64, Uuid), SearchError> {
    let ord = column.dictionary().term_ord(text)?;
    if let Some(ord) = ord {
        return Ok((ord, id));
    }
    let bounds =
        column.dictionary().term_bounds_to_ord(Bound::Excluded(text), Bound::<&str>::Unbounded)?;
    Ok(match bounds.0 {
        Bound::Included(ord) => (ord, Uuid::nil()),
        Bound::Excluded(ord) => (ord, Uuid::max()),
        Bound::Unbounded => (0, Uuid::nil()),
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
