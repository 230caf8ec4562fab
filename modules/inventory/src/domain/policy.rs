use std::str::FromStr;

use kernel::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Invalid;
use super::location::check_code;

/// The most units that can be promised beyond what lies of a product at one location.
pub const BACKORDER_MAX: i64 = 10_000;

/// Whether units are promised that do not lie there yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// None are.
    Deny,
    /// Up to a cap; they leave as they come in.
    Backorder,
    /// Up to a cap, until a day before which nothing leaves.
    Preorder,
}

impl Policy {
    const ALL: [(Self, &'static str); 3] =
        [(Self::Deny, "deny"), (Self::Backorder, "backorder"), (Self::Preorder, "preorder")];

    /// As it is stored.
    pub(crate) fn word(self) -> &'static str {
        let known = Self::ALL.iter().find(|(policy, _)| *policy == self);
        known.map_or("", |(_, word)| word)
    }
}

impl FromStr for Policy {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let known = Self::ALL.iter().find(|(_, name)| *name == word);
        known.map(|(policy, _)| *policy).ok_or_else(|| format!("{word:?} is no policy of stock"))
    }
}

/// What may be promised of one stock beyond what lies there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockPolicy {
    /// Whether units are promised that do not lie there yet.
    pub policy: Policy,
    /// The cap: how many units may be owed. With `deny` none are promised anew, and no more than
    /// these are owed from before.
    pub backorder_max: i64,
    /// The day of preorders.
    pub available_from: Option<Timestamp>,
    /// Where; the location of the settings when there is none.
    pub location: Option<String>,
}

impl StockPolicy {
    /// A policy, or the field that is wrong.
    pub fn new(
        policy: Policy,
        backorder_max: i64,
        available_from: Option<Timestamp>,
        location: Option<String>,
        now: Timestamp,
    ) -> Result<Self, Invalid> {
        let least = i64::from(policy != Policy::Deny);
        if !(least..=BACKORDER_MAX).contains(&backorder_max) {
            let allowed = format!("must be {least} to {BACKORDER_MAX}");
            return Err(Invalid::new("backorder_max", allowed));
        }
        // The last day that both engines can write with a year of four digits is far enough.
        let last = now + chrono::TimeDelta::days(3_650);
        let is_day = match (policy, available_from) {
            (Policy::Preorder, Some(day)) => now < day && day < last,
            (Policy::Preorder, None) | (Policy::Deny | Policy::Backorder, Some(_)) => false,
            (Policy::Deny | Policy::Backorder, None) => true,
        };
        if !is_day {
            let allowed = "must be within the next ten years with preorder, and left out else";
            return Err(Invalid::new("available_from", allowed.to_owned()));
        }
        if let Some(location) = &location {
            check_code("location", location)?;
        }
        Ok(Self { policy, backorder_max, available_from, location })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_read_as_they_are_written() {
        for (policy, word) in Policy::ALL {
            assert_eq!(word.parse(), Ok(policy));
            assert_eq!(policy.word(), word);
        }
        assert!("maybe".parse::<Policy>().is_err());
    }

    #[test]
    fn what_is_not_allowed_is_named() {
        let now = Timestamp::UNIX_EPOCH;
        let day = |days| Some(now + chrono::TimeDelta::days(days));
        let field = |policy, most, from, location: Option<&str>| {
            let location = location.map(str::to_owned);
            StockPolicy::new(policy, most, from, location, now).map_err(|wrong| wrong.field)
        };
        for most in [i64::MIN, -1, 0, BACKORDER_MAX + 1, i64::MAX] {
            assert_eq!(field(Policy::Backorder, most, None, None), Err("backorder_max"));
        }
        assert_eq!(field(Policy::Deny, -1, None, None), Err("backorder_max"));
        for (policy, from) in [
            (Policy::Backorder, day(1)),
            (Policy::Deny, day(1)),
            (Policy::Preorder, None),
            (Policy::Preorder, day(0)),
            (Policy::Preorder, day(-1)),
            (Policy::Preorder, day(4_000)),
        ] {
            assert_eq!(field(policy, 1, from, None), Err("available_from"));
        }
        assert_eq!(field(Policy::Backorder, 1, None, Some("")), Err("location"));
        assert!(field(Policy::Deny, 0, None, None).is_ok());
        assert!(field(Policy::Preorder, BACKORDER_MAX, day(1), Some("main")).is_ok());
    }
}
