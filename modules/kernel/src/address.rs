//! A postal address.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::{Problem, code};

/// The longest line of an address, in characters.
pub const LINE_MAX: usize = 200;

/// Where goods or an invoice go.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "Ada Lovelace", "line1": "12 St James's Square", "city": "London",
    "postal_code": "SW1Y 4JH", "country": "GB"
}))]
pub struct Address {
    /// Who it is for.
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// Street and number.
    #[schema(min_length = 1, max_length = 200)]
    pub line1: String,
    /// Flat, floor, company.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub line2: Option<String>,
    /// Town.
    #[schema(min_length = 1, max_length = 200)]
    pub city: String,
    /// State, province or county, where the country uses one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub region: Option<String>,
    /// Postal code, where the country uses one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub postal_code: Option<String>,
    /// ISO 3166-1 alpha-2 code of the country, e.g. `DE`.
    #[schema(pattern = "^[A-Z]{2}$")]
    pub country: String,
}

impl Address {
    /// Checks shape and lengths; `field` names the address in the request.
    pub fn check(&self, field: &str) -> Result<(), Problem> {
        let mut problem = Problem::new(code::INVALID_VALUE, format!("{field} is not an address"));
        let required = [("name", &self.name), ("line1", &self.line1), ("city", &self.city)];
        for (name, value) in required {
            if value.trim().is_empty() || value.chars().count() > LINE_MAX {
                let message = format!("must be 1 to {LINE_MAX} characters");
                problem = problem.field(format!("{field}.{name}"), message);
            }
        }
        let optional =
            [("line2", &self.line2), ("region", &self.region), ("postal_code", &self.postal_code)];
        for (name, value) in optional {
            if value.as_ref().is_some_and(|value| value.chars().count() > LINE_MAX) {
                let message = format!("must be at most {LINE_MAX} characters");
                problem = problem.field(format!("{field}.{name}"), message);
            }
        }
        if self.country.len() != 2 || !self.country.bytes().all(|b| b.is_ascii_uppercase()) {
            let message = "must be an ISO 3166-1 alpha-2 code such as \"DE\"";
            problem = problem.field(format!("{field}.country"), message);
        }
        if problem.errors.is_empty() { Ok(()) } else { Err(problem) }
    }
}

impl std::fmt::Debug for Address {
    /// The country only: an address is personal data and has no place in a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Address").field("country", &self.country).finish_non_exhaustive()
    }
}
