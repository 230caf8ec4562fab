//! What became of a promise.

use std::collections::BTreeMap;
use std::fmt;

use crate::client::Error;

/// What an attack tried, what the shop answered, and whether the promise was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Its name.
    pub attack: &'static str,
    /// What must hold whatever happens.
    pub promise: &'static str,
    /// How often each answer was given: a status of an order, or the code of a problem.
    pub outcomes: BTreeMap<String, u64>,
    /// How the promise was broken, each in a sentence.
    pub broken: Vec<String>,
}

impl Verdict {
    pub(crate) const fn new(attack: &'static str, promise: &'static str) -> Self {
        Self { attack, promise, outcomes: BTreeMap::new(), broken: Vec::new() }
    }

    /// The verdict on an attack that could not be carried out to its end.
    pub(crate) fn failed(mut self, error: &Error) -> Self {
        self.broken.push(format!("could not be carried out: {error}"));
        self
    }

    /// Whether the promise was kept.
    pub const fn is_kept(&self) -> bool {
        self.broken.is_empty()
    }

    /// How much was tried.
    pub fn tries(&self) -> u64 {
        self.outcomes.values().sum()
    }

    pub(crate) fn saw(&mut self, outcome: &str) {
        *self.outcomes.entry(outcome.to_owned()).or_default() += 1;
    }

    /// Notes what is wrong, unless `holds`.
    pub(crate) fn demand(&mut self, holds: bool, wrong: impl FnOnce() -> String) {
        if !holds {
            self.broken.push(wrong());
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.is_kept() { "ok    " } else { "BROKEN" };
        let told: Vec<String> =
            self.outcomes.iter().map(|(outcome, times)| format!("{times} {outcome}")).collect();
        let (attack, tries, promise) = (self.attack, self.tries(), self.promise);
        write!(f, "{mark} {attack:<24} {tries:>6} tries  {promise}: {}", told.join(", "))?;
        for wrong in &self.broken {
            write!(f, "\n       {wrong}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_tells_what_was_tried_and_what_is_wrong() {
        let mut verdict = Verdict::new("last units", "no more than there are");
        for outcome in ["CONFIRMED", "out_of_stock", "CONFIRMED"] {
            verdict.saw(outcome);
        }
        verdict.demand(true, || unreachable!("it holds"));
        assert!(verdict.is_kept());
        let told = "ok     last units                    3 tries  no more than there are: \
                    2 CONFIRMED, 1 out_of_stock";
        assert_eq!(verdict.to_string(), told);
        verdict.demand(false, || "2 of 1 were sold".to_owned());
        assert!(!verdict.is_kept());
        assert!(verdict.to_string().starts_with("BROKEN"));
        assert!(verdict.to_string().ends_with("\n       2 of 1 were sold"));
    }
}
