//! Whom letters about an order go to, and in which language.

use kernel::email::EMAIL_SHAPE;
use kernel::ports::{Principal, Role};
use kernel::problem::Problem;

/// Refuses what is no e-mail address.
pub fn check_email(text: Option<&str>) -> Result<(), Problem> {
    let wrong = text.is_some_and(|text| kernel::email(text).is_none());
    if wrong { Err(Problem::invalid("email", EMAIL_SHAPE)) } else { Ok(()) }
}

/// Refuses what is no language, perhaps with a country: `de` or `de-AT`.
pub fn check_locale(text: Option<&str>) -> Result<(), Problem> {
    let is_all = |text: &str, is: fn(&u8) -> bool| text.as_bytes().iter().all(is);
    let shaped = |text: &str| {
        let (language, country) = text.split_once('-').map_or((text, None), |(l, c)| (l, Some(c)));
        (2..=3).contains(&language.len())
            && is_all(language, u8::is_ascii_lowercase)
            && country.is_none_or(|c| c.len() == 2 && is_all(c, u8::is_ascii_uppercase))
    };
    if text.is_none_or(shaped) {
        return Ok(());
    }
    Err(Problem::invalid(
        "locale",
        "must be a language such as de, or one of a country such as de-AT",
    ))
}

/// Whether the shop knows an address of somebody: not of guests, of those whom another issuer knows,
/// and of programs.
pub fn has_account(shopper: &Principal) -> bool {
    shopper.session().is_some() && shopper.role != Role::Guest.word()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_is_a_language_and_perhaps_a_country() {
        for text in ["de", "de-AT", "gsw", "gsw-CH"] {
            assert!(check_locale(Some(text)).is_ok(), "{text}");
        }
        for text in ["", "d", "DE", "de-at", "de_AT", "de-", "de-AUT", "../x", "de-AT-x", "dé"] {
            assert_eq!(check_locale(Some(text)).unwrap_err().errors[0].field, "locale", "{text}");
        }
    }
}
