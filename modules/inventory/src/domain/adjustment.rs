use super::location::check_code;
use super::{Invalid, UNITS_MAX, is_text};

/// The longest reason, in characters.
pub(super) const REASON_MAX: usize = 200;

/// A change of what lies at a location: counted, received or written off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adjustment {
    /// By how many units; never 0.
    pub delta: i64,
    /// Why, for people.
    pub reason: String,
    /// Where; the location orders are served from when there is none.
    pub location: Option<String>,
}

impl Adjustment {
    /// An adjustment, or the field that is wrong.
    pub fn new(delta: i64, reason: &str, location: Option<String>) -> Result<Self, Invalid> {
        let refused = |field, allowed| Err(Invalid::new(field, allowed));
        if delta == 0 || !(-UNITS_MAX..=UNITS_MAX).contains(&delta) {
            return refused("delta", format!("must be -{UNITS_MAX} to {UNITS_MAX}, and not 0"));
        }
        if !is_text(reason, REASON_MAX) || reason.trim().is_empty() {
            return refused("reason", format!("must be 1 to {REASON_MAX} printable characters"));
        }
        if let Some(location) = &location {
            check_code("location", location)?;
        }
        Ok(Self { delta, reason: reason.trim().to_owned(), location })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_allowed_is_named() {
        let field = |delta, reason: &str, location: Option<&str>| {
            Adjustment::new(delta, reason, location.map(str::to_owned)).map_err(|e| e.field)
        };
        assert_eq!(field(0, "count", None), Err("delta"));
        assert_eq!(field(UNITS_MAX + 1, "count", None), Err("delta"));
        assert_eq!(field(i64::MIN, "count", None), Err("delta"));
        assert_eq!(field(1, "  ", None), Err("reason"));
        assert_eq!(field(1, "a\nb", None), Err("reason"));
        assert_eq!(field(1, &"x".repeat(REASON_MAX + 1), None), Err("reason"));
        assert_eq!(field(1, "count", Some("")), Err("location"));
        assert_eq!(field(1, "count", Some(" main")), Err("location"));
        assert!(field(-UNITS_MAX, " count ", Some("main")).is_ok());
    }
}
