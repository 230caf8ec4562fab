use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Unavailable;
use crate::Timestamp;
use crate::money::Money;

/// Where the tax of an order is rounded to the minor unit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaxRounding {
    /// On each line.
    PerLine,
    /// Once for all that has the same rate; the lines get their shares of it.
    #[default]
    PerOrder,
}

impl TaxRounding {
    /// Its stable word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::PerLine => "per_line",
            Self::PerOrder => "per_order",
        }
    }

    /// The rounding of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::PerLine, Self::PerOrder].into_iter().find(|it| it.word() == word)
    }
}

/// How the prices of a market stand to the tax.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TaxTerms {
    /// Whether prices hold the tax already.
    pub included: bool,
    /// Where it is rounded.
    pub rounding: TaxRounding,
}

/// A line that is taxed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taxable {
    /// The tax category of its product, e.g. `standard`.
    pub category: String,
    /// What is paid for it after discounts.
    pub amount: Money,
}

/// What is to be taxed, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaxRequest {
    /// ISO 3166-1 alpha-2 code of the country that the goods go to.
    pub country: String,
    /// Its state or province.
    pub region: Option<String>,
    /// The postal code there.
    pub postal_code: Option<String>,
    /// When it is sold.
    pub at: Timestamp,
    /// How the prices stand to the tax.
    pub terms: TaxTerms,
    /// The lines.
    pub lines: Vec<Taxable>,
    /// What is paid for the shipping after discounts.
    pub shipping: Money,
}

/// The tax of a line or of the shipping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taxed {
    /// The rate in millionths: 190,000 is 19 %.
    pub rate_ppm: i64,
    /// The tax, on top of the amount or in it as the terms say.
    pub tax: Money,
}

/// The tax of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assessment {
    /// That of each line, in the order of the request.
    pub lines: Vec<Taxed>,
    /// That of the shipping.
    pub shipping: Taxed,
}

/// Whoever knows the taxes: the shop's own table, or a provider.
#[async_trait]
pub trait Tax: Send + Sync {
    /// The tax of what would be sold.
    async fn assess(&self, request: &TaxRequest) -> Result<Assessment, Unavailable>;
}
