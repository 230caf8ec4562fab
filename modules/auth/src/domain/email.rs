use crate::error::Invalid;

/// The longest address (RFC 5321, a path without its brackets), in bytes.
pub(crate) const EMAIL_MAX: usize = 254;
/// The longest part before the `@`, in bytes.
const LOCAL_MAX: usize = 64;
/// The longest label of a domain, in bytes.
const LABEL_MAX: usize = 63;

/// An e-mail address in the one spelling by which an account is found.
///
/// All of it is lower case: RFC 5321 lets the part before the `@` be case-sensitive, but no
/// provider of note makes it so, and two accounts that differ in a capital letter help only a
/// thief. Quoted local parts and address literals are refused; a domain in another script is
/// written in its ASCII form (`xn--...`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Email(String);

impl Email {
    pub(crate) fn new(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        let shaped = text.len() <= EMAIL_MAX
            && text
                .rsplit_once('@')
                .is_some_and(|(local, domain)| is_local(local) && is_domain(domain));
        if shaped {
            return Ok(Self(text.to_ascii_lowercase()));
        }
        let message =
            "must be an e-mail address such as ada@example.com, of at most 254 characters";
        Err(Invalid { field: "email", message })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// RFC 5322's dot-atom.
fn is_local(text: &str) -> bool {
    let is_atext = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    text.len() <= LOCAL_MAX
        && text.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atext))
}

fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=LABEL_MAX).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let top = text.rsplit('.').next().unwrap_or_default();
    text.contains('.') && text.split('.').all(is_label) && !top.chars().all(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
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
