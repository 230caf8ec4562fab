use chrono::{Days, NaiveDate};

/// The most days that can be asked for at once.
const DAYS_MAX: i64 = 400;
/// How many days are meant when none are named.
const DAYS_DEFAULT: u64 = 30;

/// Some days, the first and the last included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Period {
    pub from: NaiveDate,
    pub to: NaiveDate,
}

/// Days that cannot be asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {allowed}")]
pub(crate) struct InvalidPeriod {
    pub field: &'static str,
    pub allowed: String,
}

impl Period {
    /// The days from `from` to `to`; to today, and the last 30 days, unless said.
    pub(crate) fn new(
        from: Option<&str>,
        to: Option<&str>,
        today: NaiveDate,
    ) -> Result<Self, InvalidPeriod> {
        let to = to.map_or(Ok(today), |text| day("to", text))?;
        let first = to.checked_sub_days(Days::new(DAYS_DEFAULT - 1)).unwrap_or(to);
        let from = from.map_or(Ok(first), |text| day("from", text))?;
        let days = (to - from).num_days() + 1;
        if !(1..=DAYS_MAX).contains(&days) {
            let allowed = format!("must be at most {DAYS_MAX} days before `to`, and not after it");
            return Err(InvalidPeriod { field: "from", allowed });
        }
        Ok(Self { from, to })
    }
}

fn day(field: &'static str, text: &str) -> Result<NaiveDate, InvalidPeriod> {
    let refused =
        || InvalidPeriod { field, allowed: "must be a date such as 2026-11-22".to_owned() };
    let day = text.parse::<NaiveDate>().ok();
    // In the one spelling in which days are stored and compared.
    day.filter(|day| day.to_string() == text).ok_or_else(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_bounded() {
        let today: NaiveDate = "2026-11-22".parse().unwrap();
        let field = |from, to| Period::new(from, to, today).map_err(|error| error.field);
        let last = Period::new(None, None, today).unwrap();
        assert_eq!((last.from.to_string().as_str(), last.to), ("2026-10-24", today));
        assert!(field(Some("2025-10-19"), None).is_ok());
        assert_eq!(field(Some("2025-10-18"), None), Err("from"));
        assert_eq!(field(Some("2026-11-23"), None), Err("from"));
        assert_eq!(field(Some("yesterday"), None), Err("from"));
        assert_eq!(field(None, Some("2026-2-31")), Err("to"));
        assert_eq!(field(None, Some("2026-02-31")), Err("to"));
        assert_eq!(field(None, Some("+2026-11-1")), Err("to"));
        assert_eq!(field(None, Some(" 2026-11-1")), Err("to"));
    }
}
