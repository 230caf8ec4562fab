//! Which products of a segment pass, and how many have what, kept for as long as the segment is as
//! it was: a list costs what its page costs, however many products there are. An edit changes one
//! segment at most and adds a small one.

use std::sync::Arc;

use moka::sync::Cache;
use tantivy::index::SegmentId;
use tantivy::{DocId, Opstamp};

use super::SearchError;
use super::columns::Segment;
use super::facets::{Counted, Tally};
use super::filter::{Audience, Collected, Filters, Narrowed, Narrowing};
use super::scan::Deadline;

/// How much memory may be used, in bytes.
const BYTES_MAX: u64 = 16 << 20;
/// Of how many products it is kept which they are; more are found by going along an order.
const DOCS_MAX: usize = 4_096;
/// About what an entry takes besides what it holds, in bytes.
const ENTRY_BYTES: usize = 300;

/// The products of a segment that pass.
pub(super) struct Matched {
    pub total: u64,
    /// None if they are many.
    pub docs: Option<Vec<DocId>>,
}

/// A narrowing of a segment as it is.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    segment: SegmentId,
    /// When something was last deleted from it.
    deleted: Option<Opstamp>,
    audience: Audience,
    filters: Filters,
    rule: Option<Filters>,
}

/// What is kept.
pub(super) struct Kept {
    matched: Cache<Key, Arc<Matched>>,
    tallies: Cache<(Key, Arc<Counted>), Arc<Tally>>,
}

fn weight(bytes: usize) -> u32 {
    u32::try_from(bytes + ENTRY_BYTES).unwrap_or(u32::MAX)
}

impl Key {
    /// None for a collection of chosen products, which is looked up.
    fn of(segment: &Segment, narrowing: &Narrowing) -> Option<Self> {
        let rule = match &narrowing.collected {
            None => None,
            Some(Collected::Meeting(rule)) => Some(rule.clone()),
            Some(Collected::Chosen(_)) => return None,
        };
        Some(Self {
            segment: segment.reader.segment_id(),
            deleted: segment.reader.delete_opstamp(),
            audience: narrowing.audience,
            filters: narrowing.filters.clone(),
            rule,
        })
    }
}

impl Default for Kept {
    fn default() -> Self {
        let docs = |matched: &Matched| matched.docs.as_ref().map_or(0, Vec::len);
        Self {
            matched: Cache::builder()
                .weigher(move |_, matched: &Arc<Matched>| {
                    weight(docs(matched) * size_of::<DocId>())
                })
                .max_capacity(BYTES_MAX / 2)
                .build(),
            tallies: Cache::builder()
                .weigher(|_, tally: &Arc<Tally>| weight(tally.bytes()))
                .max_capacity(BYTES_MAX / 2)
                .build(),
        }
    }
}

impl Kept {
    /// The products of a segment that pass.
    pub fn matched(
        &self,
        segment: &Segment,
        narrowing: &Narrowing,
        narrowed: &Narrowed<'_>,
        deadline: &mut Deadline,
    ) -> Result<Arc<Matched>, SearchError> {
        let key = Key::of(segment, narrowing);
        if let Some(found) = key.as_ref().and_then(|key| self.matched.get(key)) {
            return Ok(found);
        }
        let (mut total, mut docs) = (0, Vec::new());
        each(segment, narrowed, deadline, |doc| {
            total += 1;
            if narrowed.chosen().is_some() || docs.len() <= DOCS_MAX {
                docs.push(doc);
            }
        })?;
        let few = docs.len() as u64 == total;
        let matched = Arc::new(Matched { total, docs: few.then_some(docs) });
        if let Some(key) = key {
            self.matched.insert(key, matched.clone());
        }
        Ok(matched)
    }

    /// How many products of a segment that pass have what.
    pub fn tally(
        &self,
        segment: &Segment,
        narrowing: &Narrowing,
        narrowed: &Narrowed<'_>,
        counted: &Arc<Counted>,
        deadline: &mut Deadline,
    ) -> Result<Arc<Tally>, SearchError> {
        let key = Key::of(segment, narrowing).map(|key| (key, counted.clone()));
        if let Some(found) = key.as_ref().and_then(|key| self.tallies.get(key)) {
            return Ok(found);
        }
        let matched = self.matched(segment, narrowing, narrowed, deadline)?;
        let columns = &segment.columns;
        let tally = if let Some(docs) = &matched.docs {
            Tally::of(columns, counted, docs.iter().copied(), deadline)?
        } else {
            let all = 0..segment.reader.max_doc();
            Tally::of(columns, counted, all.filter(|doc| narrowed.passes(*doc)), deadline)?
        };
        let tally = Arc::new(tally);
        if let Some(key) = key {
            self.tallies.insert(key, tally.clone());
        }
        Ok(tally)
    }
}

/// Calls `found` with each product that passes.
fn each(
    segment: &Segment,
    narrowed: &Narrowed<'_>,
    deadline: &mut Deadline,
    mut found: impl FnMut(DocId),
) -> Result<(), SearchError> {
    let mut look = |doc| {
        if narrowed.passes(doc) {
            found(doc);
        }
        deadline.step()
    };
    match narrowed.chosen() {
        Some(chosen) => chosen.keys().copied().try_for_each(&mut look),
        None => (0..segment.reader.max_doc()).try_for_each(&mut look),
    }
}
