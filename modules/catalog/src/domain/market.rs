use kernel::Currency;
use kernel::ports::TaxRounding;
use kernel::problem::FieldError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{CODE_MAX, Findings, NAME_MAX, Place, Rounding, is_slug};

/// The longest name of a market or a price list, in characters.
pub(super) const TITLE_MAX: usize = 100;
/// The most countries of a market: more than there are.
const COUNTRIES_MAX: usize = 300;
const _: () = assert!(TITLE_MAX <= NAME_MAX);

/// Where prices are for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Market {
    /// The market.
    pub id: Uuid,
    /// What shops call it; kept for life.
    pub code: String,
    /// What people call it.
    pub name: String,
    /// The currency of its prices; kept for life.
    #[schema(value_type = String)]
    pub currency: Currency,
    /// The countries that are in it, by ISO 3166-1 alpha-2 code.
    pub countries: Vec<String>,
    /// Whether its prices hold the tax already.
    pub prices_include_tax: bool,
    /// Where the tax of an order is rounded to the minor unit.
    pub tax_rounding: TaxRounding,
    /// How prices that are worked out are rounded.
    pub rounding: Rounding,
    /// Whether it is the one that lists and carts are for.
    pub is_default: bool,
    /// 1 when created, one more with each change.
    pub version: i64,
}

impl Market {
    /// The market as far as prices depend on it.
    pub fn place(&self) -> Place {
        let (market, currency) = (self.code.clone(), self.currency);
        Place { market, currency, is_default: self.is_default }
    }
}

/// A market as the staff writes it.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "code": "de", "name": "Germany and Austria", "currency": "EUR", "countries": ["AT", "DE"],
    "prices_include_tax": true, "rounding": {"step": 100, "ending": 99, "mode": "half_up"}
}))]
pub struct MarketInput {
    /// What shops call it, kept for life: at most 50 small letters, digits and single hyphens.
    #[schema(pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", max_length = 50)]
    pub code: String,
    /// What people call it; the code unless said otherwise.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 100)]
    pub name: Option<String>,
    /// The currency of its prices; kept for life.
    #[schema(value_type = String, pattern = "^[A-Z]{3}$")]
    pub currency: Currency,
    /// The countries that are in it, by ISO 3166-1 alpha-2 code. A country is in one market.
    #[serde(default)]
    #[schema(max_items = 300)]
    pub countries: Vec<String>,
    /// Whether its prices hold the tax already; they do not unless said otherwise.
    #[serde(default)]
    pub prices_include_tax: bool,
    /// Where the tax of an order is rounded to the minor unit; once per rate unless said otherwise.
    #[serde(default)]
    pub tax_rounding: TaxRounding,
    /// How prices that are worked out are rounded; to the minor unit unless said otherwise.
    #[serde(default)]
    pub rounding: Rounding,
    /// Makes it the one that lists and carts are for. The first market always is.
    #[serde(default)]
    pub is_default: bool,
}

impl MarketInput {
    /// The market it describes, or every field that is not allowed.
    pub fn market(self, id: Uuid, version: i64) -> Result<Market, Vec<FieldError>> {
        let mut found = Findings::default();
        let name = self.name.unwrap_or_else(|| self.code.clone());
        check_code(&mut found, "code", &self.code);
        found.text("name", &name, 1, TITLE_MAX);
        let mut countries = self.countries;
        if found.at_most("countries", countries.len(), COUNTRIES_MAX) {
            for (n, country) in countries.iter().enumerate() {
                if !is_country(country) {
                    let message = "must be an ISO 3166-1 alpha-2 code such as DE".to_owned();
                    found.add(&format!("countries[{n}]"), message);
                }
            }
        }
        found.0.extend(self.rounding.check());
        if !found.0.is_empty() {
            return Err(found.0);
        }
        countries.sort();
        countries.dedup();
        let Self { code, currency, prices_include_tax, tax_rounding, rounding, is_default, .. } =
            self;
        Ok(Market {
            id,
            code,
            name,
            currency,
            countries,
            prices_include_tax,
            tax_rounding,
            rounding,
            is_default,
            version,
        })
    }
}

pub(super) fn check_code(found: &mut Findings, field: &str, code: &str) {
    if !is_code(code) {
        let what = "small letters, digits and single hyphens";
        found.add(field, format!("must be 1 to {CODE_MAX} {what}"));
    }
}

/// Whether a text may be the code of a market, a price list or a customer group.
pub fn is_code(text: &str) -> bool {
    text.len() <= CODE_MAX && is_slug(text)
}

/// Whether a text looks like an ISO 3166-1 alpha-2 code.
pub fn is_country(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}
