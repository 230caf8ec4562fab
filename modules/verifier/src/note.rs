//! Signed notes and the checkpoints in them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha256};

use crate::Fault;
use crate::tree::Hash;

/// More signatures than a log and its witnesses make.
const SIGNATURES_MAX: usize = 64;

/// The public half of a log's key.
#[derive(Debug, Clone)]
pub struct Key {
    name: String,
    id: [u8; 4],
    public: VerifyingKey,
}

/// What was signed of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// How many entries it had.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

impl Key {
    /// Reads `name+id+key`, as `stoa ledger key` prints it.
    pub fn read(text: &str) -> Result<Self, Fault> {
        Self::parse(text.trim()).ok_or(Fault::Key)
    }

    fn parse(text: &str) -> Option<Self> {
        // The key's own text may have a plus.
        let mut parts = text.splitn(3, '+');
        let (name, id, encoded) = (parts.next()?, parts.next()?, parts.next()?);
        let bytes = STANDARD.decode(encoded).ok()?;
        let [1, key @ ..] = bytes.as_slice() else { return None };
        let key = VerifyingKey::from_bytes(key.try_into().ok()?).ok()?;
        let named = [name.as_bytes(), b"\n", &bytes].concat();
        let [a, b, c, d, ..]: Hash = Sha256::digest(named).into();
        let computed = u32::from_be_bytes([a, b, c, d]);
        let is_its_id = id.len() == 8 && u32::from_str_radix(id, 16) == Ok(computed);
        (is_its_id && !name.is_empty()).then(|| Self {
            name: name.to_owned(),
            id: [a, b, c, d],
            public: key,
        })
    }

    /// The log it is the key of.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The checkpoint of a note that this key has signed. Signatures of others are passed over; one of
    /// this key that is wrong condemns the note.
    pub fn checkpoint(&self, note: &[u8], what: &'static str) -> Result<Checkpoint, Fault> {
        let malformed = || Fault::Note(what);
        let note = std::str::from_utf8(note).map_err(|_| malformed())?;
        if note.chars().any(|c| c.is_control() && c != '\n') {
            return Err(malformed());
        }
        let blank = note.rfind("\n\n").ok_or_else(malformed)?;
        let (text, signatures) = (&note[..=blank], &note[blank + 2..]);
        let signatures = signatures.strip_suffix('\n').ok_or_else(malformed)?;
        let mut signed = false;
        for (n, line) in signatures.split('\n').enumerate() {
            if n == SIGNATURES_MAX {
                return Err(malformed());
            }
            let (name, signature) = signature(line).ok_or_else(malformed)?;
            if name == self.name && signature.starts_with(&self.id) {
                let bytes = &signature[self.id.len()..];
                let signature = Signature::from_slice(bytes).map_err(|_| Fault::Unsigned(what))?;
                let checked = self.public.verify_strict(text.as_bytes(), &signature);
                checked.map_err(|_| Fault::Unsigned(what))?;
                signed = true;
            }
        }
        if !signed {
            return Err(Fault::Unsigned(what));
        }
        let checkpoint = Checkpoint::parse(text).ok_or_else(malformed)?;
        if checkpoint.origin != self.name {
            let (found, expected) = (checkpoint.origin, self.name.clone());
            return Err(Fault::Origin { what, found, expected });
        }
        Ok(checkpoint)
    }
}

/// A line `— name base64`.
fn signature(line: &str) -> Option<(&str, Vec<u8>)> {
    let (name, encoded) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
    let bytes = STANDARD.decode(encoded).ok()?;
    (!name.is_empty() && bytes.len() > 4).then_some((name, bytes))
}

impl Checkpoint {
    /// Reads a text of at least three lines; extension lines are passed over.
    fn parse(text: &str) -> Option<Self> {
        let lines: Vec<&str> = text.strip_suffix('\n')?.split('\n').collect();
        let [origin, size, root, extensions @ ..] = lines.as_slice() else { return None };
        if origin.is_empty() || extensions.iter().any(|line| line.is_empty()) {
            return None;
        }
        let decoded = STANDARD.decode(root).ok()?;
        Some(Self {
            origin: (*origin).to_owned(),
            size: decimal(size)?,
            root: decoded.as_slice().try_into().ok()?,
        })
    }
}

/// A number as it is written in checkpoints and proofs: without sign and leading zeros.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let shortest = text == "0" || !text.starts_with('0');
    if plain && shortest { text.parse().ok() } else { None }
}
