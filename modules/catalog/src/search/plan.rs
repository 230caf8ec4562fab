//! From a search text to what is looked up: for each of its words, in which fields, as which terms.

use tantivy::schema::Field;
use tantivy::tokenizer::TextAnalyzer;
use tantivy::{Searcher, TantivyError, Term};

use super::SearchError;
use super::edition::Edition;
use super::schema::{Fields, Spoken, WHOLE, WORDS};
use super::spelling;
use super::synonyms::Synonyms;
use crate::domain::{FieldWeight, Ranking, SearchQuery};

/// A term, or several that have to follow each other, in a field.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub field: Field,
    pub terms: Vec<Term>,
    pub weight: FieldWeight,
    /// How many words the field has on average.
    pub average: f32,
}

/// A word of the text, and wherever it may be found.
#[derive(Debug)]
pub(super) struct Slot {
    pub word: String,
    /// What it counts: rare words say more.
    pub rarity: f32,
    pub entries: Vec<Entry>,
}

/// What a product gains that has one of the entries.
#[derive(Debug)]
pub(super) struct Bonus {
    pub what: &'static str,
    pub value: f32,
    pub entries: Vec<Entry>,
}

/// What is looked up for a text.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub slots: Vec<Slot>,
    pub bonuses: Vec<Bonus>,
    /// A product has to have one entry of each.
    pub phrases: Vec<Vec<Entry>>,
    /// A product must have none.
    pub excluded: Vec<Entry>,
    /// The rarity of all words together.
    pub asked: f32,
    /// The text with the words that stand nowhere put right.
    pub corrected: Option<String>,
}

/// Plans texts of one language over one edition of the index.
pub(super) struct Planner<'p> {
    edition: &'p Edition,
    searcher: &'p Searcher,
    fields: &'p Fields,
    ranking: &'p Ranking,
    synonyms: &'p Synonyms,
    /// The fields of the language that is asked in, then those of the shop's own.
    spoken: Vec<(&'p Spoken, TextAnalyzer)>,
    words: TextAnalyzer,
    whole: TextAnalyzer,
    own: TextAnalyzer,
}

pub(super) fn analyzer(searcher: &Searcher, name: &str) -> Result<TextAnalyzer, SearchError> {
    let missing = || TantivyError::InvalidArgument(format!("the tokenizer {name} is missing"));
    Ok(searcher.index().tokenizers().get(name).ok_or_else(missing)?)
}

pub(super) fn tokens(analyzer: &mut TextAnalyzer, text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    analyzer.token_stream(text).process(&mut |token| tokens.push(token.text.clone()));
    tokens
}

impl<'p> Planner<'p> {
    pub fn new(
        edition: &'p Edition,
        ranking: &'p Ranking,
        synonyms: &'p Synonyms,
        locale: Option<&str>,
    ) -> Result<Self, SearchError> {
        let (searcher, fields) = (&edition.searcher, &edition.fields);
        let own = fields.spoken.first().into_iter();
        let asked = fields.spoken.iter().skip(1).filter(|spoken| speaks(locale, &spoken.tag));
        let mut spoken = Vec::new();
        for language in asked.chain(own) {
            spoken.push((language, analyzer(searcher, &language.analyzer)?));
        }
        let own = fields.spoken.first().map_or(WORDS, |spoken| spoken.analyzer.as_str());
        Ok(Self {
            edition,
            searcher,
            fields,
            ranking,
            synonyms,
            spoken,
            words: analyzer(searcher, WORDS)?,
            whole: analyzer(searcher, WHOLE)?,
            own: analyzer(searcher, own)?,
        })
    }

    pub fn plan(&mut self, query: &SearchQuery) -> Result<Plan, SearchError> {
        let mut plan = Plan::default();
        let mut corrections = Vec::new();
        let mut originals: Vec<String> = Vec::new();
        for piece in &query.words {
            let words = tokens(&mut self.words, piece);
            let code = self.code(piece)?;
            for word in &words {
                let mut slot = self.slot(word, &mut corrections)?;
                slot.entries.extend(code.clone());
                originals.push(word.clone());
                plan.slots.push(slot);
            }
            plan.bonuses.extend(code.map(|entry| Bonus {
                what: "code",
                value: self.ranking.code,
                entries: vec![entry],
            }));
        }
        self.join(&originals, &mut plan.slots)?;
        self.stand_in_for_several(&originals, &mut plan.slots)?;
        self.reward_neighbours(&originals, &mut plan)?;
        for phrase in &query.phrases {
            let words = tokens(&mut self.words, phrase);
            plan.phrases.push(self.entries(&words, 1.0)?);
        }
        for text in &query.excluded {
            let words = tokens(&mut self.words, text);
            plan.excluded.extend(self.entries(&words, 1.0)?);
            plan.excluded.extend(self.code(text)?);
        }
        for slot in &mut plan.slots {
            slot.rarity = self.rarity(&slot.entries)?;
        }
        plan.asked = plan.slots.iter().map(|slot| slot.rarity).sum();
        plan.corrected = spelling::corrected(&query.words, &corrections);
        Ok(plan)
    }

