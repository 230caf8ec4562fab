//! What witnesses sign of a checkpoint (C2SP's tlog-cosignature, of Ed25519).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha256};

/// The kind of a witness's key: Ed25519 over the text behind the time.
const COSIGNATURE: u8 = 4;
/// How long a line of an answer is read.
const LINE_MAX: usize = 1_024;

/// The public half of a witness's key.
pub(crate) struct Cosigner {
    name: String,
    id: [u8; 4],
    key: VerifyingKey,
}

impl Cosigner {
    /// Reads `name+id+key`.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let mut parts = text.trim().splitn(3, '+');
        let (name, id, encoded) = (parts.next()?, parts.next()?, parts.next()?);
        let bytes = STANDARD.decode(encoded).ok()?;
        let (&COSIGNATURE, key) = bytes.split_first()? else { return None };
        let key = VerifyingKey::from_bytes(key.try_into().ok()?).ok()?;
        let hash = Sha256::new().chain_update(name).chain_update("\n").chain_update(&bytes);
        let [a, b, c, d, ..]: [u8; 32] = hash.finalize().into();
        let found = Self { name: name.to_owned(), id: [a, b, c, d], key };
        (hex::encode(found.id) == id && !name.is_empty()).then_some(found)
    }

    /// Who it is.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The line among these by which this witness signed a checkpoint's text. Those of others are passed over.
    pub(crate) fn line<'l>(&self, lines: &'l str, text: &str) -> Option<&'l str> {
        lines.split_inclusive('\n').find(|line| self.has_signed(line, text).is_some())
    }

    fn has_signed(&self, line: &str, text: &str) -> Option<()> {
        let line = line.strip_suffix('\n').filter(|line| line.len() <= LINE_MAX)?;
        let (name, signature) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
        let signature = STANDARD.decode(signature).ok()?;
        let (id, signature) = signature.split_first_chunk::<4>()?;
        let (at, signature) = signature.split_first_chunk::<8>()?;
        let message = format!("cosignature/v1\ntime {}\n{text}", u64::from_be_bytes(*at));
        let signature = Signature::from_slice(signature).ok()?;
        let is_signed = name == self.name
            && *id == self.id
            && self.key.verify_strict(message.as_bytes(), &signature).is_ok();
        is_signed.then_some(())
    }
}
