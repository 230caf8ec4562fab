use std::str::FromStr;

use kernel::problem::FieldError;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Findings, PRICE_MAX};

/// Which of two allowed prices an amount between them becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RoundingMode {
    /// The nearer one; from the middle the higher.
    HalfUp,
    /// The nearer one; from the middle the one that is an even number of steps up.
    HalfEven,
    /// The higher one.
    Up,
    /// The lower one.
    Down,
}

impl RoundingMode {
    /// The word it is stored and sent as.
    pub const fn word(self) -> &'static str {
        match self {
            Self::HalfUp => "half_up",
            Self::HalfEven => "half_even",
            Self::Up => "up",
            Self::Down => "down",
        }
    }

    const fn strategy(self) -> RoundingStrategy {
        match self {
            Self::HalfUp => RoundingStrategy::MidpointAwayFromZero,
            Self::HalfEven => RoundingStrategy::MidpointNearestEven,
            Self::Up => RoundingStrategy::ToPositiveInfinity,
            Self::Down => RoundingStrategy::ToNegativeInfinity,
        }
    }
}

/// The word is no way of rounding.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be half_up, half_even, up or down")]
pub struct UnknownRoundingMode;

impl FromStr for RoundingMode {
    type Err = UnknownRoundingMode;

    fn from_str(word: &str) -> Result<Self, UnknownRoundingMode> {
        [Self::HalfUp, Self::HalfEven, Self::Up, Self::Down]
            .into_iter()
            .find(|mode| mode.word() == word)
            .ok_or(UnknownRoundingMode)
    }
}

/// How prices that are worked out are rounded: to a whole number of steps above the ending. With
/// a step of 100 and an ending of 99 prices end in `.99`, with 5 and 0 they are multiples of 0.05.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rounding {
    /// How far two allowed prices are apart, in minor units; 1 unless said otherwise.
    #[serde(default = "one")]
    #[schema(minimum = 1, maximum = 1_000_000)]
    pub step: i64,
    /// The lowest allowed price above nothing, in minor units, less than the step.
    #[serde(default)]
    #[schema(minimum = 0)]
    pub ending: i64,
    /// What an amount between two allowed prices becomes; `half_up` unless said otherwise.
    #[serde(default = "half_up")]
    pub mode: RoundingMode,
}

const fn one() -> i64 {
    1
}

const fn half_up() -> RoundingMode {
    RoundingMode::HalfUp
}

impl Default for Rounding {
    fn default() -> Self {
        Self { step: 1, ending: 0, mode: RoundingMode::HalfUp }
    }
}

impl Rounding {
    /// The largest step, in minor units.
    pub const STEP_MAX: i64 = 1_000_000;

    /// Every member that is not allowed.
    pub fn check(&self) -> Vec<FieldError> {
        let mut found = Findings::default();
        if !(1..=Self::STEP_MAX).contains(&self.step) {
            found.add("rounding.step", format!("must be 1 to {}", Self::STEP_MAX));
        }
        if !(0..self.step.max(1)).contains(&self.ending) {
            found.add("rounding.ending", "must be at least 0 and less than the step".to_owned());
        }
        found.0
    }

    /// The allowed price that an exact amount of minor units becomes; nothing stays nothing. None
    /// when it would be above [`PRICE_MAX`].
    pub fn round(self, exact: Decimal) -> Option<i64> {
        if exact <= Decimal::ZERO {
            return Some(0);
        }
        let (step, ending) = (Decimal::from(self.step), Decimal::from(self.ending));
        let steps = exact.checked_sub(ending)?.checked_div(step)?;
        let steps = steps.round_dp_with_strategy(0, self.mode.strategy()).max(Decimal::ZERO);
        let rounded = steps.checked_mul(step)?.checked_add(ending)?;
        i64::try_from(rounded).ok().filter(|amount| *amount <= PRICE_MAX)
    }

    /// A price changed by some percent, rounded. None when it would be above [`PRICE_MAX`].
    pub fn changed(self, amount: i64, percent: Decimal) -> Option<i64> {
        let factor = Decimal::ONE_HUNDRED.checked_add(percent)?;
        self.round(Decimal::from(amount).checked_mul(factor)?.checked_div(Decimal::ONE_HUNDRED)?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mode() -> impl Strategy<Value = RoundingMode> {
        use RoundingMode::{Down, HalfEven, HalfUp, Up};
        prop::sample::select(vec![HalfUp, HalfEven, Up, Down])
    }

    fn rounding() -> impl Strategy<Value = Rounding> {
        (1_i64..500, mode()).prop_flat_map(|(step, mode)| {
            (0..step).prop_map(move |ending| Rounding { step, ending, mode })
        })
    }

    /// The price that fits best among all that are allowed up to some thousands.
    fn oracle(rounding: Rounding, thousandths: i64) -> i64 {
        if thousandths <= 0 {
            return 0;
        }
        let allowed = |n: i64| 1_000 * (n * rounding.step + rounding.ending);
        let mut above = 0;
        while allowed(above) < thousandths {
            above += 1;
        }
        if above == 0 || allowed(above) == thousandths {
            return allowed(above) / 1_000;
        }
        let (low, high) = (allowed(above - 1), allowed(above));
        let is_up = match rounding.mode {
            RoundingMode::Up => true,
            RoundingMode::Down => false,
            RoundingMode::HalfUp => thousandths - low >= high - thousandths,
            RoundingMode::HalfEven if thousandths - low == high - thousandths => above % 2 == 0,
            RoundingMode::HalfEven => thousandths - low > high - thousandths,
        };
        if is_up { high / 1_000 } else { low / 1_000 }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn the_price_is_the_one_found_by_counting(
            rounding in rounding(), thousandths in 0_i64..2_000_000,
        ) {
            let exact = Decimal::new(thousandths, 3);
            prop_assert_eq!(rounding.round(exact), Some(oracle(rounding, thousandths)));
        }

        #[test]
        fn middles_are_decided_as_told(
            steps in 0_i64..1_000, step in (1_i64..200).prop_map(|n| n * 2), mode in mode(),
        ) {
            let rounding = Rounding { step, ending: 0, mode };
            let middle = steps * step + step / 2;
            prop_assert_eq!(rounding.round(middle.into()), Some(oracle(rounding, middle * 1_000)));
        }

        #[test]
        fn a_rounded_price_stays(rounding in rounding(), thousandths in 0_i64..2_000_000) {
            let once = rounding.round(Decimal::new(thousandths, 3)).unwrap();
            prop_assert_eq!(rounding.round(once.into()), Some(once));
        }

        #[test]
        fn a_dearer_amount_is_never_cheaper_rounded(
            rounding in rounding(), one in 0_i64..2_000_000, more in 0_i64..2_000_000,
        ) {
            let round = |thousandths| rounding.round(Decimal::new(thousandths, 3));
            prop_assert!(round(one) <= round(one + more));
        }
    }

    #[test]
    fn twenty_percent_off_ends_in_99() {
        let rounding = Rounding { step: 100, ending: 99, mode: RoundingMode::Down };
        assert_eq!(rounding.changed(4_990, Decimal::from(-20)), Some(3_899));
        assert_eq!(rounding.changed(0, Decimal::from(-20)), Some(0));
        assert_eq!(Rounding::default().changed(PRICE_MAX, Decimal::ONE), None);
        assert_eq!(
            Rounding { ending: 1, ..Rounding::default() }.check()[0].field,
            "rounding.ending"
        );
    }
}
