//! Signed notes and the checkpoints in them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha256};

use crate::Fault;
use crate::tree::Hash;

/// More signatures than a log and its witnesses make.
const SIGNATURES_MAX: usize = 64;

/// The kind of a log's key: Ed25519 over the text.
const ED25519: u8 = 1;

/// The public half of a log's key.
#[derive(Debug, Clone)]
pub struct Key(pub(crate) Named);

/// The public half of a key with its name, `name+id+key`, of a kind.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    pub name: String,
    pub id: [u8; 4],
    pub public: VerifyingKey,
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
        Named::read(text, ED25519).map(Self).ok_or(Fault::Key)
    }

    /// The log it is the key of.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The checkpoint of a note that this key has signed. Signatures of others are passed over; one of
    /// this key that is wrong condemns the note.
    pub fn checkpoint(&self, note: &[u8], what: &'static str) -> Result<Checkpoint, Fault> {
        let text = self.signed(note, what)?;
        let checkpoint = Checkpoint::parse(text).ok_or(Fault::Note(what))?;
        if checkpoint.origin != self.0.name {
            let (found, expected) = (checkpoint.origin, self.0.name.clone());
            return Err(Fault::Origin { what, found, expected });
        }
        Ok(checkpoint)
    }

    /// The text of a note that this key has signed, with the newline at its end.
    pub fn signed<'n>(&self, note: &'n [u8], what: &'static str) -> Result<&'n str, Fault> {
        let note = Note::read(note).ok_or(Fault::Note(what))?;
        let mut signed = false;
        for signature in note.signatures_of(&self.0) {
            let signature = Signature::from_slice(signature).map_err(|_| Fault::Unsigned(what))?;
            let checked = self.0.public.verify_strict(note.text.as_bytes(), &signature);
            checked.map_err(|_| Fault::Unsigned(what))?;
            signed = true;
        }
        if signed { Ok(note.text) } else { Err(Fault::Unsigned(what)) }
    }
}

impl Named {
    /// Reads a key of a kind.
    pub fn read(text: &str, kind: u8) -> Option<Self> {
        // The key's own text may have a plus.
        let mut parts = text.trim().splitn(3, '+');
        let (name, id, encoded) = (parts.next()?, parts.next()?, parts.next()?);
        let bytes = STANDARD.decode(encoded).ok()?;
        let (found, key) = bytes.split_first()?;
        let key = VerifyingKey::from_bytes(key.try_into().ok()?).ok()?;
        let named = Self::new(name, kind, key);
        let computed = u32::from_be_bytes(named.id);
        let is_its_id = id.len() == 8 && u32::from_str_radix(id, 16) == Ok(computed);
        (*found == kind && is_its_id && !name.is_empty()).then_some(named)
    }

    /// A key of a kind under a name.
    pub fn new(name: &str, kind: u8, public: VerifyingKey) -> Self {
        let named = [name.as_bytes(), b"\n", &[kind], public.as_bytes()].concat();
        let [a, b, c, d, ..]: Hash = Sha256::digest(named).into();
        Self { name: name.to_owned(), id: [a, b, c, d], public }
    }
}

/// A signed note: its text, and each signature behind the name and the id of its key.
pub(crate) struct Note<'n> {
    pub text: &'n str,
    signatures: Vec<(&'n str, Vec<u8>)>,
}

impl<'n> Note<'n> {
    pub fn read(note: &'n [u8]) -> Option<Self> {
        let note = std::str::from_utf8(note).ok()?;
        if note.chars().any(|c| c.is_control() && c != '\n') {
            return None;
        }
        let blank = note.rfind("\n\n")?;
        let (text, lines) = (&note[..=blank], &note[blank + 2..]);
        let lines: Vec<&str> = lines.strip_suffix('\n')?.split('\n').collect();
        if lines.len() > SIGNATURES_MAX {
            return None;
        }
        let signatures: Option<Vec<_>> = lines.into_iter().map(signature).collect();
        Some(Self { text, signatures: signatures? })
    }

    /// The signatures that say they are of a key.
    pub fn signatures_of<'s>(&'s self, key: &'s Named) -> impl Iterator<Item = &'s [u8]> {
        let named = self.signatures.iter().filter(|(name, _)| *name == key.name);
        named.filter_map(|(_, signature)| signature.strip_prefix(&key.id))
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
    pub(crate) fn parse(text: &str) -> Option<Self> {
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
