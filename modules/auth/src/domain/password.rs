use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::Email;
use crate::error::Invalid;

/// The fewest characters of a password.
pub(crate) const PASSWORD_CHARS_MIN: usize = 8;
/// The most. A character has at most four bytes, so this bounds the bytes as well.
pub(crate) const PASSWORD_CHARS_MAX: usize = 256;

/// Passwords that leaked and are tried first: the first bytes of the SHA-256 of each in lower case,
/// sorted. `breached_passwords.md` tells where they come from.
static BREACHED: &[u8] = include_bytes!("breached_passwords.bin");
/// How many bytes of a hash the list holds; of 2^40 values it takes up a hundred-millionth.
const BREACHED_BYTES: usize = 5;

fn is_breached(lower: &str) -> bool {
    let hash = Sha256::digest(lower);
    let (listed, _) = BREACHED.as_chunks::<BREACHED_BYTES>();
    listed.binary_search_by(|one| one.as_slice().cmp(&hash[..BREACHED_BYTES])).is_ok()
}

/// A password in plain text, as somebody typed it. It has no `Debug`, and its memory is cleared.
#[derive(Clone)]
pub(crate) struct Password(SecretString);

impl Password {
    /// A password somebody chooses. There are no rules of composition (NIST SP 800-63B): length,
    /// and not one of those that everybody tries.
    pub(crate) fn chosen(text: SecretString, email: &Email) -> Result<Self, Invalid> {
        let password = Self::presented(text)?;
        let lower = password.expose().to_lowercase();
        if is_breached(&lower) {
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
    fn the_list_is_sorted_and_found_in() {
        let (listed, rest) = BREACHED.as_chunks::<BREACHED_BYTES>();
        assert!(listed.len() > 10_000 && rest.is_empty(), "{}", listed.len());
        assert!(listed.is_sorted());
        for text in ["password", "trustno1", "letmein1", "football1", "1q2w3e4r5t"] {
            assert!(is_breached(text), "{text}");
        }
        assert!(!is_breached("correct horse battery"));
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
