//! Money: a decimal amount in a currency, never a float, never two currencies in one sum.

use std::fmt;

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::currency::Currency;

/// An amount of money, a whole number of the currency's minor unit.
///
/// On the wire it is `{"amount":"19.99","currency":"EUR"}` with exactly the currency's decimals.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    minor: i64,
    currency: Currency,
}

/// The wire shape of [`Money`].
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Money, example = json!({"amount": "19.99", "currency": "EUR"}))]
pub struct MoneyShape {
    /// A decimal string with at most the currency's decimals, e.g. `"19.99"`.
    #[schema(value_type = String, pattern = "^-?[0-9]+([.][0-9]+)?$")]
    #[serde(serialize_with = "rust_decimal::serde::str::serialize", deserialize_with = "plain")]
    amount: Decimal,
    /// The ISO 4217 code.
    #[schema(value_type = String, pattern = "^[A-Z]{3}$")]
    currency: Currency,
}

/// A number as people write it. What a parser of decimals takes besides (`+5`, `1_000`, `.5`) is no
/// amount that a caller meant.
fn plain<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
    let text = String::deserialize(deserializer)?;
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, "0"));
    let is_plain = digits(whole.strip_prefix('-').unwrap_or(whole)) && digits(fraction);
    let amount = is_plain.then(|| text.parse().ok()).flatten();
    amount.ok_or_else(|| serde::de::Error::custom("must be an amount such as \"19.99\""))
}

/// Why two amounts cannot be combined, or a number is no amount of its currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// A sum of two currencies was asked for.
    #[error("amounts in {left} and {right} cannot be combined")]
    CurrencyMismatch {
        /// The currency on the left.
        left: Currency,
        /// The currency on the right.
        right: Currency,
    },
    /// More decimals than the currency has.
    #[error("{currency} has {} decimals, not {}", currency.digits(), amount.scale())]
    TooPrecise {
        /// What was asked for.
        amount: Decimal,
        /// Its currency.
        currency: Currency,
    },
    /// The amount does not fit.
    #[error("the amount is too large")]
    TooLarge,
}

impl Money {
    /// An amount of `minor` units: cents for EUR, yen for JPY.
    pub const fn from_minor(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Nothing, in a currency.
    pub const fn zero(currency: Currency) -> Self {
        Self::from_minor(0, currency)
    }

    /// An exact decimal amount; refused when it has more decimals than the currency.
    pub fn new(amount: Decimal, currency: Currency) -> Result<Self, MoneyError> {
        let amount = amount.normalize();
        if amount.scale() > currency.digits() {
            return Err(MoneyError::TooPrecise { amount, currency });
        }
        Self::rounded(amount, currency)
    }

    /// A decimal amount rounded half away from zero to the currency's minor unit.
    pub fn rounded(amount: Decimal, currency: Currency) -> Result<Self, MoneyError> {
        let factor = Decimal::from(10_i64.pow(currency.digits()));
        let minor = amount
            .round_dp_with_strategy(currency.digits(), RoundingStrategy::MidpointAwayFromZero)
            .checked_mul(factor)
            .ok_or(MoneyError::TooLarge)?;
        let minor = i64::try_from(minor).map_err(|_| MoneyError::TooLarge)?;
        Ok(Self { minor, currency })
    }

    /// The amount in minor units.
    pub const fn minor(self) -> i64 {
        self.minor
    }

    /// The currency.
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// The amount as a decimal with the currency's own number of decimals.
    pub fn amount(self) -> Decimal {
        Decimal::new(self.minor, self.currency.digits())
    }

    /// The sum; two currencies have none.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        let minor = self.minor.checked_add(other.minor).ok_or(MoneyError::TooLarge)?;
        Ok(Self { minor, ..self })
    }

