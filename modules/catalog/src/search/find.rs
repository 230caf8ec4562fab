//! A search from what is asked to the ids that are found.

use std::collections::HashMap;
use std::time::Duration;

use tantivy::{DocId, Searcher, SegmentReader};
use uuid::Uuid;

use super::explain::{Explanation, explain};
use super::facets::{Counting, Counts, Facets};
use super::filter::{Audience, Collected, Filters, Narrowed, Verdict, str_column};
use super::order::{First, Key, Place, score_of};
use super::plan::{Plan, Planner};
use super::scan::{Deadline, Scores, scores};
use super::schema::column;
use super::{SearchError, SearchIndex};
use crate::domain::{COLLECTED_MAX, POPULARITY_MAX, Ranking, SearchQuery, real};
use crate::usecase::list::Sort;

/// How long a search may take before it is given up.
const TIME_MAX: Duration = Duration::from_millis(500);

/// What is searched for.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub query: Option<SearchQuery>,
    pub locale: Option<String>,
    pub audience: Audience,
    pub filters: Filters,
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

/// How much of a text a product needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    EveryWord,
    Some,
}

/// One pass over the products.
struct Pass<'p> {
    searcher: &'p Searcher,
    asked: &'p Asked,
    ranking: &'p Ranking,
    plan: Option<&'p Plan>,
    facet_names: &'p [String],
}

/// What a pass gave.
#[derive(Default)]
struct Passed {
    places: Vec<(Place, u32, DocId)>,
    total: u64,
    counts: Counts,
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
        let ranking = self.ranking();
        let fields = &edition.fields;
        let plan = asked.query.as_ref().map(|query| {
            let locale = asked.locale.as_deref();
            let searcher = &edition.searcher;
            Planner::new(searcher, fields, ranking, &knowledge.synonyms, locale)?.plan(query)
        });
        let plan = plan.transpose()?;
        let searcher = &edition.searcher;
        let facet_names = &knowledge.facets;
        let pass = Pass { searcher, asked, ranking, plan: plan.as_ref(), facet_names };
        let mut passed = pass.run(&mut deadline)?;
        passed.places.sort_by(|a, b| a.0.cmp(&b.0));
        let more = passed.places.len() > asked.limit;
        passed.places.truncate(asked.limit);
        if more {
            self.keep(&edition);
        }
        let mut hits = Vec::with_capacity(passed.places.len());
        for (place, segment, doc) in passed.places {
            let explanation = match &plan {
                Some(plan) if asked.explain => {
                    let segment = searcher.segment_reader(segment);
                    let score = match place.key {
                        Key::Number(key) if asked.sort == Sort::Relevance => Some(score_of(key)),
                        _ => None,
                    };
                    Some(explain(searcher, segment, doc, plan, ranking, score, &mut deadline)?)
                }
                _ => None,
            };
            hits.push(Hit { place, explanation });
        }
        let corrected = plan.and_then(|plan| plan.corrected);
        Ok(Found {
            more,
            hits,
            total: passed.total,
            facets: asked.facets.as_ref().map(|_| passed.counts.facets()),
            did_you_mean: corrected,
            edition: edition.id,
        })
    }
}

/// The score that puts a chosen product at its place: the first has the best.
fn score_of_place(place: usize) -> f32 {
    real(COLLECTED_MAX.saturating_sub(place) as u64)
}

