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

/// Something that a part of the shop may be sent all the same. It names rules, fields or both.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// The beginning of the paths it is for, in whole segments.
    pub prefix: String,
    /// The rules that do not count there, each by its name (`xss-handler`) or its family's (`xss`); all
    /// without any.
    #[serde(default)]
    pub rules: Vec<String>,
    /// The fields in which they do not count; all without any. A field of JSON is named by the last
    /// name that leads to it: `description` is `translations.de.description` too, and `tags` each of
    /// the list's texts.
    #[serde(default)]
    pub fields: Vec<String>,
}

/// The settings of the firewall.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// What happens to what is found.
    pub mode: Mode,
    /// The score of one value from which on a request is refused; a broken rule is 5, a hint 3.
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
    /// What may pass where. Unless said otherwise, the markup of descriptions that the staff writes.
    pub exceptions: Vec<Exception>,
}

/// Where the staff writes descriptions, which may be HTML.
const DESCRIBED: [&str; 3] =
    ["/v1/admin/products", "/v1/admin/categories", "/v1/admin/collections"];

impl Default for Settings {
    fn default() -> Self {
        let described = |prefix: &str| Exception {
            prefix: prefix.to_owned(),
            rules: vec!["xss".to_owned(), "markup".to_owned()],
            fields: vec!["description".to_owned()],
        };
        Self {
            mode: Mode::Block,
            threshold: 5,
            max_value_bytes: 64 * 1024,
            max_values: 10_000,
            max_depth: 32,
            max_headers: 64,
            max_header_bytes: 8 * 1024,
            exceptions: DESCRIBED.map(described).into(),
        }
    }
}

impl Settings {
    /// Refuses what would let everything or nothing pass, and rules that there are none of. The error
    /// names the setting.
    pub fn check(&self) -> Result<(), FirewallError> {
        let limits = [
            ("threshold", usize::from(self.threshold)),
            ("max_value_bytes", self.max_value_bytes),
            ("max_values", self.max_values),
            ("max_depth", self.max_depth),
            ("max_headers", self.max_headers),
            ("max_header_bytes", self.max_header_bytes),
        ];
        if let Some((field, _)) = limits.into_iter().find(|(_, limit)| *limit == 0) {
            return Err(FirewallError::Setting { field, message: "must be at least 1".to_owned() });
        }
        self.exceptions.iter().try_for_each(Exception::check)
    }
}

impl Exception {
    fn check(&self) -> Result<(), FirewallError> {
        let wrong = |field, message| Err(FirewallError::Setting { field, message });
        let Self { prefix, rules, fields } = self;
        if !prefix.starts_with('/') {
            return wrong("exceptions.prefix", format!("{prefix:?} must begin with /"));
        }
        if rules.is_empty() && fields.is_empty() {
            return wrong("exceptions", format!("{prefix} must name rules, fields or both"));
        }
        let is_known = |name: &String| Rule::ALL.iter().any(|rule| rule.is(name));
        if let Some(name) = rules.iter().find(|name| !is_known(name)) {
            return wrong(
                "exceptions.rules",
                format!("{name:?} is no rule and no family of rules"),
            );
        }
        if fields.iter().any(String::is_empty) {
            return wrong("exceptions.fields", format!("{prefix} names a field without a name"));
        }
        Ok(())
    }

    /// Whether the exception is for this path, rule and field.
    pub(crate) fn covers(&self, path: &str, rule: Rule, field: &str) -> bool {
        let prefix = self.prefix.trim_end_matches('/');
        path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            && (self.rules.is_empty() || self.rules.iter().any(|name| rule.is(name)))
            && (self.fields.is_empty() || self.fields.iter().any(|name| name == field))
    }
}
