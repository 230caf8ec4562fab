//! What the firewall is set to.

use serde::Deserialize;

use crate::FirewallError;
use crate::rules::Rule;

/// What happens to a request whose score reaches the threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Nothing is looked at.
    Off,
    /// It passes, and the decision is logged.
    Log,
    /// It is refused.
    #[default]
    Block,
}

/// Something that a part of the shop may be sent all the same. It names a rule, a field or both.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// The beginning of the paths it is for, in whole segments.
    pub prefix: String,
    /// The rule that does not count there; all unless said.
    pub rule: Option<Rule>,
    /// The field in which nothing counts, as a verdict names it; all unless said.
    pub field: Option<String>,
}

/// The settings of the firewall.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// What happens to what is found.
    pub mode: Mode,
    /// The score of one value from which on a request is refused.
    pub threshold: u16,
    /// The longest value that is looked at, in bytes; a longer one breaks `oversized`.
    pub max_value_bytes: usize,
    /// The most values of a request that are looked at.
    pub max_values: usize,
    /// How deep JSON may be nested.
    pub max_depth: usize,
    /// The most header fields.
    pub max_headers: usize,
    /// The longest header value, in bytes.
    pub max_header_bytes: usize,
    /// What may pass where.
    pub exceptions: Vec<Exception>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: Mode::Block,
            threshold: 5,
            max_value_bytes: 64 * 1024,
            max_values: 10_000,
            max_depth: 32,
            max_headers: 64,
            max_header_bytes: 8 * 1024,
            exceptions: Vec::new(),
        }
    }
}

impl Settings {
    /// Refuses what would let everything or nothing pass.
    pub(crate) fn check(&self) -> Result<(), FirewallError> {
        let limits = [
            ("threshold", usize::from(self.threshold)),
            ("max_value_bytes", self.max_value_bytes),
            ("max_values", self.max_values),
            ("max_depth", self.max_depth),
            ("max_headers", self.max_headers),
            ("max_header_bytes", self.max_header_bytes),
        ];
        if let Some((field, _)) = limits.into_iter().find(|(_, limit)| *limit == 0) {
            return Err(FirewallError::Setting { field, message: "must be at least 1" });
        }
        for exception in &self.exceptions {
            if !exception.prefix.starts_with('/') {
                return Err(FirewallError::Setting {
                    field: "exceptions.prefix",
                    message: "must begin with a slash",
                });
            }
            if exception.rule.is_none() && exception.field.is_none() {
                return Err(FirewallError::Setting {
                    field: "exceptions",
                    message: "must name a rule or a field",
                });
            }
        }
        Ok(())
    }
}

impl Exception {
    /// Whether the exception is for this path, rule and field.
    pub(crate) fn covers(&self, path: &str, rule: Rule, field: &str) -> bool {
        let prefix = self.prefix.trim_end_matches('/');
        path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            && self.rule.is_none_or(|excepted| excepted == rule)
            && self.field.as_ref().is_none_or(|excepted| excepted == field)
    }
}