impl Pass<'_> {
    /// The products with every word, or if there is none, and in the order of relevance anyway,
    /// those with enough of the text.
    fn run(&self, deadline: &mut Deadline) -> Result<Passed, SearchError> {
        let Some(plan) = self.plan else { return self.go(&[], Need::Some, deadline) };
        let mut all = Vec::with_capacity(self.searcher.segment_readers().len());
        for segment in self.searcher.segment_readers() {
            all.push(scores(segment, plan, self.ranking, deadline)?);
        }
        if self.ranking.category_share > 0.0 {
            self.prefer_categories(plan, &mut all)?;
        }
        if self.asked.sort != Sort::Relevance {
            let passed = self.go(&all, Need::EveryWord, deadline)?;
            if passed.total > 0 {
                return Ok(passed);
            }
        }
        self.go(&all, Need::Some, deadline)
    }

    fn go(
        &self,
        scores: &[Scores],
        need: Need,
        deadline: &mut Deadline,
    ) -> Result<Passed, SearchError> {
        let mut passed = Passed::default();
        for (ord, segment) in (0_u32..).zip(self.searcher.segment_readers()) {
            self.segment(ord, segment, scores.get(ord as usize), need, deadline, &mut passed)?;
        }
        Ok(passed)
    }

    fn segment(
        &self,
        ord: u32,
        segment: &SegmentReader,
        scores: Option<&Scores>,
        need: Need,
        deadline: &mut Deadline,
        passed: &mut Passed,
    ) -> Result<(), SearchError> {
        let asked = self.asked;
        let narrowed = Narrowed::new(segment, &asked.filters, asked.audience)?;
        let is_chosen = matches!(asked.filters.collection.as_deref(), Some(Collected::Chosen(_)));
        let sort = if self.plan.is_none() && asked.sort == Sort::Relevance && !is_chosen {
            Sort::Newest
        } else {
            asked.sort
        };
        let mut first = First::new(segment, sort, asked.limit + 1, asked.after.as_ref())?;
        let currency = asked.facets.as_deref();
        let counting = currency.map(|of| Counting::new(segment, self.facet_names, of));
        let mut counting = counting.transpose()?;
        let popularity = segment.fast_fields().u64(column::POPULARITY)?;
        let in_stock = segment.fast_fields().bool(column::IN_STOCK)?;
        let worth = |doc: DocId| match scores {
            None => Some(0.0),
            Some(scores) => self.worth(scores, doc, need).map(|score| {
                let rank = popularity.first(doc).unwrap_or(0).min(POPULARITY_MAX.into());
                let popular = self.ranking.popularity * real(rank) / real(POPULARITY_MAX.into());
                let had = in_stock.first(doc) == Some(true);
                let stocked = if had { self.ranking.in_stock } else { 0.0 };
                score * (1.0 + popular + stocked)
            }),
        };
        for doc in 0..segment.max_doc() {
            deadline.step()?;
            if segment.is_deleted(doc) {
                continue;
            }
            let Some(score) = worth(doc) else { continue };
            if !narrowed.sees(doc) {
                continue;
            }
            let verdict = narrowed.verdict(doc);
            if verdict == Verdict::Passes {
                passed.total += 1;
                // Without a text, the order of a collection is the one it was chosen in.
                let place = narrowed.chosen(doc).filter(|_| self.plan.is_none());
                first.offer(doc, place.map_or(score, score_of_place));
            }
            if let Some(counting) = &mut counting {
                counting.count(doc, &narrowed, verdict);
            }
        }
        if let Some(counting) = counting {
            counting.add_to(&mut passed.counts)?;
        }
        let places = first.places()?.into_iter();
        passed.places.extend(places.map(|(place, doc)| (place, ord, doc)));
        Ok(())
    }

    /// What a product is worth for the text, if it has enough of it.
    fn worth(&self, scores: &Scores, doc: DocId, need: Need) -> Option<f32> {
        let at = doc as usize;
        let (had, asked) = (scores.had[at], self.plan.map_or(0.0, |plan| plan.asked));
        // Sums of the same numbers in another order may differ a little.
        let least = match need {
            Need::EveryWord => 0.999,
            Need::Some => self.ranking.coverage_min,
        };
        let enough = had > 0.0 && had >= least * asked && scores.admits(doc);
        enough.then(|| self.ranking.covered(scores.score[at], had, asked))
    }

    /// Lifts products of the categories that most of the best hits are of: who asks for a thing
    /// means the things of that kind rather than what goes with them.
    fn prefer_categories(&self, plan: &Plan, all: &mut [Scores]) -> Result<(), SearchError> {
        let mut mass: HashMap<String, f32> = HashMap::new();
        let mut total = 0.0;
        let mut places = Vec::with_capacity(all.len());
        for (segment, scores) in self.searcher.segment_readers().iter().zip(all.iter()) {
            let column = str_column(segment, column::NARROWEST)?;
            let mut by_term = vec![0.0_f32; column.dictionary().num_terms()];
            for doc in 0..segment.max_doc() {
                let Some(score) = self.worth(scores, doc, Need::Some) else { continue };
                let weight = score.powi(SHARE_POWER);
                total += weight;
                if let Some(term) = column.ords().first(doc).and_then(|t| usize::try_from(t).ok()) {
                    by_term[term] += weight;
                }
            }
            let mut text = String::new();
            for (term, weight) in (0_u64..).zip(&by_term) {
                if *weight > 0.0 {
                    column.ord_to_str(term, &mut text)?;
                    *mass.entry(text.clone()).or_default() += weight;
                }
            }
            places.push(column);
        }
        if total <= 0.0 || plan.slots.is_empty() {
            return Ok(());
        }
        for (column, scores) in places.iter().zip(all) {
            let mut factors = Vec::with_capacity(column.dictionary().num_terms());
            let mut text = String::new();
            for term in 0..column.dictionary().num_terms() as u64 {
                column.ord_to_str(term, &mut text)?;
                let share = mass.get(&text).copied().unwrap_or(0.0) / total;
                factors.push(1.0 + self.ranking.category_share * share);
            }
            for (doc, score) in (0..).zip(&mut scores.score) {
                if *score > 0.0
                    && let Some(term) = column.ords().first(doc)
                    && let Some(factor) = usize::try_from(term).ok().and_then(|t| factors.get(t))
                {
                    *score *= factor;
                }
            }
        }
        Ok(())
    }
}

/// How much the best hits decide alone which categories are meant.
const SHARE_POWER: i32 = 4;
