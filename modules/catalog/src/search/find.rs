//! A search from what is asked to the ids that are found.

use std::time::Duration;

use tantivy::DocId;
use uuid::Uuid;

use super::browse::Browsing;
use super::columns::Segment;
use super::edition::Edition;
use super::explain::{Explanation, explain};
use super::facets::{Counted, Counts, Faceting, Facets, Tally};
use super::filter::{Narrowed, Narrowing};
use super::order::{By, First, Key, Place, score_of};
use super::plan::{Plan, Planner};
use super::scan::{Deadline, Scores, scores};
use super::{SearchError, SearchIndex};
use crate::domain::{POPULARITY_MAX, Ranking, SearchQuery, real};
use crate::usecase::list::Sort;

/// How long a search may take before it is given up.
const TIME_MAX: Duration = Duration::from_millis(500);

/// What is searched for.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub query: Option<SearchQuery>,
    pub locale: Option<String>,
    pub narrowing: Narrowing,
    pub sort: Sort,
    pub limit: usize,
    pub after: Option<Place>,
    /// The edition that the place is of.
    pub edition: Option<Uuid>,
    /// Whether products are counted by facets; the shop's currency.
    pub facets: Option<String>,
    pub explain: bool,
}

/// A product that was found.
#[derive(Debug, Clone)]
pub(crate) struct Hit {
    pub place: Place,
    pub explanation: Option<Explanation>,
}

/// What was found.
#[derive(Debug)]
pub(crate) struct Found {
    /// The first products, in their order.
    pub hits: Vec<Hit>,
    /// Whether there are more behind them.
    pub more: bool,
    /// How many there are in all.
    pub total: u64,
    pub facets: Option<Facets>,
    pub did_you_mean: Option<String>,
    /// The edition of the index that was searched, kept for the next page.
    pub edition: Uuid,
}

/// What the segments gave.
#[derive(Default)]
pub(super) struct Passed {
    /// The first products of each segment, with the segment's number.
    places: Vec<(Place, usize, DocId)>,
    total: u64,
    pub counts: Counts,
}

impl Passed {
    /// Takes in what a segment gave.
    pub fn take(&mut self, at: usize, total: u64, first: First<'_>) -> Result<(), SearchError> {
        self.total += total;
        let places = first.places()?.into_iter();
        self.places.extend(places.map(|(place, doc)| (place, at, doc)));
        Ok(())
    }
}

impl SearchIndex {
    /// The first products after a place, in the asked order.
    pub(crate) async fn find(&self, asked: Asked) -> Result<Found, SearchError> {
        let index = self.clone();
        self.on_search_thread(move || index.find_blocking(&asked)).await
    }

    fn find_blocking(&self, asked: &Asked) -> Result<Found, SearchError> {
        let mut deadline = Deadline::within(TIME_MAX);
        let edition = self.edition(asked.edition)?;
        let knowledge = self.knowledge();
        let faceting = asked.facets.clone().map(|currency| {
            let counted = Counted { names: knowledge.facets.clone(), currency };
            Faceting::new(&asked.narrowing, counted)
        });
        let (ranking, fields, faceting) = (self.ranking(), &edition.fields, faceting.as_ref());
        let (mut passed, plan) = match &asked.query {
            None => {
                let kept = &self.inner.kept;
                let browsing = Browsing { kept, fields, asked, faceting };
                (browsing.run(&edition.segments, &mut deadline)?, None)
            }
            Some(query) => {
                let locale = asked.locale.as_deref();
                let synonyms = &knowledge.synonyms;
                let plan = Planner::new(&edition, ranking, synonyms, locale)?.plan(query)?;
                let search = Search { edition: &edition, asked, ranking, plan: &plan, faceting };
                (search.run(&mut deadline)?, Some(plan))
            }
        };
        passed.places.sort_by(|a, b| a.0.cmp(&b.0));
        let more = passed.places.len() > asked.limit;
        passed.places.truncate(asked.limit);
        if more {
            self.keep(&edition);
        }
        let mut hits = Vec::with_capacity(passed.places.len());
        for (place, at, doc) in passed.places {
            let explanation = match &plan {
                Some(plan) if asked.explain => {
                    let segment = &edition.segments[at].reader;
                    let score = match place.key {
                        Key::Number(key) if asked.sort == Sort::Relevance => Some(score_of(key)),
                        _ => None,
                    };
                    let searcher = &edition.searcher;
                    Some(explain(searcher, segment, doc, plan, ranking, score, &mut deadline)?)
                }
                _ => None,
            };
            hits.push(Hit { place, explanation });
        }
        Ok(Found {
            more,
            hits,
            total: passed.total,
            facets: faceting.map(|_| passed.counts.facets()),
            did_you_mean: plan.and_then(|plan| plan.corrected),
            edition: edition.id,
        })
    }
}

