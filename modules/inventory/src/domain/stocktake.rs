use kernel::id::ProductId;

use super::adjustment::REASON_MAX;
use super::location::check_code;
use super::{Invalid, LINES_MAX, UNITS_MAX, Wanted, is_text};

/// What was counted at a location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stocktake {
    /// Where.
    pub location: String,
    /// How many units of each product lie there.
    pub lines: Wanted,
    /// Why, for people.
    pub reason: String,
}

/// Units that go from one location to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// From where.
    pub from: String,
    /// Where to.
    pub to: String,
    /// How many units of each product.
    pub lines: Wanted,
    /// Why, for people.
    pub reason: String,
}

impl Stocktake {
    /// A stocktake, or the field that is wrong.
    pub fn new(
        location: String,
        lines: &[(ProductId, i64)],
        reason: Option<String>,
    ) -> Result<Self, Invalid> {
        check_code("location", &location)?;
        let lines = unique(lines, "counted", 0)?;
        Ok(Self { location, lines, reason: checked(reason, "stocktake")? })
    }
}

impl Transfer {
    /// A transfer, or the field that is wrong.
    pub fn new(
        from: String,
        to: String,
        lines: &[(ProductId, i64)],
        reason: Option<String>,
    ) -> Result<Self, Invalid> {
        check_code("from", &from)?;
        check_code("to", &to)?;
        if from == to {
            return Err(Invalid::new("to", "must be another location than from".to_owned()));
        }
        let lines = unique(lines, "quantity", 1)?;
        Ok(Self { reason: checked(reason, "transfer")?, from, to, lines })
    }
}

fn checked(reason: Option<String>, default: &str) -> Result<String, Invalid> {
    let Some(reason) = reason else { return Ok(default.to_owned()) };
    if is_text(&reason, REASON_MAX) && !reason.trim().is_empty() {
        return Ok(reason.trim().to_owned());
    }
    Err(Invalid::new("reason", format!("must be 1 to {REASON_MAX} printable characters")))
}

fn unique(lines: &[(ProductId, i64)], field: &'static str, least: i64) -> Result<Wanted, Invalid> {
    if lines.is_empty() || lines.len() > LINES_MAX {
        return Err(Invalid::new("lines", format!("must be 1 to {LINES_MAX} lines")));
    }
    if lines.iter().any(|(_, units)| !(least..=UNITS_MAX).contains(units)) {
        return Err(Invalid::new(field, format!("must be {least} to {UNITS_MAX}")));
    }
    let unique: Wanted = lines.iter().copied().collect();
    if unique.len() < lines.len() {
        return Err(Invalid::new("lines", "must name a product once".to_owned()));
    }
    Ok(unique)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_allowed_is_named() {
        let (lamp, desk) = (ProductId::new(), ProductId::new());
        let count = |lines: &[(ProductId, i64)], reason: Option<&str>| {
            let reason = reason.map(str::to_owned);
            Stocktake::new("main".to_owned(), lines, reason).map_err(|wrong| wrong.field)
        };
        assert_eq!(count(&[], None), Err("lines"));
        assert_eq!(count(&[(lamp, 1), (lamp, 2)], None), Err("lines"));
        assert_eq!(count(&[(lamp, -1)], None), Err("counted"));
        assert_eq!(count(&[(lamp, UNITS_MAX + 1)], None), Err("counted"));
        assert_eq!(count(&[(lamp, 0)], Some(" ")), Err("reason"));
        assert_eq!(count(&[(lamp, 0), (desk, 3)], None).unwrap().reason, "stocktake");
        let transfer = |from: &str, to: &str, units| {
            let lines = [(lamp, units)];
            Transfer::new(from.to_owned(), to.to_owned(), &lines, None).map_err(|it| it.field)
        };
        assert_eq!(transfer("a", "a", 1), Err("to"));
        assert_eq!(transfer("", "a", 1), Err("from"));
        assert_eq!(transfer("a", "b", 0), Err("quantity"));
        assert!(transfer("a", "b", 1).is_ok());
    }
}
