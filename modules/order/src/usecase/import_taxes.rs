//! The table of taxes from a file.

use std::collections::HashSet;

use kernel::Timestamp;
use platform::audit::{self, Actor, Entry};
use rust_decimal::Decimal;
use serde::Serialize;

use crate::Orders;
use crate::domain::rate::{Rate, Said};
use crate::store::tax::{self, RATES_MAX};

/// The first line of a file.
const HEADER: &str = "country,region,category,percent,valid_from,valid_until";

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TaxesImported {
    /// How many lines it has.
    pub lines: usize,
    /// How many rates are new, or are another rate than before.
    pub written: u64,
}

/// Why a file was not taken; nothing of it was written.
#[derive(Debug, thiserror::Error)]
pub enum TaxesRefused {
    /// A line is wrong.
    #[error("line {line}: {message}")]
    Line {
        /// Which line, from 1 on.
        line: usize,
        /// What is wrong with it.
        message: String,
    },
    /// The shop would have too many rates.
    #[error("a shop can have at most {RATES_MAX} rates")]
    TooMany,
    /// Storage did not do what it was asked.
    #[error(transparent)]
    Storage(#[from] platform::sql::Error),
}

impl Orders {
    /// Takes a file of rates in, all of it or nothing: a rate of the same place, category and
    /// beginning becomes the one of the file. Rates that the file does not name stay.
    pub async fn import_taxes(
        &self,
        csv: &str,
        actor: &Actor,
    ) -> Result<TaxesImported, TaxesRefused> {
        let rates = rates(csv)?;
        let mut tx = self.inner.db.begin("tax_rate.import").await?;
        let written = tax::put(&mut tx, &rates).await?;
        if tax::count(&mut tx).await? > RATES_MAX {
            return Err(TaxesRefused::TooMany);
        }
        let imported = TaxesImported { lines: rates.len(), written };
        let subject = audit::named("tax_rate", "import");
        let entry = Entry::done("tax_rate.import", subject, &imported)?;
        audit::record(&mut tx, actor, &[entry]).await?;
        tx.commit().await?;
        self.inner.taxes.forget();
        Ok(imported)
    }
}

fn rates(csv: &str) -> Result<Vec<Rate>, TaxesRefused> {
    let mut lines = csv.trim_start_matches('\u{feff}').lines().enumerate();
    let refused = |n: usize, message: String| TaxesRefused::Line { line: n + 1, message };
    if lines.next().is_none_or(|(_, line)| line.trim() != HEADER) {
        return Err(refused(0, format!("must be {HEADER}")));
    }
    let mut rates: Vec<Rate> = Vec::new();
    let mut seen = HashSet::new();
    for (n, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let rate = rate(line).map_err(|message| refused(n, message))?;
        let key = (rate.country.clone(), rate.region.clone(), rate.category.clone());
        if !seen.insert((key, rate.valid_from)) {
            return Err(refused(n, "another line has this place, category and time".to_owned()));
        }
        rates.push(rate);
    }
    Ok(rates)
}

fn rate(line: &str) -> Result<Rate, String> {
    let fields: Vec<&str> = line.split(',').map(str::trim).collect();
    let [country, region, category, percent, from, until] = fields[..] else {
        return Err(format!("must have six fields: {HEADER}"));
    };
    let percent: Decimal = percent.parse().map_err(|_| "percent: must be a number".to_owned())?;
    let valid_from = time(from).ok_or("valid_from: must be a day or a time")?;
    let valid_until = match until {
        "" => None,
        until => Some(time(until).ok_or("valid_until: must be a day or a time")?),
    };
    let (country, region, category) = (country.to_owned(), region.to_owned(), category.to_owned());
    Said { country, region, category, percent, valid_from, valid_until }
        .rate()
        .map_err(|problem| problem.detail)
}

/// A time, or the beginning of a day in UTC.
fn time(text: &str) -> Option<Timestamp> {
    text.parse().or_else(|_| format!("{text}T00:00:00Z").parse()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATES: &str = include_str!("../../tests/data/tax_rates.csv");

    #[test]
    fn a_file_of_real_rates_is_read() {
        let read = rates(RATES).unwrap();
        assert_eq!(read.len(), RATES.lines().count() - 1);
        let quebec = read.iter().find(|rate| rate.region == "QC").unwrap();
        assert_eq!((quebec.ppm, quebec.valid_until), (99_750, None));
    }

    #[test]
    fn a_line_that_is_wrong_is_named() {
        let first = "DE,,standard,19,2026-01-01,";
        for wrong in [
            "DE,,standard,19,2026-01-01",
            "DE,,standard,nineteen,2026-01-01,",
            "DE,,standard,101,2026-01-01,",
            "ZZ,,standard,19,2026-01-01,",
            "DE,Bavaria,standard,19,2026-01-01,",
            "DE,,standard,19,yesterday,",
            "DE,,standard,19,2026-01-01,2025-01-01",
            first,
        ] {
            let refused = rates(&format!("{HEADER}\n{first}\n\n{wrong}\n")).unwrap_err();
            assert!(refused.to_string().starts_with("line 4: "), "{wrong}: {refused}");
        }
        assert!(rates("country\n").unwrap_err().to_string().starts_with("line 1: "));
        assert!(rates("").is_err());
    }
}
