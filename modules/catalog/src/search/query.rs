use std::ops::Bound;

use tantivy::collector::TopDocs;
use tantivy::query::{
    BooleanQuery, BoostQuery, ConstScoreQuery, FuzzyTermQuery, Occur, Query, RangeQuery, TermQuery,
};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::tokenizer::TextAnalyzer;
use tantivy::{Searcher, Term};
use uuid::Uuid;

use super::build::{STEMS, WHOLE, WORDS};
use super::{Fields, SearchError, SearchIndex};

/// How many products a search finds at most.
pub(crate) const HITS_MAX: usize = 1_000;
/// How many words of a search text are looked at.
const TEXT_WORDS_MAX: usize = 16;
/// What a product that has every word is ahead of one that has some: more than any score.
const EVERY_WORD: f32 = 10_000.0;
/// How much a word counts by where it stands.
const SKU_WEIGHT: f32 = 100.0;

/// What is searched for. The filters are applied again to the products themselves; here they keep
/// what does not fit from taking the places of what does.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub text: String,
    pub category: Option<String>,
    pub price: Option<(i64, i64, String)>,
    /// Only products with every word, if there are any.
    pub strict: bool,
}

/// A product that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Hit {
    pub score: f32,
    pub id: Uuid,
}

impl Hit {
    /// Whether it stands before another one: by score, then by id.
    pub(crate) fn is_before(&self, other: &Self) -> bool {
        other.score.total_cmp(&self.score).then(self.id.cmp(&other.id)).is_lt()
    }
}

impl SearchIndex {
    /// The best hits, in their order.
    pub(crate) async fn find(&self, asked: Asked) -> Result<Vec<Hit>, SearchError> {
        if self.position().is_none() {
            return Err(SearchError::NotBuilt);
        }
        let index = self.clone();
        tokio::task::spawn_blocking(move || index.find_blocking(&asked)).await?
    }

    fn find_blocking(&self, asked: &Asked) -> Result<Vec<Hit>, SearchError> {
        let searcher = self.0.reader.searcher();
        let mut analyzers = Analyzers::of(&searcher)?;
        let words = words(&self.0.fields, &mut analyzers, &asked.text);
        if words.is_empty() {
            return Ok(Vec::new());
        }
        let every = all_of(words.iter().map(|word| word.box_clone()));
        if asked.strict {
            let hits = Self::top(&searcher, &self.filtered(every.box_clone(), asked))?;
            if !hits.is_empty() {
                return Ok(hits);
            }
        }
        let some = Box::new(BooleanQuery::union(words));
        let bonus = Box::new(ConstScoreQuery::new(every, EVERY_WORD));
        let ranked = BooleanQuery::new(vec![(Occur::Must, some as _), (Occur::Should, bonus as _)]);
        Self::top(&searcher, &self.filtered(Box::new(ranked), asked))
    }

    fn filtered(&self, query: Box<dyn Query>, asked: &Asked) -> BooleanQuery {
        let fields = &self.0.fields;
        let mut clauses = vec![(Occur::Must, query)];
        let mut only = |filter: Box<dyn Query>| {
            let filter: Box<dyn Query> = Box::new(ConstScoreQuery::new(filter, 0.0));
            clauses.push((Occur::Must, filter));
        };
        if let Some(category) = &asked.category {
            only(term(fields.category, category));
        }
        if let Some((least, most, currency)) = &asked.price {
            let bound = |price| Bound::Included(Term::from_field_i64(fields.price, price));
            only(Box::new(RangeQuery::new(bound(*least), bound(*most))));
            only(term(fields.currency, currency));
        }
        BooleanQuery::new(clauses)
    }

