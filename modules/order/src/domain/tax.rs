//! The tax of an order: which rate each line has, and what it comes to.

use std::collections::BTreeMap;

use kernel::ports::{Assessment, TaxRequest, TaxRounding, TaxTerms, Taxed};
use kernel::{Currency, Money, MoneyError};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::rate::WHOLE_PPM;
use super::spread::spread;

/// The tax of what is asked for, at the rate of each category. Shipping without a rate of its own has
/// the highest of the goods.
pub fn assess(
    request: &TaxRequest,
    of_category: impl Fn(&str) -> i64,
    of_shipping: Option<i64>,
) -> Assessment {
    let mut rates: Vec<i64> =
        request.lines.iter().map(|line| of_category(&line.category)).collect();
    let highest = rates.iter().copied().max().unwrap_or(0);
    rates.push(of_shipping.unwrap_or(highest));
    let mut amounts: Vec<i64> = request.lines.iter().map(|line| line.amount.minor()).collect();
    amounts.push(request.shipping.minor());
    let taxes = taxes(&amounts, &rates, request.terms);
    let currency = request.shipping.currency();
    let taxed = |(tax, rate_ppm): (&i64, &i64)| Taxed {
        rate_ppm: *rate_ppm,
        tax: Money::from_minor(*tax, currency),
    };
    let mut lines: Vec<Taxed> = taxes.iter().zip(&rates).map(taxed).collect();
    let none = Taxed { rate_ppm: 0, tax: Money::zero(currency) };
    let shipping = lines.pop().unwrap_or(none);
    Assessment { lines, shipping }
}

/// The tax of each amount at its rate. Per order, all that has the same rate is rounded once, and
/// each gets its share by the largest remainder.
pub fn taxes(amounts: &[i64], rates: &[i64], terms: TaxTerms) -> Vec<i64> {
    if terms.rounding == TaxRounding::PerLine {
        let each = amounts.iter().zip(rates);
        return each.map(|(amount, rate)| tax(*amount, *rate, terms.included)).collect();
    }
    let mut of_rate: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    for (n, rate) in rates.iter().enumerate() {
        of_rate.entry(*rate).or_default().push(n);
    }
    let mut taxes = vec![0; amounts.len()];
    for (rate, members) in of_rate {
        let bases: Vec<i64> = members.iter().map(|n| amounts[*n]).collect();
        let sum = tax(bases.iter().sum(), rate, terms.included);
        for (n, part) in members.iter().zip(spread(sum, &bases, &members)) {
            taxes[*n] = part;
        }
    }
    taxes
}

/// The tax of an amount, rounded half up: on top of it, or what it holds already.
fn tax(amount: i64, rate_ppm: i64, included: bool) -> i64 {
    let whole = i128::from(WHOLE_PPM) + if included { i128::from(rate_ppm) } else { 0 };
    let tax = (i128::from(amount) * i128::from(rate_ppm) * 2 + whole) / (2 * whole);
    i64::try_from(tax).unwrap_or(i64::MAX)
}

/// The tax of a line or of the shipping, as it is told and kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LineTax {
    /// The rate in percent, e.g. `19`.
    #[schema(value_type = String)]
    pub rate: Decimal,
    /// The tax: on top of the price after discounts, or in it where prices hold the tax.
    pub amount: Money,
}

impl From<Taxed> for LineTax {
    fn from(taxed: Taxed) -> Self {
        Self { rate: percent(taxed.rate_ppm), amount: taxed.tax }
    }
}

impl LineTax {
    /// The rate in millionths.
    pub fn rate_ppm(self) -> i64 {
        let ppm = self.rate * Decimal::from(WHOLE_PPM / 100);
        ppm.try_into().unwrap_or(0)
    }
}

/// Millionths as a percentage.
pub fn percent(rate_ppm: i64) -> Decimal {
    Decimal::new(rate_ppm, 4).normalize()
}

