use kernel::email::EMAIL_SHAPE;

use crate::error::Invalid;

/// An e-mail address in the one spelling by which an account is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Email(String);

impl Email {
    pub(crate) fn new(text: &str) -> Result<Self, Invalid> {
        kernel::email(text).map(Self).ok_or(Invalid { field: "email", message: EMAIL_SHAPE })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A keyed name of an address: by it an account is found, and nobody without the key can tell whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EmailIndex(String);

impl EmailIndex {
    /// As it was derived, or stored.
    pub(crate) fn new(name: String) -> Self {
        Self(name)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use kernel::email::EMAIL_MAX;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn capitals_and_surrounding_space_make_no_other_account() {
        let email = Email::new("  Ada.Lovelace+Shop@Example.COM ").unwrap();
        assert_eq!(email.as_str(), "ada.lovelace+shop@example.com");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long_local = format!("{}@example.com", "a".repeat(65));
        let long = format!("a@{}.com", "b.".repeat(130));
        for text in [
            "",
            "@",
            "a",
            "a@",
            "@b.c",
            "a@b",
            "a b@c.de",
            "a@b..c",
            "a@.b.c",
            ".a@b.c",
            "a.@b.c",
            "a..b@c.d",
            "a@b@c.de",
            "a@-b.c",
            "a@b-.c",
            "a@b.c ,d@e.f",
            "a@[127.0.0.1]",
            "a@1.2.3.4",
            "\"a b\"@c.de",
            "a@b.c\r\nBcc: d@e.f",
            "ä@b.de",
            "a@bü.de",
            "a\0@b.de",
            "<a@b.de>",
            &long_local,
            &long,
        ] {
            assert!(Email::new(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn an_accepted_address_is_plain_and_stays_itself(text in "\\PC{0,300}") {
            if let Ok(email) = Email::new(&text) {
                prop_assert!(email.as_str().is_ascii() && email.as_str().len() <= EMAIL_MAX);
                prop_assert_eq!(Email::new(email.as_str()).unwrap(), email);
            }
        }

        #[test]
        fn ordinary_addresses_are_accepted(
            local in "[A-Za-z0-9][A-Za-z0-9_+-]{0,20}(\\.[a-z0-9]{1,10})?",
            domain in "[A-Za-z0-9]{1,20}(\\.[a-z0-9]{1,10}){0,3}\\.[a-z]{2,10}",
        ) {
            let text = format!("{local}@{domain}");
            let email = Email::new(&text).unwrap();
            prop_assert_eq!(email.as_str(), text.to_ascii_lowercase());
            prop_assert_eq!(Email::new(&text.to_ascii_uppercase()).unwrap(), email);
        }
    }
}
