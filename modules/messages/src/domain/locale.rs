//! How languages write money and dates, and which languages stand in for which.

/// The languages of a letter, best first: the one that was asked for, that language without its
/// country, and the same of the shop's own.
pub(crate) fn chain<'a>(wanted: Option<&'a str>, own: &'a str) -> impl Iterator<Item = &'a str> {
    let both = |locale: &'a str| [locale, language(locale)];
    wanted.map(both).into_iter().flatten().chain(both(own))
}

/// A locale without its country.
pub(crate) fn language(locale: &str) -> &str {
    locale.split_once('-').map_or(locale, |(language, _)| language)
}

/// How a language writes numbers (CLDR 48).
struct Style {
    thousands: &'static str,
    decimal: &'static str,
    /// Whether the currency stands before the amount.
    currency_first: bool,
}

const NO_BREAK_SPACE: &str = "\u{a0}";
const NARROW_NO_BREAK_SPACE: &str = "\u{202f}";

fn style(language: &str) -> Style {
    match language {
        "en" => Style { thousands: ",", decimal: ".", currency_first: true },
        "de" => Style { thousands: ".", decimal: ",", currency_first: false },
        "fr" => Style { thousands: NARROW_NO_BREAK_SPACE, decimal: ",", currency_first: false },
        _ => Style { thousands: NARROW_NO_BREAK_SPACE, decimal: ".", currency_first: false },
    }
}

fn symbol(currency: &str) -> Option<&'static str> {
    Some(match currency {
        "EUR" => "€",
        "USD" => "$",
        "GBP" => "£",
        "JPY" => "¥",
        _ => return None,
    })
}

/// An amount such as `1234.50` as a language writes it.
pub(crate) fn money(locale: &str, amount: &str, currency: &str) -> String {
    let style = style(language(locale));
    let (sign, digits) = amount.strip_prefix('-').map_or(("", amount), |rest| ("-", rest));
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(w, f)| (w, Some(f)));
    let mut number = grouped(whole, style.thousands);
    if let Some(fraction) = fraction {
        number = format!("{number}{}{fraction}", style.decimal);
    }
    match (style.currency_first, symbol(currency)) {
        (true, Some(symbol)) => format!("{sign}{symbol}{number}"),
        (true, None) => format!("{sign}{currency}{NO_BREAK_SPACE}{number}"),
        (false, symbol) => format!("{sign}{number}{NO_BREAK_SPACE}{}", symbol.unwrap_or(currency)),
    }
}

fn grouped(digits: &str, separator: &str) -> String {
    let groups = digits.as_bytes().rchunks(3).rev();
    let groups: Vec<String> = groups.map(|group| String::from_utf8_lossy(group).into()).collect();
    groups.join(separator)
}

const ENGLISH: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const GERMAN: [&str; 12] = [
    "Januar",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
];
const FRENCH: [&str; 12] = [
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
];

/// The day of an instant such as `2026-11-28T10:00:00Z` as a language writes it; as it is, where that
/// is not known.
pub(crate) fn date(locale: &str, instant: &str) -> String {
    let day = instant.get(..10).unwrap_or(instant);
    written(language(locale), day).unwrap_or_else(|| day.to_owned())
}

fn written(language: &str, day: &str) -> Option<String> {
    let mut parts = day.split('-');
    let year = parts.next()?;
    let month: usize = parts.next()?.parse().ok()?;
    let day: u8 = parts.next()?.parse().ok()?;
    let name = |names: &'static [&str; 12]| names.get(month.checked_sub(1)?).copied();
    Some(match language {
        "en" => format!("{} {day}, {year}", name(&ENGLISH)?),
        "de" => format!("{day}. {} {year}", name(&GERMAN)?),
        "fr" if day == 1 => format!("1er {} {year}", name(&FRENCH)?),
        "fr" => format!("{day} {} {year}", name(&FRENCH)?),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_stands_in_for_its_countries_and_the_shops_own_for_the_rest() {
        let chain = |wanted, own| chain(wanted, own).collect::<Vec<_>>();
        assert_eq!(chain(Some("de-AT"), "en"), ["de-AT", "de", "en", "en"]);
        assert_eq!(chain(None, "fr-CA"), ["fr-CA", "fr"]);
    }

    #[test]
    fn money_is_written_as_the_language_does() {
        for (locale, amount, currency, written) in [
            ("en", "1234567.50", "USD", "$1,234,567.50"),
            ("en", "-3.00", "EUR", "-€3.00"),
            ("en", "12.00", "CHF", "CHF\u{a0}12.00"),
            ("de", "1234.50", "EUR", "1.234,50\u{a0}€"),
            ("de-AT", "999.99", "EUR", "999,99\u{a0}€"),
            ("de", "-12.00", "CHF", "-12,00\u{a0}CHF"),
            ("fr", "1234.50", "EUR", "1\u{202f}234,50\u{a0}€"),
            ("en", "1000", "JPY", "¥1,000"),
            ("it", "1234.50", "EUR", "1\u{202f}234.50\u{a0}€"),
        ] {
            assert_eq!(money(locale, amount, currency), written);
        }
    }

    #[test]
    fn a_day_is_written_as_the_language_does() {
        let at = "2026-03-01T10:00:00.000000Z";
        assert_eq!(date("en", at), "March 1, 2026");
        assert_eq!(date("de-AT", at), "1. März 2026");
        assert_eq!(date("fr", at), "1er mars 2026");
        assert_eq!(date("fr", "2026-12-24"), "24 décembre 2026");
        assert_eq!(date("it", at), "2026-03-01");
        assert_eq!(date("en", "2026-13-01"), "2026-13-01");
        assert_eq!(date("en", "é"), "é");
    }
}
