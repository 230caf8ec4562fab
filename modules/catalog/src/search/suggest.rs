//! What a text may become while it is being written.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::Duration;

use tantivy::query::FuzzyTermQuery;
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocSet, Searcher, SegmentReader, TERMINATED, Term};
use uuid::Uuid;

use super::document::START_MAX;
use super::edition::Edition;
use super::plan::{analyzer, tokens};
use super::scan::Deadline;
use super::schema::{WORDS, column};
use super::{SearchError, SearchIndex};
use crate::domain::QUERY_WORDS_MAX;

/// How long suggestions may take.
const TIME_MAX: Duration = Duration::from_millis(100);
/// How many words of the dictionary the last one is completed to at most.
const COMPLETED_MAX: usize = 500;
/// How many whole texts are suggested.
const TEXTS_MAX: usize = 5;
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

/// The products of each segment that have a word.
type Sets = Vec<Vec<bool>>;

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
    let (fields, mut sets) = (&edition.fields, Vec::new());
    let mut texts = Vec::new();
    if begun.chars().count() <= START_MAX {
        sets.push(having(searcher, fields.starts, std::slice::from_ref(&begun), &mut deadline)?);
    } else {
        let completed = completions(searcher, fields.words, &begun, &mut deadline)?;
        sets.push(having(searcher, fields.words, &completed, &mut deadline)?);
        let whole = |word: &String| [&words[..], std::slice::from_ref(word)].concat().join(" ");
        texts = completed.iter().take(TEXTS_MAX).map(whole).collect();
    }
    for word in &words {
        let meant = if super::spelling::known(searcher, fields.words, word)? {
            vec![word.clone()]
        } else {
            super::spelling::candidates(searcher, fields.words, word)?
        };
        sets.push(having(searcher, fields.words, &meant, &mut deadline)?);
    }
    Ok(Suggested { ids: best(searcher, &sets, limit, &mut deadline)?, texts })
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
    searcher: &Searcher,
    field: Field,
    words: &[String],
    deadline: &mut Deadline,
) -> Result<Sets, SearchError> {
    let one = |segment: &SegmentReader, deadline: &mut Deadline| {
        let mut set = vec![false; segment.max_doc() as usize];
        let index = segment.inverted_index(field)?;
        for word in words {
            let term = Term::from_field_text(field, word);
            let Some(mut found) = index.read_postings(&term, IndexRecordOption::Basic)? else {
                continue;
            };
            while found.doc() != TERMINATED {
                deadline.step()?;
                set[found.doc() as usize] = true;
                found.advance();
            }
        }
        Ok(set)
    };
    searcher.segment_readers().iter().map(|segment| one(segment, deadline)).collect()
}

/// Of the products of all sets, those that are sold most and can be had; then by name.
fn best(
    searcher: &Searcher,
    sets: &[Sets],
    limit: usize,
    deadline: &mut Deadline,
) -> Result<Vec<Uuid>, SearchError> {
    let mut found = Vec::new();
    for (n, segment) in searcher.segment_readers().iter().enumerate() {
        let fast = segment.fast_fields();
        let shown = fast.bool(column::SHOWN)?;
        let popularity = fast.u64(column::POPULARITY)?;
        let in_stock = fast.bool(column::IN_STOCK)?;
        let names = super::filter::str_column(segment, column::NAME_ORDER)?;
        let (high, low) = (fast.u64(column::ID_HIGH)?, fast.u64(column::ID_LOW)?);
        let mut ranked = Vec::new();
        for doc in 0..segment.max_doc() {
            deadline.step()?;
            let fits = sets.iter().all(|segments| segments[n][doc as usize]);
            if fits && !segment.is_deleted(doc) && shown.first(doc) == Some(true) {
                let rank = (popularity.first(doc).unwrap_or(0), in_stock.first(doc));
                ranked.push((Reverse(rank), names.ords().first(doc).unwrap_or(0), doc));
            }
        }
        ranked.sort_unstable();
        for (rank, name, doc) in ranked.into_iter().take(limit) {
            let mut text = String::new();
            names.ord_to_str(name, &mut text)?;
            let id = Uuid::from_u64_pair(high.first(doc).unwrap_or(0), low.first(doc).unwrap_or(0));
            found.push((rank, text, id));
        }
    }
    found.sort_unstable();
    Ok(found.into_iter().take(limit).map(|(_, _, id)| id).collect())
}
