//! ISO 4217 currencies and their minor units.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Currencies without a minor unit, by ISO 4217.
const WITHOUT_DECIMALS: &str =
    "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF";
/// Currencies with a minor unit of a thousandth.
const WITH_THREE: &str = "BHD IQD JOD KWD LYD OMR TND";
/// Units of account with four decimals.
const WITH_FOUR: &str = "CLF UYW";
/// Every other active currency: a hundredth.
const WITH_TWO: &str = "\
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN \
    BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP \
    GBP GEL GHS GIP GMD GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT \
    LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO \
    NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS \
    SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD \
    YER ZAR ZMW ZWL";

/// A currency by its ISO 4217 code, e.g. `EUR`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency {
    code: [u8; 3],
    digits: u8,
}

/// The word is not an active ISO 4217 currency.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an ISO 4217 currency code such as \"EUR\"")]
pub struct UnknownCurrency(pub String);

impl Currency {
    /// The euro.
    pub const EUR: Self = Self { code: *b"EUR", digits: 2 };
    /// The US dollar.
    pub const USD: Self = Self { code: *b"USD", digits: 2 };
    /// The Japanese yen, which has no minor unit.
    pub const JPY: Self = Self { code: *b"JPY", digits: 0 };

    /// The three-letter code.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.code).unwrap_or("???")
    }

    /// How many decimals an amount has: 2 for EUR, 0 for JPY, 3 for KWD.
    pub const fn digits(self) -> u32 {
        self.digits as u32
    }
}

impl FromStr for Currency {
    type Err = UnknownCurrency;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let listed = |list: &str| list.split(' ').any(|code| code == word);
        let digits = if listed(WITH_TWO) {
            2
        } else if listed(WITHOUT_DECIMALS) {
            0
        } else if listed(WITH_THREE) {
            3
        } else if listed(WITH_FOUR) {
            4
        } else {
            return Err(UnknownCurrency(word.to_owned()));
        };
        let code = word.as_bytes().try_into().map_err(|_| UnknownCurrency(word.to_owned()))?;
        Ok(Self { code, digits })
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_follow_iso_4217() {
        let digits = |code: &str| code.parse::<Currency>().map(Currency::digits);
        assert_eq!(digits("EUR"), Ok(2));
        assert_eq!(digits("JPY"), Ok(0));
        assert_eq!(digits("KWD"), Ok(3));
        assert_eq!(digits("CLF"), Ok(4));
        assert!(digits("XXX").is_err());
        assert!(digits("eur").is_err());
        assert!(digits("EUR USD").is_err());
    }

    #[test]
    fn the_lists_are_disjoint() {
        let all = [WITHOUT_DECIMALS, WITH_THREE, WITH_FOUR, WITH_TWO].join(" ");
        let mut codes: Vec<&str> = all.split(' ').collect();
        let listed = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), listed);
    }
}
