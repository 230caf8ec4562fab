use kernel::id::LocationId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Invalid, is_text};

/// The longest code, in characters.
pub(super) const CODE_MAX: usize = 64;
/// The longest name, in characters.
const NAME_MAX: usize = 200;
/// The longest postal code, in characters.
const POSTAL_CODE_MAX: usize = 20;
/// The largest distance of a priority from zero.
const PRIORITY_MAX: i64 = 1_000_000;

/// A place where stock lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0198f2a4-6f0e-7c3a-9d61-0a4f3c1b2d12", "code": "main", "name": "Main warehouse",
    "country": "DE", "postal_code": "10115", "priority": 0, "active": true,
    "serves_orders": true, "version": 1
}))]
pub struct Location {
    /// The location.
    pub id: LocationId,
    /// What the API calls it.
    pub code: String,
    /// Its name, for people.
    pub name: String,
    /// ISO 3166-1 alpha-2 code of its country.
    pub country: Option<String>,
    /// Its postal code.
    pub postal_code: Option<String>,
    /// A lower one comes first.
    pub priority: i64,
    /// Whether it is in use: one that is not serves no orders and takes in no units.
    pub active: bool,
    /// Whether orders are served from there.
    pub serves_orders: bool,
    /// How often it was changed.
    pub version: i64,
}

impl Location {
    /// Whether what lies there can be bought.
    pub const fn is_for_sale(&self) -> bool {
        self.active && self.serves_orders
    }
}

/// What the staff says of a location.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "code": "south", "name": "South", "country": "DE", "postal_code": "80331", "priority": 10,
    "serves_orders": true
}))]
pub struct LocationInput {
    /// What the API calls it: 1 to 64 printable characters. It stays.
    #[schema(min_length = 1, max_length = 64)]
    pub code: String,
    /// Its name, for people; the code when it is left out.
    #[schema(min_length = 1, max_length = 200)]
    pub name: Option<String>,
    /// ISO 3166-1 alpha-2 code of its country. The nearest location is found by it.
    #[schema(pattern = "^[A-Z]{2}$")]
    pub country: Option<String>,
    /// Its postal code: within a country, the longer the beginning it shares with the postal code
    /// of an order, the nearer it is.
    #[schema(min_length = 1, max_length = 20)]
    pub postal_code: Option<String>,
    /// A lower one comes first.
    #[serde(default)]
    #[schema(minimum = -1_000_000, maximum = 1_000_000)]
    pub priority: i64,
    /// Whether it is in use: one that is not serves no orders and takes in no units.
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub active: bool,
    /// Whether orders are served from there.
    #[serde(default)]
    pub serves_orders: bool,
}

const fn yes() -> bool {
    true
}

impl LocationInput {
    /// A location with this id and version, or the field that is wrong.
    pub(crate) fn location(self, id: LocationId, version: i64) -> Result<Location, Invalid> {
        check_code("code", &self.code)?;
        let name = self.name.unwrap_or_else(|| self.code.clone());
        if !is_text(&name, NAME_MAX) || name.trim().is_empty() {
            return Err(Invalid::new(
                "name",
                format!("must be 1 to {NAME_MAX} printable characters"),
            ));
        }
        if let Some(country) = &self.country
            && (country.len() != 2 || !country.bytes().all(|byte| byte.is_ascii_uppercase()))
        {
            let allowed = "must be an ISO 3166-1 alpha-2 code such as \"DE\"";
            return Err(Invalid::new("country", allowed.to_owned()));
        }
        if let Some(postal_code) = &self.postal_code {
            if !is_text(postal_code, POSTAL_CODE_MAX) || postal_code.trim() != postal_code {
                let allowed = format!(
                    "must be 1 to {POSTAL_CODE_MAX} printable characters without spaces at its ends"
                );
                return Err(Invalid::new("postal_code", allowed));
            }
            if self.country.is_none() {
                return Err(Invalid::new("country", "is needed with a postal code".to_owned()));
            }
        }
        if !(-PRIORITY_MAX..=PRIORITY_MAX).contains(&self.priority) {
            let allowed = format!("must be -{PRIORITY_MAX} to {PRIORITY_MAX}");
            return Err(Invalid::new("priority", allowed));
        }
        Ok(Location {
            id,
            code: self.code,
            name: name.trim().to_owned(),
            country: self.country,
            postal_code: self.postal_code,
            priority: self.priority,
            active: self.active,
            serves_orders: self.serves_orders,
            version,
        })
    }
}

/// Whether this can be the code of a location.
pub(super) fn check_code(field: &'static str, code: &str) -> Result<(), Invalid> {
    if is_text(code, CODE_MAX) && code.trim() == code {
        return Ok(());
    }
    let allowed =
        format!("must be 1 to {CODE_MAX} printable characters without spaces at its ends");
    Err(Invalid::new(field, allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_allowed_is_named() {
        let good = LocationInput {
            code: "south".to_owned(),
            name: None,
            country: Some("DE".to_owned()),
            postal_code: Some("80331".to_owned()),
            priority: 0,
            active: true,
            serves_orders: true,
        };
        let field = |change: fn(&mut LocationInput)| {
            let mut input = good.clone();
            change(&mut input);
            input.location(LocationId::new(), 1).map_err(|wrong| wrong.field)
        };
        assert_eq!(field(|_| ()).unwrap().name, "south");
        assert_eq!(field(|it| it.code = " x".to_owned()), Err("code"));
        assert_eq!(field(|it| it.name = Some(" ".to_owned())), Err("name"));
        assert_eq!(field(|it| it.country = Some("de".to_owned())), Err("country"));
        assert_eq!(field(|it| it.country = None), Err("country"));
        assert_eq!(field(|it| it.postal_code = Some(String::new())), Err("postal_code"));
        assert_eq!(field(|it| it.priority = PRIORITY_MAX + 1), Err("priority"));
    }
}
