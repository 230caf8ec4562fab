//! What a text may become while it is being written.

use std::collections::HashMap;
use std::time::Duration;

use tantivy::query::FuzzyTermQuery;
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocId, DocSet, Searcher, TERMINATED, Term};
use uuid::Uuid;

use super::columns::Segment;
use super::document::START_MAX;
use super::edition::Edition;
use super::order::{By, key};
use super::plan::{analyzer, tokens};
use super::scan::Deadline;
use super::schema::WORDS;
use super::{SearchError, SearchIndex};
use crate::domain::QUERY_WORDS_MAX;

/// How long suggestions may take.
const TIME_MAX: Duration = Duration::from_millis(100);
/// How many words of the dictionary the last one is completed to at most.
const COMPLETED_MAX: usize = 500;
/// How many whole texts are suggested.
const TEXTS_MAX: usize = 5;
/// The products that have the words are few if they are less than one of so many: then they are put
/// in order themselves.
const FEW: usize = 16;
/// From how many letters on one of them may be wrong.
const TYPO_FROM: usize = 4;

/// What is suggested.
#[derive(Debug, Default)]
pub(crate) struct Suggested {
    /// Products, the best first.
    pub ids: Vec<Uuid>,
    /// Texts that find something, the most usual first.
    pub texts: Vec<String>,
}

impl SearchIndex {
    /// Products with all these words in name, brand or category, the last one perhaps not yet
    /// ended.
    pub(crate) async fn suggest(
        &self,
        text: String,
        limit: usize,
    ) -> Result<Suggested, SearchError> {
        let index = self.clone();
        self.on_search_thread(move || {
            let edition = index.edition(None)?;
            suggest(&edition, &text, limit)
        })
        .await
    }
}

fn suggest(edition: &Edition, text: &str, limit: usize) -> Result<Suggested, SearchError> {
    let mut deadline = Deadline::within(TIME_MAX);
    let searcher = &edition.searcher;
    let mut words = tokens(&mut analyzer(searcher, WORDS)?, text);
    words.truncate(QUERY_WORDS_MAX);
    let Some(begun) = words.pop() else { return Ok(Suggested::default()) };
    let (fields, segments) = (&edition.fields, &edition.segments);
    let mut sets = Vec::new();
    let mut texts = Vec::new();
    if begun.chars().count() <= START_MAX {
        sets.push(having(segments, fields.starts, std::slice::from_ref(&begun), &mut deadline)?);
    } else {
        let completed = completions(searcher, fields.words, &begun, &mut deadline)?;
        sets.push(having(segments, fields.words, &completed, &mut deadline)?);
        let whole = |word: &String| [&words[..], std::slice::from_ref(word)].concat().join(" ");
        texts = completed.iter().take(TEXTS_MAX).map(whole).collect();
    }
    for word in &words {
        let meant = if super::spelling::known(searcher, fields.words, word)? {
            vec![word.clone()]
        } else {
            super::spelling::candidates(searcher, fields.words, word)?
        };
        sets.push(having(segments, fields.words, &meant, &mut deadline)?);
    }
    Ok(Suggested { ids: best(segments, &sets, limit), texts })
}

/// The words that begin like one, the most usual first; if there is none, those that begin nearly
/// like it.
fn completions(
    searcher: &Searcher,
    field: Field,
    begun: &str,
    deadline: &mut Deadline,
) -> Result<Vec<String>, SearchError> {
    for wrong in 0..=u8::from(begun.chars().count() >= TYPO_FROM) {
        let term = Term::from_field_text(field, begun);
        let automaton = FuzzyTermQuery::new_prefix(term, wrong, true).automaton()?;
        let first: String = begun.chars().take(1).collect();
        let mut found: HashMap<String, u64> = HashMap::new();
        for segment in searcher.segment_readers() {
            let index = segment.inverted_index(field)?;
            let from = if wrong == 0 { begun } else { &first };
            let mut stream = index.terms().search(&automaton).ge(from).into_stream()?;
            while found.len() < COMPLETED_MAX && stream.advance() {
                deadline.step()?;
                let Ok(word) = std::str::from_utf8(stream.key()) else { continue };
                if !word.starts_with(&first) {
                    break;
                }
                *found.entry(word.to_owned()).or_default() += u64::from(stream.value().doc_freq);
            }
        }
        if !found.is_empty() {
            let mut found: Vec<(String, u64)> = found.into_iter().collect();
            found.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            return Ok(found.into_iter().map(|(word, _)| word).collect());
        }
    }
    Ok(Vec::new())
}

/// The products that have any of these words.
fn having(
    segments: &[Segment],
    field: Field,
    words: &[String],
    deadline: &mut Deadline,
) -> Result<Vec<Having>, SearchError> {
    let mut one = |segment: &Segment| {
        let mut having = Having::none(segment);
        let index = segment.reader.inverted_index(field)?;
        for word in words {
            let term = Term::from_field_text(field, word);
            let Some(mut found) = index.read_postings(&term, IndexRecordOption::Basic)? else {
                continue;
            };
            while found.doc() != TERMINATED {
                deadline.step()?;
                having.add(found.doc());
                found.advance();
            }
        }
        Ok(having)
    };
    segments.iter().map(&mut one).collect()
}

/// The products of a segment that have a word.
struct Having {
    docs: Vec<DocId>,
    is_in: Vec<bool>,
}

impl Having {
    fn none(segment: &Segment) -> Self {
        Self { docs: Vec::new(), is_in: vec![false; segment.reader.max_doc() as usize] }
    }

    fn add(&mut self, doc: DocId) {
        if !std::mem::replace(&mut self.is_in[doc as usize], true) {
            self.docs.push(doc);
        }
    }
}

/// Of the products of all sets, those that are liked most.
fn best(segments: &[Segment], sets: &[Vec<Having>], limit: usize) -> Vec<Uuid> {
    let mut found = Vec::new();
    for (n, Segment { reader, columns }) in segments.iter().enumerate() {
        let fits = |doc: &DocId| {
            sets.iter().all(|sets| sets[n].is_in[*doc as usize])
                && columns.shown.first(*doc) == Some(true)
                && !reader.is_deleted(*doc)
        };
        let fewest = sets.iter().map(|sets| &sets[n].docs).min_by_key(|docs| docs.len());
        let Some(fewest) = fewest else { continue };
        let first: Vec<DocId> = if fewest.len() < reader.max_doc() as usize / FEW {
            let mut docs: Vec<DocId> = fewest.iter().copied().filter(fits).collect();
            docs.sort_by_cached_key(|doc| (key(columns, By::Liking, *doc), columns.id(*doc)));
            docs.truncate(limit);
            docs
        } else {
            columns.order(By::Liking).iter().copied().filter(fits).take(limit).collect()
        };
        let place = |doc| (key(columns, By::Liking, doc), columns.id(doc));
        found.extend(first.into_iter().map(place));
    }
    found.sort_unstable();
    found.into_iter().take(limit).map(|(_, id)| id).collect()
}
