//! The rates of the shop's own table of taxes, and which of them hold.

use kernel::Timestamp;
use kernel::problem::Problem;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::address::is_country;

/// The longest tax category, in characters; that of a product is not longer.
const CATEGORY_MAX: usize = 50;
/// All of it, in millionths.
pub const WHOLE_PPM: i64 = 1_000_000;
/// The category that counts where a category has no rate of its own.
pub const STANDARD: &str = "standard";
/// The category that the shipping goes by where it has a rate of its own.
pub const SHIPPING: &str = "shipping";

/// A rate of the shop's table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rate {
    /// ISO 3166-1 alpha-2 code of the country.
    pub country: String,
    /// What ISO 3166-2 has behind the country's code, e.g. `QC`; empty for all of the country.
    pub region: String,
    /// The products it is for.
    pub category: String,
    /// The rate in millionths.
    pub ppm: i64,
    /// Since when it holds. Of several that hold the latest counts.
    pub valid_from: Timestamp,
    /// Until when; that moment is too late.
    pub valid_until: Option<Timestamp>,
}

impl Rate {
    fn holds_at(&self, at: Timestamp) -> bool {
        self.valid_from <= at && self.valid_until.is_none_or(|until| at < until)
    }
}

/// The rates of a country that hold at a time.
pub struct Rates<'a> {
    holding: Vec<&'a Rate>,
    region: String,
}

impl<'a> Rates<'a> {
    /// Those of a table; none when it says nothing of the country.
    pub fn of(table: &'a [Rate], country: &str, region: &str, at: Timestamp) -> Option<Self> {
        let here = |rate: &&Rate| rate.country == country && rate.holds_at(at);
        let holding: Vec<&Rate> = table.iter().filter(here).collect();
        (!holding.is_empty()).then(|| Self { holding, region: region.to_owned() })
    }

    /// The rate of a category: that of the country and, on top of it, that of the region.
    pub fn of_category(&self, category: &str) -> i64 {
        let in_region = |region: &str| {
            self.own(region, category).or_else(|| self.own(region, STANDARD)).unwrap_or(0)
        };
        let country = in_region("");
        if self.region.is_empty() { country } else { country + in_region(&self.region) }
    }

    /// The rate of the shipping, if it has one of its own.
    pub fn of_shipping(&self) -> Option<i64> {
        let has_one = self.own("", SHIPPING).or_else(|| {
            (!self.region.is_empty()).then(|| self.own(&self.region, SHIPPING)).flatten()
        });
        has_one.map(|_| self.of_category(SHIPPING))
    }

    fn own(&self, region: &str, category: &str) -> Option<i64> {
        let of = |rate: &&&Rate| rate.region == region && rate.category == category;
        let latest = self.holding.iter().filter(of).max_by_key(|rate| rate.valid_from);
        latest.map(|rate| rate.ppm)
    }
}

/// A rate as it is written down, by a person or in a file.
pub struct Said {
    /// The country.
    pub country: String,
    /// The region; empty for all of the country.
    pub region: String,
    /// The products it is for.
    pub category: String,
    /// The rate in percent.
    pub percent: Decimal,
    /// Since when it holds.
    pub valid_from: Timestamp,
    /// Until when; that moment is too late.
    pub valid_until: Option<Timestamp>,
}

impl Said {
    /// The rate, or what is wrong with it.
    pub fn rate(self) -> Result<Rate, Problem> {
        let Self { country, region, category, percent, valid_from, valid_until } = self;
        if !is_country(&country) {
            return Err(Problem::invalid("country", "must be an ISO 3166-1 alpha-2 code"));
        }
        let plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
        if region.len() > 3 || !region.bytes().all(plain) {
            return Err(Problem::invalid("region", "must be at most 3 capital letters and digits"));
        }
        if category.trim() != category
            || !(1..=CATEGORY_MAX).contains(&category.chars().count())
            || category.chars().any(char::is_control)
        {
            let allowed = format!("must be 1 to {CATEGORY_MAX} printable characters");
            return Err(Problem::invalid("category", allowed));
        }
        let ppm = rate_ppm(percent)?;
        let rate = Rate { country, region, category, ppm, valid_from, valid_until };
        rate.check_window().map(|()| rate)
    }
}

impl Rate {
    /// Refuses a rate that ends before it begins.
    pub fn check_window(&self) -> Result<(), Problem> {
        match self.valid_until {
            Some(until) if until <= self.valid_from => {
                Err(Problem::invalid("valid_until", "must be later than valid_from"))
            }
            _ => Ok(()),
        }
    }
}

/// A percentage in millionths.
pub fn rate_ppm(percent: Decimal) -> Result<i64, Problem> {
    let refused = || Problem::invalid("rate", "must be 0 to 100, with at most four decimals");
    let ppm = percent.checked_mul(Decimal::from(WHOLE_PPM / 100)).ok_or_else(refused)?.normalize();
    let rate_ppm = ppm.to_i64().filter(|_| ppm.scale() == 0);
    rate_ppm.filter(|ppm| (0..=WHOLE_PPM).contains(ppm)).ok_or_else(refused)
}
