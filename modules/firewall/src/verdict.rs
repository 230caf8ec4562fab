//! What the firewall says of a request.

use std::fmt;

use crate::rules::Rule;

/// Where in a request something was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The path.
    Path,
    /// The query.
    Query,
    /// A header field.
    Header,
    /// A form's field.
    Form,
    /// A value or a key of a JSON body.
    Json,
}

/// A part and the field in it. The field's name is the client's text: it is kept only if it looks
/// like a name, so that an attack never reaches a log through it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The part of the request.
    pub part: Part,
    /// The parameter, header or JSON path (`lines.0.note`); empty for the part as a whole and `?`
    /// for a name that is not one.
    pub field: String,
}

/// One rule that was broken, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub rule: Rule,
    /// The place.
    pub place: Place,
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It passes.
    Allow,
    /// It passes, and would be refused if the mode were `block`.
    Log,
    /// It is refused.
    Block,
}

/// What the firewall says of a request, without a byte of the request's values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What becomes of it.
    pub action: Action,
    /// The score of its worst value.
    pub score: u16,
    /// What was found, whether it was enough or not; of much, the beginning.
    pub findings: Vec<Finding>,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "header",
            Self::Form => "form",
            Self::Json => "json",
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() {
            return self.part.fmt(f);
        }
        write!(f, "{}:{}", self.part, self.field)
    }
}

/// One line for the log: `sqli-union at query:q (5)`.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Finding { rule, place }) in self.findings.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{rule} at {place} ({})", rule.score())?;
        }
        Ok(())
    }
}
