//! Words that mean the same, held in memory.

use std::collections::HashMap;

/// What stands in for words, by those words.
#[derive(Debug, Default)]
pub(crate) struct Synonyms {
    meant: HashMap<Vec<String>, Vec<Vec<String>>>,
    longest: usize,
}

impl Synonyms {
    /// What these words may be called instead.
    pub fn of(&self, words: &[String]) -> &[Vec<String>] {
        self.meant.get(words).map_or(&[], Vec::as_slice)
    }

    /// How many words the longest text has that has synonyms.
    pub fn longest(&self) -> usize {
        self.longest
    }

    /// Adds that `words` may be called `instead`.
    pub fn add(&mut self, words: Vec<String>, instead: Vec<String>) {
        if !words.is_empty() && !instead.is_empty() && words != instead {
            self.longest = self.longest.max(words.len());
            self.meant.entry(words).or_default().push(instead);
        }
    }
}