/// The tax of all that has the same rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaxLine {
    /// The rate in percent, e.g. `19`.
    #[schema(value_type = String)]
    pub rate: Decimal,
    /// What is taxed, without the tax.
    pub base: Money,
    /// The tax.
    pub tax: Money,
}

/// Sums taxes up by their rate, the lowest first: each is of an amount that holds it or not.
pub fn by_rate(
    currency: Currency,
    taxes: impl IntoIterator<Item = (Money, LineTax)>,
    included: bool,
) -> Result<Vec<TaxLine>, MoneyError> {
    let none = Money::zero(currency);
    let mut lines: BTreeMap<Decimal, TaxLine> = BTreeMap::new();
    for (amount, LineTax { rate, amount: tax }) in taxes {
        let net = if included { amount.checked_sub(tax)? } else { amount };
        let line = lines.entry(rate).or_insert(TaxLine { rate, base: none, tax: none });
        line.base = line.base.checked_add(net)?;
        line.tax = line.tax.checked_add(tax)?;
    }
    Ok(lines.into_values().filter(|line| line.base != none).collect())
}

#[cfg(test)]
mod tests {
    use kernel::Timestamp;
    use kernel::ports::Taxable;
    use proptest::prelude::*;

    use super::super::address::region_code;
    use super::super::rate::{Rate, Rates, SHIPPING};
    use super::*;

    const RATES: &str = include_str!("../../tests/data/tax_rates.csv");
    const VECTORS: &str = include_str!("../../tests/data/tax_vectors.csv");

    fn day(text: &str) -> Timestamp {
        format!("{text}T00:00:00Z").parse().unwrap()
    }

    fn rows(csv: &str) -> impl Iterator<Item = Vec<&str>> {
        csv.lines().skip(1).map(|line| line.split(',').collect())
    }

    fn table() -> Vec<Rate> {
        let rate = |row: Vec<&str>| Rate {
            country: row[0].to_owned(),
            region: row[1].to_owned(),
            category: row[2].to_owned(),
            ppm: LineTax { rate: row[3].parse().unwrap(), amount: Money::zero(Currency::EUR) }
                .rate_ppm(),
            valid_from: day(row[4]),
            valid_until: (!row[5].is_empty()).then(|| day(row[5])),
        };
        rows(RATES).map(rate).collect()
    }

    fn euros(minor: i64) -> Money {
        Money::from_minor(minor, Currency::EUR)
    }

    fn request(lines: &[(&str, i64)], shipping: i64, terms: TaxTerms) -> TaxRequest {
        let line = |(category, minor): &(&str, i64)| Taxable {
            category: (*category).to_owned(),
            amount: euros(*minor),
        };
        TaxRequest {
            country: "DE".to_owned(),
            region: None,
            postal_code: None,
            at: day("2026-11-28"),
            terms,
            lines: lines.iter().map(line).collect(),
            shipping: euros(shipping),
        }
    }

    #[test]
    fn real_rates_give_what_exact_fractions_give() {
        let table = table();
        let mut seen = 0;
        for row in rows(VECTORS) {
            let (country, category, at) = (row[0], row[2], day(row[3]));
            let region = region_code(country, Some(row[1]));
            let rates = Rates::of(&table, country, &region, at);
            let rate = rates.map_or(0, |rates| rates.of_category(category));
            let minor = tax(row[5].parse().unwrap(), rate, row[4] == "yes");
            assert_eq!(minor, row[6].parse::<i64>().unwrap(), "{row:?} at {rate}");
            seen += 1;
        }
        assert!(seen > 600, "{seen}");
    }

    #[test]
    fn shipping_without_a_rate_of_its_own_has_the_highest_of_the_goods() {
        let mut table = table();
        let asked = request(&[("reduced", 1_000), ("books", 1_000)], 500, TaxTerms::default());
        let of = |table: &[Rate]| {
            let rates = Rates::of(table, "DE", "", asked.at).unwrap();
            assess(&asked, |category| rates.of_category(category), rates.of_shipping())
        };
        let (lines, shipping) = (of(&table).lines, of(&table).shipping);
        assert_eq!([lines[0].rate_ppm, lines[1].rate_ppm], [70_000, 190_000]);
        assert_eq!((shipping.rate_ppm, shipping.tax), (190_000, euros(95)));
        let own = Rate { category: SHIPPING.to_owned(), ppm: 0, ..table[0].clone() };
        table.push(Rate { country: "DE".to_owned(), valid_until: None, ..own });
        assert_eq!(of(&table).shipping.tax, euros(0));
    }

