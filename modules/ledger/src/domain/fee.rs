use chrono::TimeDelta;
use serde::Deserialize;

/// What was agreed with the processor: section `[ledger]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// What it keeps of a charge, in millionths of it.
    pub fee_ppm: u32,
    /// What it keeps of each charge besides, in minor units of the charge's currency.
    pub fee_fixed_minor: u32,
    /// How many days after something happened its money is available at the latest.
    pub payout_days: u16,
}

/// All of an amount, in millionths.
const WHOLE_PPM: i128 = 1_000_000;

impl Terms {
    /// What is kept of a charge, in minor units: rounded half up, and at most all of it. Nothing is kept of
    /// what is given back.
    pub fn fee(&self, charged_minor: i64) -> i64 {
        let share = i128::from(charged_minor) * i128::from(self.fee_ppm) * 2 + WHOLE_PPM;
        let share = i64::try_from(share / (2 * WHOLE_PPM)).unwrap_or(charged_minor);
        share.saturating_add(self.fee_fixed_minor.into()).min(charged_minor)
    }

    /// How long the processor may take.
    pub(crate) fn patience(&self) -> TimeDelta {
        TimeDelta::days(self.payout_days.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fee_is_a_share_and_a_fixed_part() {
        let terms = Terms { fee_ppm: 14_000, fee_fixed_minor: 25, payout_days: 2 };
        assert_eq!(terms.fee(10_000), 165);
        assert_eq!(terms.fee(36), 26);
        assert_eq!(terms.fee(10), 10);
    }
}
