//! Lists without a text.

use super::SearchError;
use super::columns::Segment;
use super::facets::Faceting;
use super::filter::{Collected, Narrowed};
use super::find::{Asked, Passed};
use super::kept::Kept;
use super::order::{By, First};
use super::scan::Deadline;
use super::schema::Fields;
use crate::domain::{COLLECTED_MAX, real};

/// A list without a text, segment by segment.
pub(super) struct Browsing<'b> {
    pub kept: &'b Kept,
    pub fields: &'b Fields,
    pub asked: &'b Asked,
    pub faceting: Option<&'b Faceting>,
}

/// The score that puts a chosen product at its place: the first has the best.
fn score_of_place(place: usize) -> f32 {
    real(COLLECTED_MAX.saturating_sub(place) as u64)
}

impl Browsing<'_> {
    /// The first products, and how many there are.
    pub fn run(
        &self,
        segments: &[Segment],
        deadline: &mut Deadline,
    ) -> Result<Passed, SearchError> {
        let mut passed = Passed::default();
        for (at, segment) in segments.iter().enumerate() {
            let narrowed = Narrowed::new(segment, self.fields, &self.asked.narrowing)?;
            self.first(at, segment, &narrowed, deadline, &mut passed)?;
            let Some(faceting) = self.faceting else { continue };
            faceting.count(segment, self.fields, &mut passed.counts, |narrowing, narrowed| {
                self.kept.tally(segment, narrowing, narrowed, &faceting.counted, deadline)
            })?;
        }
        Ok(passed)
    }

    fn first(
        &self,
        at: usize,
        segment: &Segment,
        narrowed: &Narrowed<'_>,
        deadline: &mut Deadline,
        passed: &mut Passed,
    ) -> Result<(), SearchError> {
        let Asked { narrowing, sort, limit, after, .. } = self.asked;
        let matched = self.kept.matched(segment, narrowing, narrowed, deadline)?;
        // Without a text, chosen products are in the order in which they were chosen.
        let is_chosen = matches!(narrowing.collected, Some(Collected::Chosen(_)));
        let by = By::of(*sort).or((!is_chosen).then_some(By::Newest));
        let mut first = First::new(&segment.columns, by, limit + 1, after.as_ref())?;
        let steps = (limit + 1) as u64 * u64::from(segment.reader.max_doc()) / matched.total.max(1);
        match (by, &matched.docs) {
            (Some(by), None) => first.walk(by, |doc| narrowed.passes(doc)),
            (Some(by), Some(docs)) if steps < docs.len() as u64 => {
                first.walk(by, |doc| narrowed.passes(doc));
            }
            (_, docs) => {
                for doc in docs.iter().flatten().copied() {
                    let place = narrowed.chosen().and_then(|chosen| chosen.get(&doc));
                    first.offer(doc, place.map_or(0.0, |place| score_of_place(*place)));
                }
            }
        }
        passed.take(at, matched.total, first)
    }
}
