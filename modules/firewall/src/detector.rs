//! One value, and the rules that it breaks.

use aho_corasick::AhoCorasick;

use crate::FirewallError;
use crate::address;
use crate::fold::fold;
use crate::patterns::Patterns;
use crate::rules::Rule;
use crate::sql;

/// Without one of these words or marks a text is nothing but a text.
const WORDS: [&str; 20] = [
    "select",
    "union",
    "having",
    "order by",
    "group by",
    " or ",
    " and ",
    "waitfor",
    "on",
    "sleep",
    "rlike",
    "regexp",
    "schema",
    "procedure",
    "..",
    "boot.ini",
    "div",
    "where",
    "update",
    "limit",
];

/// Reads single values. Building one compiles its patterns, which takes some milliseconds.
#[derive(Debug)]
pub struct Detector {
    words: AhoCorasick,
    patterns: Patterns,
}

impl Detector {
    /// Compiles the patterns.
    pub fn new() -> Result<Self, FirewallError> {
        let words = AhoCorasick::builder().ascii_case_insensitive(true).build(WORDS)?;
        Ok(Self { words, patterns: Patterns::new()? })
    }

    /// The rules that a value breaks, each once; none for most. The value is whatever the handler's
    /// parser made of the request: decoded, and not escaped again.
    pub fn detect(&self, value: &str) -> Vec<Rule> {
        let mut found = Vec::new();
        let marked = value.bytes().any(is_mark);
        if !marked && !self.words.is_match(value) {
            return found;
        }
        let folded = fold(value);
        sql::detect(&folded, &mut found);
        if marked {
            self.patterns.detect(&folded, &mut found);
            if address::is_inside(&folded) {
                found.push(Rule::Ssrf);
            }
        }
        found
    }

    /// What a value's broken rules add up to.
    pub fn score(rules: &[Rule]) -> u16 {
        rules.iter().map(|rule| rule.score()).sum()
    }
}

/// What attacks are written with and most words are not.
fn is_mark(byte: u8) -> bool {
    !(byte.is_ascii_alphanumeric()
        || matches!(byte, b' ' | b'-' | b'_' | b'.' | b',')
        || byte >= 0x80)
}
