//! The one secret that is not to sign with, in a file that nodes share. What the module has to
//! recompute or to read again is derived from it or sealed under it.

use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use kernel::id::{LetterId, SessionId};
use kernel::ports::DataKey;
use platform::{aead, key_file};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretBox};
use sha2::Sha256;

use crate::domain::{EmailIndex, LetterToken, RefreshToken};
use crate::error::OpenError;

/// Derives and seals. It has no `Debug`.
pub(crate) struct Secrets(SecretBox<[u8; 32]>);

impl Secrets {
    /// Reads the file, which holds 32 bytes in hex, and makes it first when it is missing.
    pub(crate) fn open(file: &Path) -> Result<Self, OpenError> {
        let unreadable = |source| OpenError::KeyFile { file: file.to_owned(), source };
        let text = key_file::read_or_make(file, || Zeroizing::new(platform::random::token()));
        let text = text.map_err(unreadable)?;
        let mut root = Box::new([0; 32]);
        let unusable = |_| OpenError::Secret { file: file.to_owned() };
        hex::decode_to_slice(text.trim(), &mut *root).map_err(unusable)?;
        Ok(Self(SecretBox::new(root)))
    }

    /// The successor of a refresh token: always the same one, so that two tabs which refresh at
    /// once get the same, though only hashes are stored.
    pub(crate) fn successor(&self, parent: &RefreshToken) -> RefreshToken {
        RefreshToken::from_bytes(self.derive(b"refresh", parent.bytes()))
    }

    /// A name for something personal that nobody can turn back or guess without the secret.
    pub(crate) fn pseudonym(&self, of: &str) -> String {
        hex::encode(self.derive(b"pseudonym", of.as_bytes()))
    }

    /// By what an account is found that has an address, spelled as [`crate::domain::Email`] does.
    pub(crate) fn email_index(&self, address: &str) -> EmailIndex {
        EmailIndex::new(hex::encode(self.derive(b"email", address.as_bytes())))
    }

    /// The same as a pseudonym for another module; what it names is never what is derived here for other ends.
    pub(crate) fn name(&self, purpose: &[u8], value: &[u8]) -> [u8; 32] {
        self.derive(&[b"name:", purpose].concat(), value)
    }

    /// What a letter opens: made when it is written and again when it is sent, and stored nowhere.
    pub(crate) fn letter_token(&self, letter: LetterId) -> LetterToken {
        LetterToken::from_bytes(self.derive(b"letter", letter.uuid().as_bytes()))
    }

    /// What a page of the shop's own has to show beside the cookie of a session.
    pub(crate) fn csrf_token(&self, session: SessionId) -> String {
        hex::encode(self.derive(b"csrf", session.uuid().as_bytes()))
    }

    /// Seals a value for one owner: opened for another, or changed, it is refused.
    pub(crate) fn seal(&self, owner: &[u8], value: &[u8]) -> Option<Vec<u8>> {
        aead::seal(&self.sealing_key(), owner, value)
    }

    /// What was sealed for an owner.
    pub(crate) fn unseal(&self, owner: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        aead::open(&self.sealing_key(), owner, sealed)
    }

    fn sealing_key(&self) -> DataKey {
        SecretBox::new(Box::new(self.derive(b"seal", b"")))
    }

    /// HMAC-SHA-256 over a purpose and a value.
    fn derive(&self, purpose: &[u8], value: &[u8]) -> [u8; 32] {
        // A block of HMAC's own size: shorter keys are filled with zeros anyway (RFC 2104).
        let mut block = Zeroizing::new([0; 64]);
        block[..32].copy_from_slice(self.0.expose_secret());
        let mut mac = <Hmac<Sha256> as KeyInit>::new((&*block).into());
        mac.update(purpose);
        mac.update(&[0]);
        mac.update(value);
        mac.finalize().into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(name: &str) -> Secrets {
        Secrets::open(&platform::testing::folder().join(name)).unwrap()
    }

    #[test]
    fn derived_secrets_depend_on_purpose_and_secret() {
        let (own, others) = (secrets("a"), secrets("b"));
        let parent = RefreshToken::from_bytes([7; 32]);
        let child = own.successor(&parent);
        assert_eq!(child.hash(), own.successor(&parent).hash());
        assert_ne!(child.hash(), own.successor(&child).hash());
        assert_ne!(child.hash(), others.successor(&parent).hash());
        assert_ne!(own.pseudonym("a"), own.pseudonym("b"));
        assert_ne!(own.pseudonym("a"), others.pseudonym("a"));
        assert_eq!(own.email_index("a"), own.email_index("a"));
        assert_ne!(own.email_index("a"), others.email_index("a"));
        assert_ne!(own.email_index("a").as_str(), hex::encode(own.name(b"email", b"a")));
        assert_ne!(own.name(b"a", b"b"), own.name(b"b", b"b"));
        assert_ne!(own.name(b"a", b"b"), others.name(b"a", b"b"));
        let (letter, session) = (LetterId::new(), SessionId::new());
        assert_ne!(own.letter_token(letter).hash(), others.letter_token(letter).hash());
        assert_ne!(own.csrf_token(session), own.csrf_token(SessionId::new()));
    }

    #[test]
    fn what_is_sealed_opens_for_its_owner_alone() {
        let (own, others) = (secrets("a"), secrets("b"));
        let sealed = own.seal(b"ada", b"seed").unwrap();
        assert_eq!(own.unseal(b"ada", &sealed).unwrap().as_slice(), b"seed");
        assert_ne!(sealed, own.seal(b"ada", b"seed").unwrap(), "never twice the same");
        assert!(own.unseal(b"bob", &sealed).is_none());
        assert!(others.unseal(b"ada", &sealed).is_none());
        for n in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[n] ^= 1;
            assert!(own.unseal(b"ada", &changed).is_none());
        }
        assert!(own.unseal(b"ada", b"short").is_none());
    }

    #[test]
    fn a_file_with_something_else_is_refused() {
        let file = platform::testing::folder().join("root.key");
        std::fs::write(&file, "hello").unwrap();
        assert!(matches!(Secrets::open(&file), Err(OpenError::Secret { .. })));
    }
}