    /// A word, what is meant if it stands nowhere, its parts, and its synonyms.
    fn slot(
        &mut self,
        word: &str,
        corrections: &mut Vec<(String, String)>,
    ) -> Result<Slot, SearchError> {
        let one = [word.to_owned()];
        let mut entries = self.entries(&one, 1.0)?;
        let stand_in = self.ranking.stand_in;
        if entries.is_empty() {
            let mut meant = spelling::split(self.searcher, self.fields.words, word)?;
            if meant.is_empty() {
                let candidates = spelling::candidates(self.searcher, self.fields.words, word)?;
                meant.extend(candidates.into_iter().map(|word| vec![word]));
            }
            if let Some(first) = meant.first() {
                corrections.push((word.to_owned(), first.join(" ")));
            }
            for words in meant {
                entries.extend(self.entries(&words, stand_in)?);
            }
        } else if let Some(parts) = spelling::parts(word) {
            entries.extend(self.entries(&parts, stand_in)?);
        }
        for words in self.synonyms.of(&one) {
            entries.extend(self.entries(words, stand_in)?);
        }
        Ok(Slot { word: word.to_owned(), rarity: 0.0, entries })
    }

    /// Words that are written as one elsewhere: `note book`, `4 gb`.
    fn join(&mut self, words: &[String], slots: &mut [Slot]) -> Result<(), SearchError> {
        for (n, pair) in words.windows(2).enumerate() {
            let joined = pair.concat();
            if spelling::known(self.searcher, self.fields.words, &joined)? {
                let entries = self.entries(&[joined], self.ranking.stand_in)?;
                for slot in slots.iter_mut().skip(n).take(2) {
                    slot.entries.extend(entries.iter().cloned());
                }
            }
        }
        Ok(())
    }

    /// Synonyms of several words: each of those words is met by them.
    fn stand_in_for_several(
        &mut self,
        words: &[String],
        slots: &mut [Slot],
    ) -> Result<(), SearchError> {
        for length in 2..=self.synonyms.longest() {
            for (n, several) in words.windows(length).enumerate() {
                for meant in self.synonyms.of(several) {
                    let entries = self.entries(meant, self.ranking.stand_in)?;
                    for slot in slots.iter_mut().skip(n).take(length) {
                        slot.entries.extend(entries.iter().cloned());
                    }
                }
            }
        }
        Ok(())
    }

    /// Neighbours in the text that are neighbours in the name.
    fn reward_neighbours(&mut self, words: &[String], plan: &mut Plan) -> Result<(), SearchError> {
        for pair in words.windows(2) {
            let mut entries = self.entries(pair, 1.0)?;
            let names: Vec<Field> = self.spoken.iter().map(|(spoken, _)| spoken.name).collect();
            entries.retain(|entry| names.contains(&entry.field));
            let value = self.ranking.adjacency;
            plan.bonuses.push(Bonus { what: "neighbours", value, entries });
        }
        Ok(())
    }

    /// Where words that follow each other can be found, each place that exists.
    fn entries(&mut self, words: &[String], factor: f32) -> Result<Vec<Entry>, SearchError> {
        let mut entries = Vec::new();
        let ranking = self.ranking;
        for n in 0..self.spoken.len() {
            let (name, description, stems) = {
                let (spoken, analyzer) = &mut self.spoken[n];
                (spoken.name, spoken.description, tokens(analyzer, &words.join(" ")))
            };
            entries.extend(self.entry(name, &stems, ranking.name, factor)?);
            entries.extend(self.entry(description, &stems, ranking.description, factor)?);
        }
        let stems = tokens(&mut self.own, &words.join(" "));
        entries.extend(self.entry(self.fields.brand, &stems, ranking.brand, factor)?);
        entries.extend(self.entry(self.fields.categories, &stems, ranking.categories, factor)?);
        if stems.len() == 1 {
            entries.extend(self.entry(
                self.fields.attributes,
                &stems,
                ranking.attributes,
                factor,
            )?);
        }
        Ok(entries)
    }

    fn entry(
        &self,
        field: Field,
        words: &[String],
        weight: FieldWeight,
        factor: f32,
    ) -> Result<Option<Entry>, SearchError> {
        let terms: Vec<Term> =
            words.iter().map(|word| Term::from_field_text(field, word)).collect();
        for term in &terms {
            if self.searcher.doc_freq(term)? == 0 {
                return Ok(None);
            }
        }
        if terms.is_empty() {
            return Ok(None);
        }
        let average = self.edition.average(field);
        let weight = FieldWeight { weight: weight.weight * factor, ..weight };
        Ok(Some(Entry { field, terms, weight, average }))
    }

    /// Where a whole SKU or barcode can be found.
    fn code(&mut self, piece: &str) -> Result<Option<Entry>, SearchError> {
        let words = tokens(&mut self.whole, piece);
        let weight = FieldWeight { weight: self.ranking.code, length: 0.0 };
        self.entry(self.fields.code, &words, weight, 1.0)
    }

    fn rarity(&self, entries: &[Entry]) -> Result<f32, SearchError> {
        let mut found = 0;
        for entry in entries.iter().filter(|entry| entry.terms.len() == 1) {
            found = found.max(self.searcher.doc_freq(&entry.terms[0])?);
        }
        let nowhere = entries.is_empty();
        Ok(if nowhere { 0.0 } else { Ranking::rarity(found, self.searcher.num_docs()) })
    }
}

/// Whether a locale such as `de-AT` is of a language.
fn speaks(locale: Option<&str>, tag: &str) -> bool {
    locale.is_some_and(|locale| locale == tag || locale.split('-').next() == Some(tag))
}
