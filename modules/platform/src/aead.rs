//! AES-256-GCM with a random nonce before what it sealed.

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead, Payload};
use hmac::KeyInit;
use kernel::ports::DataKey;
use secrecy::ExposeSecret;
use secrecy::zeroize::Zeroizing;

/// How many bytes of nonce stand before what is sealed. No key of the house seals more than the 2^32
/// values for which random nonces of this length are safe (NIST SP 800-38D, 8.3).
const NONCE_BYTES: usize = 12;

/// Seals a value for one place: elsewhere it does not open. None when it is too long for the cipher.
pub fn seal(key: &DataKey, place: &[u8], value: &[u8]) -> Option<Vec<u8>> {
    let nonce: [u8; NONCE_BYTES] = crate::random::bytes();
    let sealed = cipher(key).encrypt(&nonce.into(), Payload { msg: value, aad: place }).ok()?;
    Some([nonce.as_slice(), &sealed].concat())
}

/// What was sealed for a place. None when it was changed, or sealed for another place or under another
/// key.
pub fn open(key: &DataKey, place: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
    let payload = Payload { msg: sealed, aad: place };
    cipher(key).decrypt(&(*nonce).into(), payload).ok().map(Zeroizing::new)
}

fn cipher(key: &DataKey) -> Aes256Gcm {
    Aes256Gcm::new(key.expose_secret().into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secrecy::SecretBox;

    use super::*;

    fn key(byte: u8) -> DataKey {
        SecretBox::new(Box::new([byte; 32]))
    }

    proptest! {
        #[test]
        fn a_value_opens_in_its_place_alone(value: Vec<u8>, at: prop::sample::Index, by in 1_u8..) {
            let sealed = seal(&key(1), b"a", &value).unwrap();
            let opened = open(&key(1), b"a", &sealed).unwrap();
            prop_assert_eq!(opened.as_slice(), value.as_slice());
            prop_assert!(open(&key(1), b"b", &sealed).is_none());
            prop_assert!(open(&key(2), b"a", &sealed).is_none());
            prop_assert_ne!(&sealed, &seal(&key(1), b"a", &value).unwrap(), "never twice the same");
            let mut changed = sealed;
            let at = at.index(changed.len());
            changed[at] ^= by;
            prop_assert!(open(&key(1), b"a", &changed).is_none());
        }
    }

    #[test]
    fn what_is_shorter_than_a_nonce_does_not_open() {
        assert!(open(&key(1), b"a", b"short").is_none());
    }
}
