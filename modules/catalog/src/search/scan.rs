//! What each product of a segment is worth for a text: term after term, into one array over the
//! segment's products.

use std::time::{Duration, Instant};

use tantivy::fieldnorm::FieldNormReader;
use tantivy::postings::{Postings, SegmentPostings};
use tantivy::schema::IndexRecordOption;
use tantivy::{DocId, DocSet, SegmentReader, TERMINATED};

use super::SearchError;
use super::plan::{Entry, Plan};
use crate::domain::{Ranking, real};

/// How many steps are made between two looks at the clock.
const STEPS: u32 = 4_096;

/// Until when a search may take.
#[derive(Debug)]
pub(super) struct Deadline {
    end: Instant,
    steps: u32,
}

impl Deadline {
    pub fn within(time: Duration) -> Self {
        Self { end: Instant::now() + time, steps: 0 }
    }

    /// To be called in every step of a loop.
    pub fn step(&mut self) -> Result<(), SearchError> {
        self.steps += 1;
        if self.steps < STEPS {
            return Ok(());
        }
        self.steps = 0;
        if Instant::now() < self.end { Ok(()) } else { Err(SearchError::TooCostly) }
    }
}

/// What the products of a segment are worth.
pub(super) struct Scores {
    /// The products that have any of the words.
    pub found: Vec<DocId>,
    pub score: Vec<f32>,
    /// The rarity of the words that a product has.
    pub had: Vec<f32>,
    /// How many of the required phrases a product has; more than there are for none it may have.
    phrases: Vec<usize>,
    required: usize,
}

impl Scores {
    /// Whether a product may be found.
    pub fn admits(&self, doc: DocId) -> bool {
        let phrases = self.phrases.get(doc as usize).copied().unwrap_or(self.required);
        phrases == self.required
    }
}

pub(super) fn scores(
    segment: &SegmentReader,
    plan: &Plan,
    ranking: &Ranking,
    deadline: &mut Deadline,
) -> Result<Scores, SearchError> {
    let size = segment.max_doc() as usize;
    let mut scores = Scores {
        found: Vec::new(),
        score: vec![0.0; size],
        had: vec![0.0; size],
        phrases: Vec::new(),
        required: plan.phrases.len(),
    };
    let mut frequency = vec![0.0_f32; size];
    let mut touched: Vec<DocId> = Vec::new();
    for slot in &plan.slots {
        for entry in &slot.entries {
            each(segment, entry, deadline, |doc, counts| {
                let sum = &mut frequency[doc as usize];
                if *sum == 0.0 {
                    touched.push(doc);
                }
                *sum += counts;
            })?;
        }
        for doc in touched.drain(..) {
            let at = doc as usize;
            if scores.had[at] == 0.0 {
                scores.found.push(doc);
            }
            scores.score[at] += slot.rarity * ranking.saturated(frequency[at]);
            scores.had[at] += slot.rarity;
            frequency[at] = 0.0;
        }
    }
    for bonus in &plan.bonuses {
        for entry in &bonus.entries {
            each(segment, entry, deadline, |doc, _| frequency[doc as usize] = bonus.value)?;
        }
        for entry in &bonus.entries {
            each(segment, entry, deadline, |doc, _| {
                scores.score[doc as usize] += std::mem::take(&mut frequency[doc as usize]);
            })?;
        }
    }
    if !plan.phrases.is_empty() || !plan.excluded.is_empty() {
        restrict(segment, plan, deadline, &mut scores)?;
    }
    Ok(scores)
}

fn restrict(
    segment: &SegmentReader,
    plan: &Plan,
    deadline: &mut Deadline,
    scores: &mut Scores,
) -> Result<(), SearchError> {
    scores.phrases = vec![0; scores.score.len()];
    let phrases = &mut scores.phrases;
    for (n, phrase) in plan.phrases.iter().enumerate() {
        for entry in phrase {
            each(segment, entry, deadline, |doc, _| {
                // Only a product that has all phrases so far can have this one too.
                let had = &mut phrases[doc as usize];
                if *had == n {
                    *had = n + 1;
                }
            })?;
        }
    }
    for entry in &plan.excluded {
        each(segment, entry, deadline, |doc, _| phrases[doc as usize] = usize::MAX)?;
    }
    Ok(())
}

/// Calls `each` with every product that has the entry, and what the entry counts there.
pub(super) fn each(
    segment: &SegmentReader,
    entry: &Entry,
    deadline: &mut Deadline,
    mut each: impl FnMut(DocId, f32),
) -> Result<(), SearchError> {
    let index = segment.inverted_index(entry.field)?;
    let lengths = segment.fieldnorms_readers().get_field(entry.field)?;
    // What one occurrence counts, by how long the field is said to be.
    let factors: Option<[f32; 256]> = lengths.as_ref().map(|_| {
        std::array::from_fn(|id| {
            let length = FieldNormReader::id_to_fieldnorm(u8::try_from(id).unwrap_or(u8::MAX));
            entry.weight.frequency(1.0, real(length.into()) / entry.average)
        })
    });
    let counts = |doc: DocId, times: u32| {
        let factor = match (&lengths, &factors) {
            (Some(lengths), Some(factors)) => factors[usize::from(lengths.fieldnorm_id(doc))],
            _ => entry.weight.frequency(1.0, 1.0),
        };
        factor * real(times.into())
    };
    let positions = entry.terms.len() > 1;
    let option = if positions {
        IndexRecordOption::WithFreqsAndPositions
    } else {
        IndexRecordOption::WithFreqs
    };
    let mut postings = Vec::with_capacity(entry.terms.len());
    for term in &entry.terms {
        match index.read_postings(term, option)? {
            Some(found) => postings.push(found),
            None => return Ok(()),
        }
    }
    if positions {
        return in_a_row(postings, deadline, |doc, times| {
            each(doc, counts(doc, times));
        });
    }
    for postings in &mut postings {
        let mut doc = postings.doc();
        while doc != TERMINATED {
            deadline.step()?;
            each(doc, counts(doc, postings.term_freq()));
            doc = postings.advance();
        }
    }
    Ok(())
}

/// Calls `each` with every product in which the terms follow each other, and how often they do.
fn in_a_row(
    mut postings: Vec<SegmentPostings>,
    deadline: &mut Deadline,
    mut each: impl FnMut(DocId, u32),
) -> Result<(), SearchError> {
    let Some((first, others)) = postings.split_first_mut() else { return Ok(()) };
    let (mut begins, mut follows) = (Vec::new(), Vec::new());
    let mut doc = first.doc();
    'products: while doc != TERMINATED {
        deadline.step()?;
        for other in others.iter_mut() {
            let at = if other.doc() < doc { other.seek(doc) } else { other.doc() };
            if at != doc {
                doc = if at == TERMINATED { TERMINATED } else { first.seek(at) };
                continue 'products;
            }
        }
        first.positions(&mut begins);
        for (n, other) in (1_u32..).zip(others.iter_mut()) {
            other.positions(&mut follows);
            begins.retain(|at| follows.binary_search(&(at + n)).is_ok());
        }
        if !begins.is_empty() {
            each(doc, u32::try_from(begins.len()).unwrap_or(u32::MAX));
        }
        doc = first.advance();
    }
    Ok(())
}
