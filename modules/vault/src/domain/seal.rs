//! AES-256-GCM for what must be opened again, HMAC-SHA-256 for what must only be recognised.

use hmac::{Hmac, KeyInit, Mac};
use kernel::card::CardNumber;
use kernel::ports::DataKey;
use platform::aead;
use secrecy::ExposeSecret;
use secrecy::zeroize::Zeroizing;
use sha2::Sha256;

/// Seals a number for its token: under another token it does not open. None when it cannot be done.
pub fn seal(key: &DataKey, token: &str, number: &CardNumber) -> Option<Vec<u8>> {
    aead::seal(key, token.as_bytes(), number.expose_digits().as_bytes())
}

/// The number that was sealed for a token. None when it was changed, or sealed for another token or
/// under another key.
pub fn unseal(key: &DataKey, token: &str, sealed: &[u8]) -> Option<CardNumber> {
    let digits = aead::open(key, token.as_bytes(), sealed)?;
    CardNumber::parse(std::str::from_utf8(&digits).ok()?).ok()
}

/// What is the same for the same number, in hex, and tells nothing of it without the key.
pub fn fingerprint(key: &DataKey, number: &CardNumber) -> String {
    // A block of HMAC's own size: shorter keys are filled with zeros anyway (RFC 2104).
    let mut block = Zeroizing::new([0; 64]);
    block[..32].copy_from_slice(key.expose_secret());
    let mut mac = <Hmac<Sha256> as KeyInit>::new((&*block).into());
    mac.update(number.expose_digits().as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secrecy::SecretBox;

    use super::*;

    fn key(byte: u8) -> DataKey {
        SecretBox::new(Box::new([byte; 32]))
    }

    fn number(text: &str) -> CardNumber {
        CardNumber::parse(text).ok().unwrap()
    }

    #[test]
    fn a_number_opens_for_its_token_and_key_alone() {
        let visa = number("4242424242424242");
        let sealed = seal(&key(1), "tok_a", &visa).unwrap();
        let digits = |number: Option<CardNumber>| number.map(|n| n.expose_digits().to_owned());
        assert_eq!(digits(unseal(&key(1), "tok_a", &sealed)).unwrap(), "4242424242424242");
        assert!(unseal(&key(1), "tok_b", &sealed).is_none());
        assert!(unseal(&key(2), "tok_a", &sealed).is_none());
        assert!(unseal(&key(1), "tok_a", b"short").is_none());
        assert_ne!(sealed, seal(&key(1), "tok_a", &visa).unwrap(), "never twice the same");
    }

    #[test]
    fn a_fingerprint_tells_the_same_card_again() {
        let (one, other) = (number("4242424242424242"), number("5555555555554444"));
        assert_eq!(
            fingerprint(&key(1), &one),
            fingerprint(&key(1), &number("4242 4242 4242 4242"))
        );
        assert_ne!(fingerprint(&key(1), &one), fingerprint(&key(1), &other));
        assert_ne!(fingerprint(&key(1), &one), fingerprint(&key(2), &one));
        assert_eq!(fingerprint(&key(1), &one).len(), 64);
    }

    proptest! {
        #[test]
        fn what_was_changed_does_not_open(at in 0_usize..44, by in 1_u8..=255) {
            let mut sealed = seal(&key(1), "tok_a", &number("4242424242424242")).unwrap();
            prop_assert_eq!(sealed.len(), 44);
            sealed[at] ^= by;
            prop_assert!(unseal(&key(1), "tok_a", &sealed).is_none());
        }
    }
}
