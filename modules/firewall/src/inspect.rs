//! A whole request: which values it has, and what they add up to.

use serde_json::Value;

use crate::agent::Scanners;
use crate::detector::Detector;
use crate::request::{Action, Body, Finding, Part, Place, Request, Verdict};
use crate::rules::Rule;
use crate::settings::{Mode, Settings};
use crate::{FirewallError, framing, normalize};

/// The headers that are looked into; the others are read by machines or by nobody.
const HEADERS: [&str; 4] = ["user-agent", "referer", "cookie", "x-forwarded-host"];

/// The firewall. Made once; reading takes no locks.
#[derive(Debug)]
pub struct Firewall {
    settings: Settings,
    detector: Detector,
    scanners: Scanners,
}

impl Firewall {
    /// A firewall of these settings. The error names the setting that is wrong.
    pub fn new(settings: Settings) -> Result<Self, FirewallError> {
        settings.check()?;
        Ok(Self { settings, detector: Detector::new()?, scanners: Scanners::new()? })
    }

    /// Reads a request.
    pub fn inspect(&self, request: &Request<'_>) -> Verdict {
        let mut reading = Reading::new(self, request.path);
        if self.settings.mode != Mode::Off {
            reading.path(request);
            reading.query(request);
            reading.headers(request.headers);
            reading.body(request.body);
        }
        reading.verdict()
    }
}

/// A field's place in JSON, from the inside out, so that nothing is written down unless it is found.
struct Trail<'a> {
    outer: Option<&'a Trail<'a>>,
    step: Step<'a>,
}

enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

impl Trail<'_> {
    fn write(&self) -> String {
        let step = match self.step {
            Step::Key(key) => name(key).to_owned(),
            Step::Index(index) => index.to_string(),
        };
        match self.outer {
            Some(outer) => format!("{}.{step}", outer.write()),
            None => step,
        }
    }
}

/// A client's name for a field if it looks like one, and `?` otherwise.
fn name(field: &str) -> &str {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.[]".contains(&byte);
    if field.len() <= 64 && field.bytes().all(plain) { field } else { "?" }
}

/// One request being read.
struct Reading<'a> {
    firewall: &'a Firewall,
    path: &'a str,
    values: usize,
    score: u16,
    findings: Vec<Finding>,
}

impl<'a> Reading<'a> {
    fn new(firewall: &'a Firewall, path: &'a str) -> Self {
        Self { firewall, path, values: 0, score: 0, findings: Vec::new() }
    }

    fn verdict(self) -> Verdict {
        let enough = self.score >= self.firewall.settings.threshold;
        let action = match self.firewall.settings.mode {
            Mode::Block if enough => Action::Block,
            Mode::Log if enough => Action::Log,
            _ => Action::Allow,
        };
        Verdict { action, score: self.score, findings: self.findings }
    }

    /// Notes the rules that one value breaks, but for those that may be broken there.
    fn note(&mut self, rules: &[Rule], part: Part, field: impl Fn() -> String) {
        if rules.is_empty() {
            return;
        }
        let place = Place { part, field: field() };
        let exceptions = &self.firewall.settings.exceptions;
        let counts = |rule: &&Rule| {
            !exceptions.iter().any(|exception| exception.covers(self.path, **rule, &place.field))
        };
        let counted: Vec<Rule> = rules.iter().filter(counts).copied().collect();
        self.score = self.score.max(Detector::score(&counted));
        self.findings
            .extend(counted.into_iter().map(|rule| Finding { rule, place: place.clone() }));
    }

    fn value(&mut self, value: &str, part: Part, field: impl Fn() -> String) {
        self.values += 1;
        if self.values > self.firewall.settings.max_values {
            if self.values == self.firewall.settings.max_values + 1 {
                self.note(&[Rule::Oversized], part, String::new);
            }
        } else if value.len() > self.firewall.settings.max_value_bytes {
            self.note(&[Rule::Oversized], part, field);
        } else if value.contains('\0') {
            self.note(&[Rule::EncodingNull], part, field);
        } else {
            let rules = self.firewall.detector.detect(value);
            self.note(&rules, part, field);
        }
    }

    fn pair(&mut self, (key, value): (&str, &str), part: Part) {
        self.value(key, part, || name(key).to_owned());
        self.value(value, part, || name(key).to_owned());
    }

    fn path(&mut self, request: &Request<'_>) {
        if let Err(rule) = normalize::path(request.raw_path) {
            self.note(&[rule], Part::Path, String::new);
        }
        for segment in request.path.split('/').filter(|segment| !segment.is_empty()) {
            self.value(segment, Part::Path, String::new);
        }
    }

    fn query(&mut self, request: &Request<'_>) {
        for pair in request.raw_query.split(|byte| *byte == b'&') {
            if let Err(rule) = normalize::query(pair) {
                let key = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
                let key = std::str::from_utf8(key).unwrap_or("?");
                self.note(&[rule], Part::Query, || name(key).to_owned());
            }
        }
        for (index, pair) in request.query.iter().enumerate() {
            let again = request.query[..index].iter().take(64).any(|(key, _)| *key == pair.0);
            if again && !request.repeatable.contains(&pair.0) {
                self.note(&[Rule::QueryRepeated], Part::Query, || name(pair.0).to_owned());
            }
            self.pair(*pair, Part::Query);
        }
    }

    fn headers(&mut self, headers: &[(&str, &[u8])]) {
        if let Err((rule, field)) = framing::check(headers, &self.firewall.settings) {
            self.note(&[rule], Part::Header, || name(field).to_ascii_lowercase());
        }
        for (field, value) in headers {
            let Some(known) = HEADERS.iter().find(|known| known.eq_ignore_ascii_case(field)) else {
                continue;
            };
            let Ok(text) = std::str::from_utf8(value) else {
                self.note(&[Rule::EncodingUtf8], Part::Header, || (*known).to_owned());
                continue;
            };
            match *known {
                "user-agent" => self.agent(text),
                "cookie" => self.cookies(text),
                _ => self.value(text, Part::Header, || (*known).to_owned()),
            }
        }
    }

    fn agent(&mut self, text: &str) {
        if self.firewall.scanners.names(text) {
            self.note(&[Rule::Scanner], Part::Header, || "user-agent".to_owned());
        }
        self.value(text, Part::Header, || "user-agent".to_owned());
    }

    fn cookies(&mut self, text: &str) {
        for cookie in text.split(';') {
            let value = cookie.split_once('=').map_or(cookie, |(_, value)| value);
            self.value(value.trim(), Part::Header, || "cookie".to_owned());
        }
    }

    fn body(&mut self, body: Body<'_>) {
        match body {
            Body::None => {}
            Body::Form(pairs) => pairs.iter().for_each(|pair| self.pair(*pair, Part::Form)),
            Body::Json(value) => self.json(value, None, 0),
        }
    }

    fn json(&mut self, value: &Value, trail: Option<&Trail<'_>>, depth: usize) {
        let field = || trail.map(Trail::write).unwrap_or_default();
        match value {
            Value::String(text) => self.value(text, Part::Json, field),
            Value::Array(_) | Value::Object(_) if depth >= self.firewall.settings.max_depth => {
                self.note(&[Rule::Oversized], Part::Json, String::new);
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    let trail = Trail { outer: trail, step: Step::Index(index) };
                    self.json(item, Some(&trail), depth + 1);
                }
            }
            Value::Object(fields) => {
                for (key, item) in fields {
                    let trail = Trail { outer: trail, step: Step::Key(key) };
                    self.value(key, Part::Json, || trail.write());
                    self.json(item, Some(&trail), depth + 1);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}