    fn top(searcher: &Searcher, query: &dyn Query) -> Result<Vec<Hit>, SearchError> {
        let found = searcher.search(query, &TopDocs::with_limit(HITS_MAX).order_by_score())?;
        let mut columns = Vec::with_capacity(searcher.segment_readers().len());
        for segment in searcher.segment_readers() {
            let fast = segment.fast_fields();
            columns.push((fast.u64("id_high")?, fast.u64("id_low")?));
        }
        let mut hits: Vec<Hit> = found
            .into_iter()
            .filter_map(|(score, at)| {
                let (high, low) = columns.get(at.segment_ord as usize)?;
                let id = Uuid::from_u64_pair(high.first(at.doc_id)?, low.first(at.doc_id)?);
                Some(Hit { score, id })
            })
            .collect();
        hits.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.id.cmp(&b.id)));
        Ok(hits)
    }

    /// Products with all these words in their name, the last one perhaps not yet ended.
    pub(crate) async fn suggest(
        &self,
        text: String,
        limit: usize,
    ) -> Result<Vec<Uuid>, SearchError> {
        if self.position().is_none() {
            return Err(SearchError::NotBuilt);
        }
        let index = self.clone();
        tokio::task::spawn_blocking(move || {
            let searcher = index.0.reader.searcher();
            let mut analyzers = Analyzers::of(&searcher)?;
            let mut words = tokens(&mut analyzers.words, &text);
            words.truncate(TEXT_WORDS_MAX);
            let Some(begun) = words.pop() else { return Ok(Vec::new()) };
            let field = index.0.fields.name_words;
            let mut clauses: Vec<Box<dyn Query>> =
                words.iter().map(|word| term(field, word)).collect();
            let begun = Term::from_field_text(field, &begun);
            clauses.push(Box::new(FuzzyTermQuery::new_prefix(begun, 0, false)));
            let mut hits = Self::top(&searcher, &all_of(clauses))?;
            hits.truncate(limit);
            Ok(hits.into_iter().map(|hit| hit.id).collect())
        })
        .await?
    }
}

struct Analyzers {
    stems: TextAnalyzer,
    words: TextAnalyzer,
    whole: TextAnalyzer,
}

impl Analyzers {
    fn of(searcher: &Searcher) -> Result<Self, SearchError> {
        let known = searcher.index().tokenizers();
        let named = |name: &str| {
            let missing = format!("the tokenizer {name} is missing");
            known.get(name).ok_or(tantivy::TantivyError::InvalidArgument(missing))
        };
        Ok(Self { stems: named(STEMS)?, words: named(WORDS)?, whole: named(WHOLE)? })
    }
}

fn tokens(analyzer: &mut TextAnalyzer, text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    analyzer.token_stream(text).process(&mut |token| tokens.push(token.text.clone()));
    tokens
}

fn term(field: Field, text: &str) -> Box<dyn Query> {
    let term = Term::from_field_text(field, text);
    Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs))
}

fn all_of(queries: impl IntoIterator<Item = Box<dyn Query>>) -> Box<dyn Query> {
    Box::new(BooleanQuery::intersection(queries.into_iter().collect()))
}

/// A query for each word of the text: wherever it stands, it counts by where. The text has no
/// syntax, so there is no text that is wrong.
fn words(fields: &Fields, analyzers: &mut Analyzers, text: &str) -> Vec<Box<dyn Query>> {
    let weights = [
        (fields.name, 3.0),
        (fields.brand, 2.0),
        (fields.categories, 2.0),
        (fields.description, 1.0),
        (fields.attributes, 0.3),
    ];
    let mut words: Vec<Box<dyn Query>> = Vec::new();
    for word in text.split_whitespace().take(TEXT_WORDS_MAX) {
        let stems = tokens(&mut analyzers.stems, word);
        if stems.is_empty() {
            continue;
        }
        let mut places: Vec<Box<dyn Query>> = weights
            .iter()
            .map(|(field, weight)| {
                let every = all_of(stems.iter().map(|stem| term(*field, stem)));
                Box::new(BoostQuery::new(every, *weight)) as Box<dyn Query>
            })
            .collect();
        for sku in tokens(&mut analyzers.whole, word) {
            places.push(Box::new(BoostQuery::new(term(fields.sku, &sku), SKU_WEIGHT)));
        }
        words.push(Box::new(BooleanQuery::union(places)));
    }
    words
}
