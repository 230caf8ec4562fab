use std::collections::HashMap;
use std::str::FromStr;

use kernel::problem::FieldError;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{ATTRIBUTE_TEXT_MAX, DEFINITION_OPTIONS_MAX, Findings, KEY_MAX, UNIT_MAX};

/// What values of an attribute are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One text.
    Text,
    /// One number.
    Number,
    /// Yes or no.
    Boolean,
    /// Texts.
    List,
}

impl Kind {
    /// The word it is stored and sent as.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::List => "list",
        }
    }
}

/// The word is no kind of an attribute.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be text, number, boolean or list")]
pub struct UnknownKind;

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(word: &str) -> Result<Self, UnknownKind> {
        [Self::Text, Self::Number, Self::Boolean, Self::List]
            .into_iter()
            .find(|kind| kind.word() == word)
            .ok_or(UnknownKind)
    }
}

/// What the shop knows of an attribute that products have.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Attribute {
    /// The definition.
    pub id: Uuid,
    /// What products call it; kept for life.
    pub code: String,
    /// What shoppers read.
    pub label: String,
    /// What its values are; kept for life.
    pub kind: Kind,
    /// The unit of a number, e.g. `mm`; may be empty.
    pub unit: String,
    /// The only texts that are allowed; all are when there is none.
    pub options: Vec<String>,
    /// Whether lists can be narrowed by it.
    pub facet: bool,
    /// 1 when created, one more with each change.
    pub version: i64,
}

/// An attribute as the staff writes it.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "code": "colour", "label": "Colour", "kind": "text", "options": ["Black", "White"], "facet": true
}))]
pub struct AttributeInput {
    /// What products call it; kept for life. At most 100 characters.
    #[schema(min_length = 1, max_length = 100)]
    pub code: String,
    /// What shoppers read; the code unless said otherwise.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 100)]
    pub label: Option<String>,
    /// What its values are; kept for life.
    pub kind: Kind,
    /// The unit of a number, at most 20 characters.
    #[serde(default)]
    #[schema(max_length = 20)]
    pub unit: String,
    /// The only texts that are allowed, at most 500; all are when there is none.
    #[serde(default)]
    #[schema(max_items = 500)]
    pub options: Vec<String>,
    /// Whether lists can be narrowed by it.
    #[serde(default)]
    pub facet: bool,
}

impl AttributeInput {
    /// The attribute it describes, or every field that is not allowed.
    pub fn attribute(self, id: Uuid, version: i64) -> Result<Attribute, Vec<FieldError>> {
        let mut found = Findings::default();
        let label = self.label.unwrap_or_else(|| self.code.clone());
        found.text("code", &self.code, 1, KEY_MAX);
        if self.code.chars().any(char::is_control) {
            found.add("code", "must not hold control characters".to_owned());
        }
        found.text("label", &label, 1, KEY_MAX);
        found.text("unit", &self.unit, 0, UNIT_MAX);
        if found.at_most("options", self.options.len(), DEFINITION_OPTIONS_MAX) {
            for (n, option) in self.options.iter().enumerate() {
                found.text(&format!("options[{n}]"), option, 1, ATTRIBUTE_TEXT_MAX);
            }
        }
        if !self.options.is_empty() && !matches!(self.kind, Kind::Text | Kind::List) {
            found.add("options", "only texts and lists of texts have options".to_owned());
        }
        if !found.0.is_empty() {
            return Err(found.0);
        }
        let Self { code, kind, unit, options, facet, .. } = self;
        Ok(Attribute { id, code, label, kind, unit, options, facet, version })
    }
}

/// The attributes that are defined, by code.
#[derive(Debug, Clone, Default)]
pub struct Definitions(HashMap<String, Attribute>);

impl Definitions {
    /// The definitions of these attributes.
    pub fn new(attributes: Vec<Attribute>) -> Self {
        Self(attributes.into_iter().map(|one| (one.code.clone(), one)).collect())
    }

    /// Finds a value that is not what its attribute's definition says.
    pub(crate) fn check(&self, code: &str, field: &str, value: &Value, found: &mut Findings) {
        let Some(attribute) = self.0.get(code) else { return };
        let allowed = |text: &str| {
            attribute.options.is_empty() || attribute.options.iter().any(|option| option == text)
        };
        let of_kind = match (attribute.kind, value) {
            (Kind::Text, Value::String(_))
            | (Kind::Number, Value::Number(_))
            | (Kind::Boolean, Value::Bool(_)) => true,
            (Kind::List, Value::Array(values)) => values.iter().all(Value::is_string),
            _ => false,
        };
        if !of_kind {
            let what = match attribute.kind {
                Kind::Text => "a text",
                Kind::Number => "a number",
                Kind::Boolean => "true or false",
                Kind::List => "a list of texts",
            };
            return found.add(field, format!("must be {what}"));
        }
        let mut texts = value.as_array().into_iter().flatten().chain([value]);
        if texts.any(|value| value.as_str().is_some_and(|text| !allowed(text))) {
            found.add(field, format!("must be one of {}", attribute.options.join(", ")));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn defined(kind: Kind, options: &[&str]) -> Definitions {
        let input = AttributeInput {
            code: "a".to_owned(),
            label: None,
            kind,
            unit: String::new(),
            options: options.iter().map(|&option| option.to_owned()).collect(),
            facet: true,
        };
        Definitions::new(vec![input.attribute(Uuid::nil(), 1).unwrap()])
    }

    fn fits(definitions: &Definitions, value: &Value) -> bool {
        let mut found = Findings::default();
        definitions.check("a", "attributes.a", value, &mut found);
        definitions.check("other", "attributes.other", value, &mut found);
        found.0.is_empty()
    }

    #[test]
    fn a_value_is_of_its_kind() {
        let values = [json!("x"), json!(1.5), json!(true), json!(["x", "y"])];
        let kinds = [Kind::Text, Kind::Number, Kind::Boolean, Kind::List];
        for (n, kind) in kinds.into_iter().enumerate() {
            for (m, value) in values.iter().enumerate() {
                assert_eq!(fits(&defined(kind, &[]), value), n == m, "{kind:?} {value}");
            }
        }
    }

    #[test]
    fn a_text_is_one_of_the_options() {
        let colour = defined(Kind::Text, &["red", "blue"]);
        assert!(fits(&colour, &json!("red")) && !fits(&colour, &json!("green")));
        let colours = defined(Kind::List, &["red", "blue"]);
        assert!(fits(&colours, &json!(["red", "blue"])) && !fits(&colours, &json!(["red", "x"])));
    }

    #[test]
    fn numbers_have_no_options() {
        let input = AttributeInput {
            code: String::new(),
            label: None,
            kind: Kind::Number,
            unit: "x".repeat(21),
            options: vec!["1".to_owned()],
            facet: false,
        };
        let errors = input.attribute(Uuid::nil(), 1).unwrap_err();
        let fields: Vec<&str> = errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["code", "label", "unit", "options"]);
    }
}