    /// The difference; two currencies have none.
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        let minor = self.minor.checked_sub(other.minor).ok_or(MoneyError::TooLarge)?;
        Ok(Self { minor, ..self })
    }

    /// The amount `quantity` times.
    pub fn times(self, quantity: i64) -> Result<Self, MoneyError> {
        let minor = self.minor.checked_mul(quantity).ok_or(MoneyError::TooLarge)?;
        Ok(Self { minor, ..self })
    }

    /// `percent` hundredths of the amount, rounded half away from zero.
    pub fn percent(self, percent: Decimal) -> Result<Self, MoneyError> {
        let share = self
            .amount()
            .checked_mul(percent)
            .and_then(|product| product.checked_div(Decimal::ONE_HUNDRED))
            .ok_or(MoneyError::TooLarge)?;
        Self::rounded(share, self.currency)
    }

    /// The sum of many amounts of one currency; zero when there are none.
    pub fn sum(
        currency: Currency,
        amounts: impl IntoIterator<Item = Self>,
    ) -> Result<Self, MoneyError> {
        amounts.into_iter().try_fold(Self::zero(currency), Self::checked_add)
    }

    fn same_currency(self, other: Self) -> Result<(), MoneyError> {
        if self.currency == other.currency {
            return Ok(());
        }
        Err(MoneyError::CurrencyMismatch { left: self.currency, right: other.currency })
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount(), self.currency)
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Money {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        MoneyShape { amount: self.amount(), currency: self.currency }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let shape = MoneyShape::deserialize(deserializer)?;
        Self::new(shape.amount, shape.currency).map_err(serde::de::Error::custom)
    }
}

impl utoipa::PartialSchema for Money {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        MoneyShape::schema()
    }
}

impl ToSchema for Money {
    fn name() -> std::borrow::Cow<'static, str> {
        "Money".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wire_shape_keeps_the_currency_s_decimals() {
        let json = |money: Money| serde_json::to_string(&money).ok();
        let euros = Money::from_minor(1990, Currency::EUR);
        assert_eq!(json(euros).as_deref(), Some(r#"{"amount":"19.90","currency":"EUR"}"#));
        let yen = Money::from_minor(1990, Currency::JPY);
        assert_eq!(json(yen).as_deref(), Some(r#"{"amount":"1990","currency":"JPY"}"#));
    }

    #[test]
    fn an_amount_more_precise_than_its_currency_is_refused() {
        let parse = |text: &str| serde_json::from_str::<Money>(text);
        assert!(parse(r#"{"amount":"1.005","currency":"EUR"}"#).is_err());
        assert!(parse(r#"{"amount":"1.5","currency":"JPY"}"#).is_err());
        assert!(parse(r#"{"amount":1.5,"currency":"EUR"}"#).is_err());
        let one_fifty = parse(r#"{"amount":"1.5000","currency":"EUR"}"#).ok();
        assert_eq!(one_fifty, Some(Money::from_minor(150, Currency::EUR)));
    }

    #[test]
    fn an_amount_is_written_plainly() {
        let read = |amount: &str| {
            serde_json::from_value::<Money>(
                serde_json::json!({"amount": amount, "currency": "EUR"}),
            )
        };
        for plain in ["0", "19.9", "19.99", "-5", "007"] {
            assert!(read(plain).is_ok(), "{plain}");
        }
        for other in ["", "+5", "1_000", ".5", "5.", "1e2", "--5", "1.2.3", " 5", "NaN"] {
            assert!(read(other).is_err(), "{other:?}");
        }
    }

    #[test]
    fn two_currencies_have_no_sum() {
        let sum = Money::zero(Currency::EUR).checked_add(Money::zero(Currency::USD));
        assert!(matches!(sum, Err(MoneyError::CurrencyMismatch { .. })));
    }

    #[test]
    fn percentages_round_half_away_from_zero() {
        let cents = Money::from_minor(1250, Currency::EUR).percent(Decimal::new(1, 0));
        assert_eq!(cents, Ok(Money::from_minor(13, Currency::EUR)));
    }

    #[test]
    fn overflow_is_an_error() {
        let most = Money::from_minor(i64::MAX, Currency::EUR);
        assert_eq!(most.times(2), Err(MoneyError::TooLarge));
        assert_eq!(most.checked_add(most), Err(MoneyError::TooLarge));
    }
}
