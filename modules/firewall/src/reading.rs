//! One part of a request being read: its values, what they break, and what that adds up to.

use crate::detector::Detector;
use crate::field::Field;
use crate::harmless;
use crate::rules::Rule;
use crate::settings::{Mode, Settings};
use crate::verdict::{Action, Finding, Part, Place, Verdict};

/// As many findings are told as one needs to understand a verdict.
const FINDINGS_MAX: usize = 16;

/// What was read so far.
pub(crate) struct Reading<'f> {
    settings: &'f Settings,
    detector: &'f Detector,
    path: &'f str,
    values: usize,
    score: u16,
    findings: Vec<Finding>,
}

impl<'f> Reading<'f> {
    pub(crate) fn new(settings: &'f Settings, detector: &'f Detector, path: &'f str) -> Self {
        Self { settings, detector, path, values: 0, score: 0, findings: Vec::new() }
    }

    pub(crate) fn settings(&self) -> &'f Settings {
        self.settings
    }

    pub(crate) fn verdict(self) -> Verdict {
        let enough = self.score >= self.settings.threshold;
        let action = match self.settings.mode {
            Mode::Block if enough => Action::Block,
            Mode::Log if enough => Action::Log,
            _ => Action::Allow,
        };
        Verdict { action, score: self.score, findings: self.findings }
    }

    /// Notes the rules that one value breaks, but for those that may be broken there.
    pub(crate) fn note(&mut self, rules: &[Rule], part: Part, field: &Field<'_>) {
        let exceptions = &self.settings.exceptions;
        let is_excepted = |rule: Rule| {
            exceptions.iter().any(|exception| exception.covers(self.path, rule, field.name()))
        };
        let counted: Vec<Rule> = rules.iter().copied().filter(|rule| !is_excepted(*rule)).collect();
        self.score = self.score.max(Detector::score(&counted));
        let room = FINDINGS_MAX.saturating_sub(self.findings.len());
        let finding = |rule| Finding { rule, place: Place { part, field: field.path() } };
        self.findings.extend(counted.into_iter().take(room).map(finding));
    }

    /// Whether no further value is looked at.
    pub(crate) fn is_full(&self) -> bool {
        self.values > self.settings.max_values
    }

    /// Reads a value.
    pub(crate) fn value(&mut self, value: &str, part: Part, field: &Field<'_>) {
        let is_secret = matches!(part, Part::Form | Part::Json) && field.is_secret();
        if self.count(value, part, field) && !is_secret {
            self.text(value, part, field);
        }
    }

    /// Reads the name of a field.
    pub(crate) fn name(&mut self, name: &str, part: Part, field: &Field<'_>) {
        if self.count(name, part, field) {
            self.text(name, part, field);
        }
    }

    /// Counts a value, and says whether it is to be read.
    fn count(&mut self, value: &str, part: Part, field: &Field<'_>) -> bool {
        if self.is_full() {
            return false;
        }
        self.values += 1;
        if self.is_full() {
            self.note(&[Rule::Oversized], part, &Field::WHOLE);
            return false;
        }
        if value.len() > self.settings.max_value_bytes {
            self.note(&[Rule::Oversized], part, field);
            return false;
        }
        true
    }

    /// Reads a header that browsers send alike with each request.
    pub(crate) fn usual(&mut self, value: &str, field: &Field<'_>) {
        if !self.count(value, Part::Header, field) || harmless::knows(value) {
            return;
        }
        let rules = self.rules(value, Part::Header);
        if rules.is_empty() {
            harmless::remember(value);
        } else {
            self.note(&rules, Part::Header, field);
        }
    }

    fn text(&mut self, text: &str, part: Part, field: &Field<'_>) {
        let rules = self.rules(text, part);
        if !rules.is_empty() {
            self.note(&rules, part, field);
        }
    }

    /// The rules that a text breaks. Nothing fetches what a header names, and a page of a developer's
    /// own machine is a referer like others.
    fn rules(&self, text: &str, part: Part) -> Vec<Rule> {
        if text.contains('\0') {
            return vec![Rule::EncodingNull];
        }
        let mut rules = self.detector.detect(text);
        if part == Part::Header {
            rules.retain(|rule| *rule != Rule::Ssrf);
        }
        rules
    }
}
