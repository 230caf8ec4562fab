//! Words that stand nowhere, and what was meant by them.

use tantivy::query::FuzzyTermQuery;
use tantivy::schema::Field;
use tantivy::{Searcher, Term};

use super::SearchError;

/// How many words a wrong one is taken for at most.
const CANDIDATES_MAX: usize = 3;
/// From how many letters on one may be wrong, and from how many on two.
const ONE_WRONG_FROM: usize = 4;
const TWO_WRONG_FROM: usize = 8;
/// How many words of the dictionary are compared at most.
const COMPARED_MAX: usize = 5_000;
/// The shortest part of a word that is taken apart, in letters.
const PART_MIN: usize = 3;

/// Whether a word stands in any name, brand or category.
pub(super) fn known(searcher: &Searcher, field: Field, word: &str) -> Result<bool, SearchError> {
    Ok(searcher.doc_freq(&Term::from_field_text(field, word))? > 0)
}

/// The words that are most like one that stands nowhere: the nearest first, then the most usual.
/// The first letter of a word is hardly ever wrong, and keeping it keeps the search short.
pub(super) fn candidates(
    searcher: &Searcher,
    field: Field,
    word: &str,
) -> Result<Vec<String>, SearchError> {
    let letters = word.chars().count();
    let most = match letters {
        0..ONE_WRONG_FROM => return Ok(Vec::new()),
        ONE_WRONG_FROM..TWO_WRONG_FROM => 1,
        _ => 2,
    };
    let first = word.chars().next().map(String::from).unwrap_or_default();
    for distance in 1..=most {
        let mut found: Vec<(u64, String)> = Vec::new();
        let query = FuzzyTermQuery::new(Term::from_field_text(field, word), distance, true);
        let automaton = query.automaton()?;
        for segment in searcher.segment_readers() {
            let index = segment.inverted_index(field)?;
            let mut stream = index.terms().search(&automaton).ge(&first).into_stream()?;
            let mut compared = 0;
            while stream.advance() && compared < COMPARED_MAX {
                compared += 1;
                let Ok(term) = std::str::from_utf8(stream.key()) else { continue };
                if !term.starts_with(&first) {
                    break;
                }
                let usual = u64::from(stream.value().doc_freq);
                match found.iter_mut().find(|(_, known)| known == term) {
                    Some((count, _)) => *count += usual,
                    None => found.push((usual, term.to_owned())),
                }
            }
        }
        if !found.is_empty() {
            found.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
            found.truncate(CANDIDATES_MAX);
            return Ok(found.into_iter().map(|(_, word)| word).collect());
        }
    }
    Ok(Vec::new())
}

/// The two words that one is made of which stands nowhere: `cardreader`.
pub(super) fn split(
    searcher: &Searcher,
    field: Field,
    word: &str,
) -> Result<Vec<Vec<String>>, SearchError> {
    if let Some(parts) = parts(word) {
        return Ok(vec![parts]);
    }
    let mut best: Option<(u64, Vec<String>)> = None;
    let letters = word.chars().count();
    let cuts = word.char_indices().skip(PART_MIN).take(letters.saturating_sub(2 * PART_MIN - 1));
    for (at, _) in cuts {
        let (left, right) = word.split_at(at);
        let found = |part| searcher.doc_freq(&Term::from_field_text(field, part));
        let usual = found(left)?.min(found(right)?);
        if usual > best.as_ref().map_or(0, |(usual, _)| *usual) {
            best = Some((usual, vec![left.to_owned(), right.to_owned()]));
        }
    }
    Ok(best.into_iter().map(|(_, parts)| parts).collect())
}

/// A number and its unit, or letters and their number, that are written as one: `4gb`, `ps4`.
pub(super) fn parts(word: &str) -> Option<Vec<String>> {
    let starts_with_digit = word.starts_with(|c: char| c.is_ascii_digit());
    let at = word.find(|c: char| c.is_ascii_digit() != starts_with_digit)?;
    let (left, right) = word.split_at(at);
    let one_kind = right.chars().all(|c| c.is_ascii_digit() != starts_with_digit);
    one_kind.then(|| vec![left.to_owned(), right.to_owned()])
}

/// The text with its wrong words put right, if it has any.
pub(super) fn corrected(words: &[String], corrections: &[(String, String)]) -> Option<String> {
    let mut changed = false;
    let right = |word: &String| {
        let small = word.to_lowercase();
        match corrections.iter().find(|(wrong, _)| *wrong == small) {
            Some((_, right)) => {
                changed = true;
                right.clone()
            }
            None => word.clone(),
        }
    };
    let text = words.iter().map(right).collect::<Vec<_>>().join(" ");
    changed.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_units_are_taken_apart() {
        assert_eq!(parts("4gb"), Some(vec!["4".to_owned(), "gb".to_owned()]));
        assert_eq!(parts("ps4"), Some(vec!["ps".to_owned(), "4".to_owned()]));
        for whole in ["lamp", "12", "a1b", "", "1a2"] {
            assert_eq!(parts(whole), None, "{whole}");
        }
    }

    #[test]
    fn only_wrong_words_are_put_right() {
        let words = ["Lapmp".to_owned(), "Desk".to_owned()];
        let corrections = [("lapmp".to_owned(), "lamp".to_owned())];
        assert_eq!(corrected(&words, &corrections).as_deref(), Some("lamp Desk"));
        assert_eq!(corrected(&words, &[]), None);
    }
}
