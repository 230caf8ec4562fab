//! Why a product stands where it stands.

use serde::Serialize;
use tantivy::{DocId, Searcher, SegmentReader};
use utoipa::ToSchema;

use super::SearchError;
use super::plan::{Entry, Plan};
use super::scan::{Deadline, each};
use crate::domain::Ranking;

/// What a product's words contributed to its rank, as BM25F counts it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Explanation {
    /// The score that the product is ranked by; none in another order than relevance.
    pub score: Option<f32>,
    /// The share of the text that it has, by the weight of the words; 0 to 1.
    pub coverage: f32,
    /// Each word of the text.
    pub words: Vec<WordExplanation>,
    /// What it gained besides.
    pub bonuses: Vec<BonusExplanation>,
}

/// What a word contributed.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct WordExplanation {
    /// The word.
    pub word: String,
    /// How rare it is (idf).
    pub rarity: f32,
    /// What it counts: rarity times its saturated frequency.
    pub contribution: f32,
    /// Where it was found: each field and term, with its weighted frequency there.
    pub found: Vec<FieldExplanation>,
}

/// A term in a field.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FieldExplanation {
    /// The field.
    pub field: String,
    /// The term, as it is indexed.
    pub term: String,
    /// How often it is there, by the weight and length of the field.
    pub frequency: f32,
}

/// What a product gained.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct BonusExplanation {
    /// For what.
    pub bonus: String,
    /// How much.
    pub value: f32,
}

/// What an entry counts in one product.
fn counts(
    segment: &SegmentReader,
    doc: DocId,
    entry: &Entry,
    deadline: &mut Deadline,
) -> Result<Option<f32>, SearchError> {
    let mut found = None;
    each(segment, entry, deadline, |at, counts| {
        if at == doc {
            found = Some(counts);
        }
    })?;
    Ok(found)
}

fn spelled(entry: &Entry) -> String {
    let words = entry.terms.iter().filter_map(|term| term.value().as_str().map(str::to_owned));
    words.collect::<Vec<_>>().join(" ")
}

pub(super) fn explain(
    searcher: &Searcher,
    segment: &SegmentReader,
    doc: DocId,
    plan: &Plan,
    ranking: &Ranking,
    score: Option<f32>,
    deadline: &mut Deadline,
) -> Result<Explanation, SearchError> {
    let mut words = Vec::with_capacity(plan.slots.len());
    let mut had = 0.0;
    for slot in &plan.slots {
        let mut found = Vec::new();
        let mut frequency = 0.0;
        for entry in &slot.entries {
            if let Some(counts) = counts(segment, doc, entry, deadline)? {
                frequency += counts;
                let field = searcher.schema().get_field_name(entry.field).to_owned();
                found.push(FieldExplanation { field, term: spelled(entry), frequency: counts });
            }
        }
        if !found.is_empty() {
            had += slot.rarity;
        }
        words.push(WordExplanation {
            word: slot.word.clone(),
            rarity: slot.rarity,
            contribution: slot.rarity * ranking.saturated(frequency),
            found,
        });
    }
    let mut bonuses = Vec::new();
    for bonus in &plan.bonuses {
        for entry in &bonus.entries {
            if counts(segment, doc, entry, deadline)?.is_some() {
                bonuses.push(BonusExplanation { bonus: bonus.what.to_owned(), value: bonus.value });
                break;
            }
        }
    }
    let coverage = if plan.asked > 0.0 { had / plan.asked } else { 0.0 };
    Ok(Explanation { score, coverage, words, bonuses })
}
