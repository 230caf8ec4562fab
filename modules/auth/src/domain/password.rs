use std::collections::HashSet;
use std::sync::LazyLock;

use secrecy::{ExposeSecret, SecretString};

use super::Email;
use crate::error::Invalid;

/// The fewest characters of a password.
pub(crate) const PASSWORD_CHARS_MIN: usize = 8;
/// The most. A character has at most four bytes, so this bounds the bytes as well.
pub(crate) const PASSWORD_CHARS_MAX: usize = 256;

/// Passwords that are tried first, one a line, in lower case.
static COMMON: LazyLock<HashSet<&str>> =
    LazyLock::new(|| include_str!("common_passwords.txt").lines().collect());

/// A password in plain text, as somebody typed it. It has no `Debug`, and its memory is cleared.
#[derive(Clone)]
pub(crate) struct Password(SecretString);

impl Password {
    /// A password somebody chooses. There are no rules of composition (NIST SP 800-63B): length,
    /// and not one of those that everybody tries.
    pub(crate) fn chosen(text: SecretString, email: &Email) -> Result<Self, Invalid> {
        let password = Self::presented(text)?;
        let lower = password.expose().to_lowercase();
        if COMMON.contains(lower.as_str()) {
            return Err(invalid("is one of the passwords that are guessed first; choose another"));
        }
        if lower == email.as_str() {
            return Err(invalid("must not be the e-mail address"));
        }
        Ok(password)
    }

    /// A password somebody logs in with: only its length is looked at, which says nothing about
    /// any account.
    pub(crate) fn presented(text: SecretString) -> Result<Self, Invalid> {
        let chars = text.expose_secret().chars().count();
        if (PASSWORD_CHARS_MIN..=PASSWORD_CHARS_MAX).contains(&chars) {
            return Ok(Self(text));
        }
        Err(invalid("must be 8 to 256 characters"))
    }

    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

fn invalid(message: &'static str) -> Invalid {
    Invalid { field: "password", message }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn choose(text: &str) -> Result<(), Invalid> {
        let email = Email::new("ada@example.com").unwrap();
        Password::chosen(SecretString::from(text), &email).map(drop)
    }

    #[test]
    fn length_is_counted_in_characters() {
        assert!(choose("zkqpwvt").is_err());
        assert!(choose("zkqpwvtm").is_ok());
        assert!(choose(&"ü".repeat(256)).is_ok());
        assert!(choose(&"ü".repeat(257)).is_err());
    }

    #[test]
    fn what_everybody_tries_is_refused() {
        for text in
            ["password", "PassWord1", "12345678", "qwertyuiop", "iloveyou", "Ada@Example.com"]
        {
            assert!(choose(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_list_holds_only_what_could_be_chosen() {
        assert!(COMMON.len() >= 300, "{}", COMMON.len());
        for text in COMMON.iter() {
            let chars = text.chars().count();
            assert!((PASSWORD_CHARS_MIN..=PASSWORD_CHARS_MAX).contains(&chars), "{text}");
            assert_eq!(text.to_lowercase(), **text);
        }
    }

    proptest! {
        #[test]
        fn a_refusal_never_repeats_the_password(text in "\\PC{1,300}") {
            // Short ones may be part of any sentence.
            if let Err(refusal) = choose(&text) {
                prop_assert!(text.chars().count() < 8 || !refusal.to_string().contains(&text));
            }
        }

        #[test]
        fn composition_is_free(text in "[a-z]{20,40}|[0-9]{20,40}|[ äöü€]{20,40}") {
            prop_assert!(choose(&text).is_ok());
        }
    }
}
