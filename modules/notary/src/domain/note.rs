//! Signed notes as C2SP's signed-note has them, with Ed25519.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey};
use secrecy::zeroize::Zeroizing;
use sha2::{Digest, Sha256};

/// The kind of signature: Ed25519 over the text.
const ED25519: u8 = 1;
/// How the secret half of a key begins, as Go's sumdb/note writes it.
const SECRET: &str = "PRIVATE+KEY+";

/// A key with the name that it signs under, such as the log's origin. It has no `Debug`.
pub struct Signer {
    name: String,
    key: SigningKey,
}

impl Signer {
    /// A key of 32 secret bytes; none when the name is empty or has a space or a plus.
    pub fn new(name: &str, secret: &[u8; 32]) -> Option<Self> {
        let is_name = !name.is_empty()
            && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+');
        is_name.then(|| Self { name: name.to_owned(), key: SigningKey::from_bytes(secret) })
    }

    /// Reads the secret half as [`Signer::secret`] writes it.
    pub fn read(text: &str) -> Option<Self> {
        let mut parts = text.trim_end().strip_prefix(SECRET)?.splitn(3, '+');
        let (name, id, key) = (parts.next()?, parts.next()?, parts.next()?);
        let key = Zeroizing::new(STANDARD.decode(key).ok()?);
        let (&ED25519, secret) = key.split_first()? else { return None };
        let signer = Self::new(name, secret.try_into().ok()?)?;
        (hex::encode(signer.id()) == id).then_some(signer)
    }

    /// The secret half: `PRIVATE+KEY+name+id+key`.
    pub fn secret(&self) -> Zeroizing<String> {
        let key = Zeroizing::new([&[ED25519], self.key.as_bytes().as_slice()].concat());
        let key = Zeroizing::new(STANDARD.encode(&*key));
        Zeroizing::new(format!("{SECRET}{}+{}+{}", self.name, hex::encode(self.id()), *key))
    }

    /// The public half: `name+id+key`.
    pub fn public(&self) -> String {
        let key = STANDARD.encode(self.encoded());
        format!("{}+{}+{key}", self.name, hex::encode(self.id()))
    }

    /// The name it signs under.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A text that ends in a newline, with its signature.
    pub fn sign(&self, text: &str) -> String {
        let signature = self.key.sign(text.as_bytes()).to_bytes();
        let signature = STANDARD.encode([self.id().as_slice(), &signature].concat());
        format!("{text}\n— {} {signature}\n", self.name)
    }

    /// The text of a note that this key signed alone.
    pub fn open<'n>(&self, note: &'n str) -> Option<&'n str> {
        let (before, line) = note.strip_suffix('\n')?.rsplit_once("\n\n— ")?;
        let text = note.get(..=before.len())?;
        let (name, signature) = line.split_once(' ')?;
        let signature = STANDARD.decode(signature).ok()?;
        let (id, signature) = signature.split_first_chunk::<4>()?;
        let signature = Signature::from_slice(signature).ok()?;
        let is_signed = name == self.name
            && *id == self.id()
            && self.key.verifying_key().verify_strict(text.as_bytes(), &signature).is_ok();
        is_signed.then_some(text)
    }

    fn encoded(&self) -> Vec<u8> {
        [&[ED25519], self.key.verifying_key().as_bytes().as_slice()].concat()
    }

    fn id(&self) -> [u8; 4] {
        let hash = Sha256::new().chain_update(&self.name).chain_update("\n");
        let [a, b, c, d, ..]: [u8; 32] = hash.chain_update(self.encoded()).finalize().into();
        [a, b, c, d]
    }
}

/// A note with the first of its signatures alone, which is the log's.
pub(crate) fn signed_by_log(note: &str) -> Option<&str> {
    let begin = note.find("\n\n\u{2014} ")? + 2;
    let end = begin + note.get(begin..)?.find('\n')?;
    note.get(..=end)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of Go's golang.org/x/mod/sumdb/note.
    const PETER: (&str, &str) = (
        "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz",
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    );

    #[test]
    fn keys_and_notes_are_those_of_go() {
        let signer = Signer::read(PETER.0).unwrap();
        assert_eq!(signer.public(), PETER.1);
        assert_eq!(*signer.secret(), PETER.0);
        let text = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n";
        let note = format!(
            "{text}\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSN\
             XgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
        );
        assert_eq!(signer.sign(text), note);
        assert_eq!(signer.open(&note), Some(text));
        assert_eq!(signer.open(&note.replace("answer", "question")), None);
    }

    #[test]
    fn names_that_a_note_cannot_have_are_refused() {
        for name in ["", "a b", "a+b", "a\nb", "a\u{2003}b"] {
            assert!(Signer::new(name, &[1; 32]).is_none(), "{name:?}");
        }
        assert!(Signer::read(&PETER.0.replace("c74f20a3", "c74f20a4")).is_none());
    }
}