    #[test]
    fn per_order_and_per_line_round_at_different_places() {
        let lines = [("standard", 3), ("standard", 3), ("standard", 3)];
        let sum = |rounding| {
            let asked = request(&lines, 0, TaxTerms { included: false, rounding });
            let assessed = assess(&asked, |_| 190_000, None);
            assessed.lines.iter().map(|line| line.tax.minor()).collect::<Vec<_>>()
        };
        // 0.57 of a cent each: 1.71 together.
        assert_eq!(sum(TaxRounding::PerLine), [1, 1, 1]);
        assert_eq!(sum(TaxRounding::PerOrder), [1, 1, 0]);
    }

    proptest! {
        #[test]
        fn no_rounding_is_more_than_half_a_unit_off_and_the_lines_add_up(
            lines in prop::collection::vec((0_i64..10_000_000_000, 0_usize..4), 1..40),
            shipping in 0_i64..100_000, included in any::<bool>(), per_line in any::<bool>(),
        ) {
            const PPM: [i64; 4] = [0, 55_000, 149_750, 255_000];
            let words = ["none", "low", "quebec", "high"];
            let lines: Vec<(&str, i64)> =
                lines.iter().map(|(minor, n)| (words[*n], *minor)).collect();
            let rounding = if per_line { TaxRounding::PerLine } else { TaxRounding::PerOrder };
            let asked = request(&lines, shipping, TaxTerms { included, rounding });
            let rate = |word: &str| PPM[words.iter().position(|it| *it == word).unwrap()];
            let assessed = assess(&asked, rate, None);
            let mut taxes: Vec<(Money, LineTax)> = asked
                .lines
                .iter()
                .map(|line| line.amount)
                .zip(assessed.lines.iter().map(|line| LineTax::from(*line)))
                .collect();
            taxes.push((asked.shipping, assessed.shipping.into()));
            // Twice what a sum is off the exact one is at most the units that were rounded.
            let exact = |amount: i64, ppm: i64| {
                let under = WHOLE_PPM + if included { ppm } else { 0 };
                (i128::from(amount) * i128::from(ppm), i128::from(under))
            };
            let is_near = |amount: i64, tax: i64, ppm: i64, roundings: i128| {
                let (over, under) = exact(amount, ppm);
                (over - i128::from(tax) * under).abs() * 2 <= under * roundings
            };
            for (amount, tax) in &taxes {
                let off = if per_line { 1 } else { 2 };
                prop_assert!(is_near(amount.minor(), tax.amount.minor(), tax.rate_ppm(), off));
                prop_assert!((0..=amount.minor()).contains(&tax.amount.minor()));
            }
            let count = taxes.len() as i128;
            let told = by_rate(Currency::EUR, taxes.clone(), included).unwrap();
            for line in &told {
                let ppm = (line.rate * Decimal::from(10_000)).try_into().unwrap();
                let gross = line.base.minor() + if included { line.tax.minor() } else { 0 };
                let roundings = if per_line { count } else { 1 };
                prop_assert!(is_near(gross, line.tax.minor(), ppm, roundings));
            }
            let all: i64 = taxes.iter().map(|(_, tax)| tax.amount.minor()).sum();
            prop_assert_eq!(told.iter().map(|line| line.tax.minor()).sum::<i64>(), all);
            let amounts: i64 = taxes.iter().map(|(amount, _)| amount.minor()).sum();
            let net: i64 = told.iter().map(|line| line.base.minor()).sum();
            prop_assert_eq!(net + if included { all } else { 0 }, amounts);
        }
    }
}
