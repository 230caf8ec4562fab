//! How the holder of a card was authenticated, who bears it when they say that they did not pay, and when the shop may
//! ask to leave authentication out (PSD2; Delegated Regulation (EU) 2018/389, "RTS").

use std::str::FromStr;

use kernel::Money;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::status::{UnknownWord, words};

words! {
    /// How the holder of a card was authenticated (EMV 3-D Secure), as the processor tells it.
    #[derive(Default, Serialize, Deserialize, ToSchema)]
    #[serde(rename_all = "snake_case")]
    #[schema(as = PaymentAuthentication)]
    Authentication {
        /// Not at all, or nobody could be asked.
        #[default]
        None = "none",
        /// Their bank recognised them without asking.
        Frictionless = "frictionless",
        /// They answered a challenge of their bank.
        Challenged = "challenged",
        /// Their bank takes no part in it, and the scheme attests that it was asked.
        Attempted = "attempted",
        /// It was left out for a low value.
        ExemptLowValue = "exempt_low_value",
        /// It was left out for a low risk.
        ExemptLowRisk = "exempt_low_risk",
    }
}

words! {
    /// Who bears the loss when a card's holder says that they did not pay.
    #[derive(Serialize, ToSchema)]
    #[serde(rename_all = "snake_case")]
    #[schema(as = PaymentLiability)]
    Liability {
        /// The shop.
        Merchant = "merchant",
        /// The bank of the card.
        Issuer = "issuer",
    }
}

words! {
    /// Why the shop may ask to leave authentication out.
    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    Exemption {
        /// The amount is low, and so is what was paid with the card since its holder authenticated last (RTS, art. 16).
        LowValue = "low_value",
        /// An analysis of the transaction finds a low risk (RTS, art. 18).
        LowRisk = "low_risk",
    }
}

impl Authentication {
    /// Who bears a fraud: the bank that authenticated, or was asked and takes no part; else the shop.
    pub const fn liability(self) -> Liability {
        match self {
            Self::Frictionless | Self::Challenged | Self::Attempted => Liability::Issuer,
            Self::None | Self::ExemptLowValue | Self::ExemptLowRisk => Liability::Merchant,
        }
    }
}

impl Exemption {
    /// What authentication is when a bank grants it.
    pub const fn granted(self) -> Authentication {
        match self {
            Self::LowValue => Authentication::ExemptLowValue,
            Self::LowRisk => Authentication::ExemptLowRisk,
        }
    }
}

/// Which exemptions are asked for: section `[payment.exemptions]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exemptions {
    /// Those that are, the first that fits; none are by default.
    pub ask_for: Vec<Exemption>,
    /// What a low value is.
    pub low_value: LowValue,
    /// What a low risk is.
    pub low_risk: LowRisk,
}

/// Limits of RTS, art. 16. What is in another currency than theirs is not exempted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LowValue {
    /// The most that one payment may be.
    pub payment_max: Money,
    /// The most that is exempted with a card until its holder authenticates.
    pub sum_max: Money,
    /// How many payments are exempted with a card until its holder authenticates.
    pub payments_max: u32,
}

/// Limits of RTS, art. 18.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LowRisk {
    /// The most that one payment may be; which threshold counts follows from the fraud rate of who acquires.
    pub payment_max: Money,
    /// The highest score of the fraud model, in millionths.
    pub score_max_ppm: i64,
}

impl Exemptions {
    /// Those that a payment may have by itself, in the order in which they are asked for. What was exempted with its
    /// card before is counted elsewhere. `score_ppm` is how likely it is fraud, if anybody knows.
    pub fn open_to(
        &self,
        amount: Money,
        score_ppm: Option<i64>,
    ) -> impl Iterator<Item = Exemption> {
        self.ask_for.iter().copied().filter(move |exemption| match exemption {
            Exemption::LowValue => {
                let low = &self.low_value;
                within(amount, low.payment_max)
                    && within(amount, low.sum_max)
                    && low.payments_max > 0
            }
            Exemption::LowRisk => {
                let low = &self.low_risk;
                within(amount, low.payment_max)
                    && score_ppm.is_some_and(|score| score <= low.score_max_ppm)
            }
        })
    }
}

fn within(amount: Money, most: Money) -> bool {
    amount.currency() == most.currency() && amount.minor() <= most.minor()
}

#[cfg(test)]
mod tests {
    use kernel::Currency;
    use proptest::prelude::*;

    use super::*;

    fn euros(minor: i64) -> Money {
        Money::from_minor(minor, Currency::EUR)
    }

    fn rules(ask_for: &[Exemption]) -> Exemptions {
        let low_value =
            LowValue { payment_max: euros(3_000), sum_max: euros(10_000), payments_max: 5 };
        let low_risk = LowRisk { payment_max: euros(25_000), score_max_ppm: 20_000 };
        Exemptions { ask_for: ask_for.to_vec(), low_value, low_risk }
    }

    const BOTH: [Exemption; 2] = [Exemption::LowValue, Exemption::LowRisk];

    fn open(rules: &Exemptions, amount: Money, score: Option<i64>) -> Vec<Exemption> {
        rules.open_to(amount, score).collect()
    }

    #[test]
    fn limits_are_part_of_what_is_exempt() {
        let rules = rules(&BOTH);
        assert_eq!(open(&rules, euros(3_000), None), [Exemption::LowValue]);
        assert_eq!(open(&rules, euros(3_001), None), []);
        assert_eq!(open(&rules, euros(25_000), Some(20_000)), [Exemption::LowRisk]);
        assert_eq!(open(&rules, euros(25_001), Some(20_000)), []);
        assert_eq!(open(&rules, euros(25_000), Some(20_001)), []);
        assert_eq!(open(&rules, euros(1), Some(0)), BOTH);
        let francs = Money::from_minor(1, "CHF".parse().unwrap());
        assert_eq!(open(&rules, francs, Some(0)), [], "30 francs are not 30 euros");
    }

    #[test]
    fn whoever_leaves_authentication_out_bears_the_fraud() {
        for exemption in BOTH {
            assert_eq!(exemption.granted().liability(), Liability::Merchant);
        }
        assert_eq!(Authentication::default().liability(), Liability::Merchant);
        for done in ["frictionless", "challenged", "attempted"] {
            let done: Authentication = done.parse().unwrap();
            assert_eq!(done.liability(), Liability::Issuer);
        }
    }

    proptest! {
        #[test]
        fn nothing_is_exempt_that_is_not_asked_for(amount in 1..50_000_i64, score in 0..1_000_000_i64) {
            prop_assert_eq!(open(&rules(&[]), euros(amount), Some(score)), vec![]);
            for one in BOTH {
                let found = open(&rules(&[one]), euros(amount), Some(score));
                prop_assert!(found.iter().all(|exemption| *exemption == one));
            }
        }
    }
}