/// How much of a text a product needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    EveryWord,
    Some,
}

/// A search for a text, segment by segment.
struct Search<'s> {
    edition: &'s Edition,
    asked: &'s Asked,
    ranking: &'s Ranking,
    plan: &'s Plan,
    faceting: Option<&'s Faceting>,
}

impl Search<'_> {
    /// The products with every word, or if there is none, and in the order of relevance anyway,
    /// those with enough of the text.
    fn run(&self, deadline: &mut Deadline) -> Result<Passed, SearchError> {
        let segments = &self.edition.segments;
        let mut scored = Vec::with_capacity(segments.len());
        for segment in segments {
            scored.push(scores(&segment.reader, self.plan, self.ranking, deadline)?);
        }
        if self.asked.sort != Sort::Relevance {
            let passed = self.go(&scored, Need::EveryWord, deadline)?;
            if passed.total > 0 {
                return Ok(passed);
            }
        }
        self.go(&scored, Need::Some, deadline)
    }

    fn go(
        &self,
        scored: &[Scores],
        need: Need,
        deadline: &mut Deadline,
    ) -> Result<Passed, SearchError> {
        let mut passed = Passed::default();
        for (at, (segment, scores)) in self.edition.segments.iter().zip(scored).enumerate() {
            self.segment(at, segment, scores, need, deadline, &mut passed)?;
        }
        Ok(passed)
    }

    fn segment(
        &self,
        at: usize,
        segment: &Segment,
        scores: &Scores,
        need: Need,
        deadline: &mut Deadline,
        passed: &mut Passed,
    ) -> Result<(), SearchError> {
        let Asked { narrowing, sort, limit, after, .. } = self.asked;
        let (fields, columns) = (&self.edition.fields, &segment.columns);
        let narrowed = Narrowed::new(segment, fields, narrowing)?;
        let mut first = First::new(columns, By::of(*sort), limit + 1, after.as_ref())?;
        let mut total = 0;
        for doc in scores.found.iter().copied() {
            deadline.step()?;
            let Some(score) = self.worth(scores, doc, need) else { continue };
            if narrowed.passes(doc) {
                total += 1;
                first.offer(doc, score * self.besides(segment, doc));
            }
        }
        if let Some(faceting) = self.faceting {
            faceting.count(segment, fields, &mut passed.counts, |_, narrowed| {
                let found = scores.found.iter().copied();
                let fits = found.filter(|doc| self.worth(scores, *doc, need).is_some());
                let passing = fits.filter(|doc| narrowed.passes(*doc));
                Ok(Tally::of(columns, &faceting.counted, passing, deadline)?.into())
            })?;
        }
        passed.take(at, total, first)
    }

    /// What a product is worth for the text, if it has enough of it.
    fn worth(&self, scores: &Scores, doc: DocId, need: Need) -> Option<f32> {
        let at = doc as usize;
        let (had, asked) = (scores.had[at], self.plan.asked);
        // Sums of the same numbers in another order may differ a little.
        let least = match need {
            Need::EveryWord => 0.999,
            Need::Some => self.ranking.coverage_min,
        };
        let enough = had > 0.0 && had >= least * asked && scores.admits(doc);
        enough.then(|| self.ranking.covered(scores.score[at], had, asked))
    }

    /// By what a product's score is multiplied for what it is besides.
    fn besides(&self, segment: &Segment, doc: DocId) -> f32 {
        let rank = segment.columns.popularity.first(doc).unwrap_or(0).min(POPULARITY_MAX.into());
        let popular = self.ranking.popularity * real(rank) / real(POPULARITY_MAX.into());
        let in_stock = segment.columns.in_stock.first(doc) == Some(true);
        1.0 + popular + if in_stock { self.ranking.in_stock } else { 0.0 }
    }
}
