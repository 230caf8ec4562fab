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
}
