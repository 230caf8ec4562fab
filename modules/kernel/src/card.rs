//! Cards as they come in: checked, never shown, wiped from memory when they are done with.

use chrono::Datelike;
use secrecy::{ExposeSecret, SecretString};

use crate::clock::Timestamp;

/// The fewest and the most digits of a card number (ISO/IEC 7812).
const DIGITS: std::ops::RangeInclusive<usize> = 12..=19;
/// How many years ahead a card may expire.
const YEARS_AHEAD_MAX: i64 = 30;

/// A card number that passed the Luhn check. It has no `Debug`, `Display` or `Serialize`, and its
/// memory is wiped when it is dropped.
pub struct CardNumber(SecretString);

/// A card that can be charged. The card verification code was checked for its shape and dropped.
pub struct Card {
    /// Its number.
    pub number: CardNumber,
    /// The month it expires, 1 to 12.
    pub exp_month: i64,
    /// The year it expires.
    pub exp_year: i64,
}

/// What is wrong with a card. It names the field and never holds its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CardFault {
    /// The number.
    #[error("must be a valid card number of 12 to 19 digits")]
    Number,
    /// The month it expires.
    #[error("must be a month, 1 to 12")]
    Month,
    /// The year it expires.
    #[error("must be a year of four digits, at most 30 years from now")]
    Year,
    /// It has expired.
    #[error("must not be in the past")]
    Expired,
    /// The card verification code.
    #[error("must be 3 digits, 4 for American Express")]
    Cvc,
}

impl CardFault {
    /// The field of the request that is wrong.
    pub const fn field(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Month => "exp_month",
            Self::Year | Self::Expired => "exp_year",
            Self::Cvc => "cvc",
        }
    }
}

impl CardNumber {
    /// Reads a number; spaces and hyphens between the digits are allowed.
    pub fn parse(text: &str) -> Result<Self, CardFault> {
        let digits = || text.chars().filter(|c| !matches!(c, ' ' | '-'));
        let count = digits().count();
        if !DIGITS.contains(&count) || !digits().all(|c| c.is_ascii_digit()) || !luhn(digits()) {
            return Err(CardFault::Number);
        }
        // Exactly as large as needed: growing or shrinking would leave copies behind.
        let mut number = String::with_capacity(count);
        number.extend(digits());
        Ok(Self(number.into()))
    }

    /// The card's scheme, by the number's first digits.
    pub fn brand(&self) -> &'static str {
        let digits = self.expose_digits();
        let first = |count: usize| digits[..count].parse::<u32>().unwrap_or_default();
        match (first(1), first(2), first(4)) {
            (4, ..) => "visa",
            (_, 51..=55, _) | (_, _, 2221..=2720) => "mastercard",
            (_, 34 | 37, _) => "amex",
            (_, 36 | 38, _) | (_, _, 3000..=3059) => "diners",
            (_, 65, _) | (_, _, 6011) => "discover",
            (_, _, 3528..=3589) => "jcb",
            (_, 62, _) => "unionpay",
            (_, 50 | 56..=58, _) => "maestro",
            _ => "unknown",
        }
    }

    /// The last four digits, which may be shown.
    pub fn last4(&self) -> String {
        let digits = self.expose_digits();
        digits[digits.len() - 4..].to_owned()
    }

    /// The digits themselves, for whoever seals them or charges the card. Nobody else calls this, which
    /// a test of the house sees to.
    pub fn expose_digits(&self) -> &str {
        self.0.expose_secret()
    }
}

fn luhn(digits: impl DoubleEndedIterator<Item = char>) -> bool {
    let sum: u32 = digits
        .rev()
        .filter_map(|digit| digit.to_digit(10))
        .enumerate()
        .map(|(place, digit)| match digit * (1 + u32::from(place % 2 == 1)) {
            doubled @ 10.. => doubled - 9,
            single => single,
        })
        .sum();
    sum.is_multiple_of(10)
}

impl Card {
    /// Checks everything and names all that is wrong. The verification code is not kept.
    pub fn new(
        number: &str,
        exp_month: i64,
        exp_year: i64,
        cvc: &str,
        now: Timestamp,
    ) -> Result<Self, Vec<CardFault>> {
        let mut faults = Vec::new();
        let number = CardNumber::parse(number).map_err(|fault| faults.push(fault)).ok();
        let this_year = i64::from(now.year());
        if !(1..=12).contains(&exp_month) {
            faults.push(CardFault::Month);
        }
        if !(1000..=this_year + YEARS_AHEAD_MAX).contains(&exp_year) {
            faults.push(CardFault::Year);
        } else if (exp_year, exp_month) < (this_year, i64::from(now.month())) {
            faults.push(CardFault::Expired);
        }
        let is_amex = number.as_ref().is_some_and(|number| number.brand() == "amex");
        let cvc_digits = if is_amex { 4 } else { 3 };
        if cvc.len() != cvc_digits || !cvc.bytes().all(|byte| byte.is_ascii_digit()) {
            faults.push(CardFault::Cvc);
        }
        match number {
            Some(number) if faults.is_empty() => Ok(Self { number, exp_month, exp_year }),
            _ => Err(faults),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: &str = "2026-03-15T12:00:00Z";

    fn card(number: &str, month: i64, year: i64, cvc: &str) -> Result<Card, Vec<CardFault>> {
        Card::new(number, month, year, cvc, NOW.parse().unwrap())
    }

    #[test]
    fn a_card_is_good_to_the_end_of_its_month() {
        assert!(card("4242 4242 4242 4242", 3, 2026, "123").is_ok());
        let faults = |number, month, year, cvc| card(number, month, year, cvc).err().unwrap();
        assert_eq!(faults("4242424242424242", 2, 2026, "123"), [CardFault::Expired]);
        assert_eq!(faults("4242424242424242", 12, 2099, "123"), [CardFault::Year]);
        let all = [CardFault::Number, CardFault::Month, CardFault::Year, CardFault::Cvc];
        assert_eq!(faults("4242424242424241", 13, 26, "12x"), all);
    }

    #[test]
    fn brands_follow_the_prefix() {
        let brand = |number: &str| CardNumber::parse(number).map(|number| number.brand()).ok();
        assert_eq!(brand("4242424242424242"), Some("visa"));
        assert_eq!(brand("5555555555554444"), Some("mastercard"));
        assert_eq!(brand("2223003122003222"), Some("mastercard"));
        assert_eq!(brand("378282246310005"), Some("amex"));
        assert_eq!(brand("6011111111111117"), Some("discover"));
        assert_eq!(brand("3566002020360505"), Some("jcb"));
        assert!(card("378282246310005", 12, 2027, "1234").is_ok());
        assert!(card("378282246310005", 12, 2027, "123").is_err());
    }

    proptest! {
        #[test]
        fn one_wrong_digit_is_found(at in 0_usize..16, by in 1_u32..10) {
            let changed: String = "4000002760003184"
                .chars()
                .enumerate()
                .map(|(place, digit)| {
                    let digit = digit.to_digit(10).unwrap();
                    let digit = if place == at { (digit + by) % 10 } else { digit };
                    char::from_digit(digit, 10).unwrap()
                })
                .collect();
            prop_assert!(CardNumber::parse(&changed).is_err());
        }

        #[test]
        fn no_text_makes_it_panic(text in ".*") {
            let _ = CardNumber::parse(&text).map(|number| (number.brand(), number.last4()));
        }
    }
}
