//! What the addresses of a country look like.

use std::collections::HashMap;
use std::sync::{LazyLock, OnceLock};

use kernel::Address;
use kernel::problem::{Problem, code};
use regex::{Regex, RegexBuilder};

/// What is known of the addresses of each country; `data/README.md` says where from.
const ADDRESSES: &str = include_str!("../../data/addresses.tsv");

static COUNTRIES: LazyLock<HashMap<&str, Country>> =
    LazyLock::new(|| ADDRESSES.lines().filter_map(Country::read).collect());

/// The addresses of a country.
struct Country {
    needs_region: bool,
    needs_postal_code: bool,
    postal_codes: &'static str,
    pattern: OnceLock<Option<Regex>>,
    /// A postal code, to show what one looks like.
    example: &'static str,
    /// The codes of regions by their names, in capitals.
    regions: HashMap<String, &'static str>,
}

impl Country {
    fn read(line: &'static str) -> Option<(&'static str, Self)> {
        let mut fields = line.split('\t');
        let code = fields.next()?;
        let mut field = || fields.next().unwrap_or_default();
        let (needs, postal_codes, example, regions) = (field(), field(), field(), field());
        let region = |region: &'static str| {
            region.split_once('=').map(|(code, name)| (name.to_uppercase(), code))
        };
        let country = Self {
            needs_region: needs.contains('S'),
            needs_postal_code: needs.contains('Z'),
            postal_codes,
            pattern: OnceLock::new(),
            example,
            regions: regions.split(';').filter_map(region).collect(),
        };
        Some((code, country))
    }

    /// The pattern of all of a postal code; none where there is no rule.
    fn pattern(&self) -> Option<&Regex> {
        let made = self.pattern.get_or_init(|| {
            let all = format!("^(?:{})$", self.postal_codes);
            let pattern = RegexBuilder::new(&all).unicode(false).build();
            pattern.ok().filter(|_| !self.postal_codes.is_empty())
        });
        made.as_ref()
    }
}

/// Refuses an address that its country does not have; `field` names it in the request.
pub fn check(address: &Address, field: &str) -> Result<(), Problem> {
    address.check(field)?;
    let name = &address.country;
    let Some(country) = COUNTRIES.get(name.as_str()) else {
        let message = "must be the ISO 3166-1 alpha-2 code of a country";
        return Err(Problem::invalid(format!("{field}.country"), message));
    };
    let mut problem =
        Problem::new(code::INVALID_VALUE, format!("{field} is not an address of {name}"));
    let given = |text: &Option<String>| text.as_deref().unwrap_or_default().trim().to_uppercase();
    if country.needs_region && given(&address.region).is_empty() {
        let message = format!("an address of {name} needs the state or province");
        problem = problem.field(format!("{field}.region"), message);
    }
    let postal_code = given(&address.postal_code);
    let is_right = match country.pattern() {
        _ if postal_code.is_empty() => !country.needs_postal_code,
        Some(pattern) => pattern.is_match(&postal_code),
        None => true,
    };
    if !is_right {
        let message = format!("must be a postal code of {name}, such as {}", country.example);
        problem = problem.field(format!("{field}.postal_code"), message);
    }
    if problem.errors.is_empty() { Ok(()) } else { Err(problem) }
}

/// Whether a text is the ISO 3166-1 alpha-2 code of a country.
pub fn is_country(text: &str) -> bool {
    COUNTRIES.contains_key(text)
}

/// What ISO 3166-2 has behind the country's code for a region as shoppers write it: `QC` for `qc`,
/// `CA-QC` and, where the names are known, `Quebec`.
pub fn region_code(country: &str, region: Option<&str>) -> String {
    let region = region.unwrap_or_default().trim().to_uppercase();
    if let Some(code) = COUNTRIES.get(country).and_then(|known| known.regions.get(&region)) {
        return (*code).to_owned();
    }
    let of_country = region.strip_prefix(country).and_then(|rest| rest.strip_prefix('-'));
    of_country.map_or(region.clone(), str::to_owned)
}

/// A postal code as rules want it: in capitals, without spaces and dashes.
pub fn plain_code(postal_code: &str) -> String {
    postal_code.to_uppercase().chars().filter(char::is_ascii_alphanumeric).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn address(country: &str, region: &str, postal_code: &str) -> Address {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Address {
            name: "Ada".to_owned(),
            line1: "1 Main St".to_owned(),
            line2: None,
            city: "Town".to_owned(),
            region: some(region),
            postal_code: some(postal_code),
            country: country.to_owned(),
        }
    }

    fn wrong(country: &str, region: &str, postal_code: &str) -> Vec<String> {
        match check(&address(country, region, postal_code), "a") {
            Ok(()) => vec![],
            Err(problem) => problem.errors.into_iter().map(|error| error.field).collect(),
        }
    }

    #[test]
    fn every_country_has_its_rules_and_an_example_that_keeps_them() {
        assert_eq!(COUNTRIES.len(), 249);
        let mut patterns = 0;
        for (code, country) in COUNTRIES.iter() {
            assert!(country.postal_codes.is_empty() || country.pattern().is_some(), "{code}");
            patterns += usize::from(country.pattern().is_some());
            let region = if country.needs_region { "Somewhere" } else { "" };
            assert_eq!(wrong(code, region, country.example), [""; 0], "{code}");
        }
        assert!(patterns > 150, "{patterns}");
    }

    #[test]
    fn what_a_country_needs_is_asked_for() {
        assert_eq!(wrong("DE", "", "10117"), [""; 0]);
        assert_eq!(wrong("DE", "", ""), ["a.postal_code"]);
        assert_eq!(wrong("DE", "", "1011"), ["a.postal_code"]);
        assert_eq!(wrong("DE", "", "101170"), ["a.postal_code"], "the pattern is of all of it");
        assert_eq!(wrong("GB", "", "sw1y 4jh"), [""; 0]);
        assert_eq!(wrong("GB", "", "10117"), ["a.postal_code"]);
        assert_eq!(wrong("US", "", ""), ["a.region", "a.postal_code"]);
        assert_eq!(wrong("US", "CA", "95014-2083"), [""; 0]);
        assert_eq!(wrong("HK", "Kowloon", ""), [""; 0], "there are no postal codes");
        assert_eq!(wrong("XX", "", ""), ["a.country"]);
        assert_eq!(wrong("ZZ", "", ""), ["a.country"]);
    }

    #[test]
    fn a_region_is_known_by_its_code_and_by_its_name() {
        for (country, written, code) in [
            ("CA", "QC", "QC"),
            ("CA", " ca-qc ", "QC"),
            ("CA", "Ontario", "ON"),
            ("US", "new york", "NY"),
            ("DE", "BY", "BY"),
            ("DE", "", ""),
        ] {
            assert_eq!(region_code(country, Some(written)), code, "{written}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_a_rule_fail(country in "[A-Z]{2}", region in ".*", postal_code in ".*") {
            let _ = check(&address(&country, &region, &postal_code), "a");
            let _ = region_code(&country, Some(&region));
        }
    }
}
