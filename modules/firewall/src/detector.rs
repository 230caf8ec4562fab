//! One value, and the rules that it breaks.

use crate::FirewallError;
use crate::address;
use crate::fold::fold;
use crate::glance::{Glance, Readers};
use crate::patterns::Patterns;
use crate::rules::Rule;
use crate::sql;

/// Reads single values. Building one compiles its patterns, which takes some milliseconds.
#[derive(Debug)]
pub struct Detector {
    glance: Glance,
    patterns: Patterns,
}

impl Detector {
    /// Compiles the patterns.
    pub fn new() -> Result<Self, FirewallError> {
        Ok(Self { glance: Glance::new()?, patterns: Patterns::new()? })
    }

    /// The rules that a value breaks, each once; none for most. The value is whatever the handler's
    /// parser made of the request: decoded, and not escaped again.
    pub fn detect(&self, value: &str) -> Vec<Rule> {
        let mut found = Vec::new();
        let readers = self.glance.at(value);
        if readers == Readers::NONE {
            return found;
        }
        let folded = fold(value);
        if readers.has(Readers::SQL) {
            sql::detect(&folded, &mut found);
        }
        if readers.has(Readers::PATTERNS) {
            self.patterns.detect(&folded, &mut found);
        }
        if readers.has(Readers::ADDRESS) && address::is_inside(&folded) {
            found.push(Rule::Ssrf);
        }
        found
    }

    /// What a value's broken rules add up to.
    pub fn score(rules: &[Rule]) -> u16 {
        rules.iter().map(|rule| rule.score()).sum()
    }
}
