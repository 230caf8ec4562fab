//! Witnesses: whoever runs the shop's log cannot show one history to the one and another to the other, as long as
//! both believe what the same witness has signed (C2SP's tlog-witness and tlog-cosignature, of Ed25519).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer, SigningKey};

use crate::Fault;
use crate::note::{Checkpoint, Key, Named, Note, decimal};
use crate::tree::{Hash, goes_on};

/// The kind of a witness's key: Ed25519 over the text behind the time.
const COSIGNATURE: u8 = 4;
/// How many hashes a request's proof may have.
const PROOF_MAX: usize = 63;

/// The public half of a witness's key.
#[derive(Debug, Clone)]
pub struct WitnessKey(Named);

impl WitnessKey {
    /// Reads `name+id+key`, as a witness tells it.
    pub fn read(text: &str) -> Result<Self, Fault> {
        Named::read(text, COSIGNATURE).map(Self).ok_or(Fault::Key)
    }

    /// Who it is.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// When the witness signed what a note says, in seconds since 1970: then it had seen the log grow to this size, and
    /// no other log under its name. A signature of its own that is wrong condemns the note.
    pub fn cosigned(&self, note: &[u8], what: &'static str) -> Result<u64, Fault> {
        let note = Note::read(note).ok_or(Fault::Note(what))?;
        let unwitnessed = || Fault::Unwitnessed { what, witness: self.0.name.clone() };
        let mut newest = None;
        for signature in note.signatures_of(&self.0) {
            let (at, signature) = signature.split_first_chunk::<8>().ok_or_else(unwitnessed)?;
            let at = u64::from_be_bytes(*at);
            let signature = Signature::from_slice(signature).map_err(|_| unwitnessed())?;
            let signed = self.0.public.verify_strict(message(at, note.text).as_bytes(), &signature);
            signed.map_err(|_| unwitnessed())?;
            newest = newest.max(Some(at));
        }
        newest.ok_or_else(unwitnessed)
    }
}

/// What a witness signs of a checkpoint's text.
fn message(at: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {at}\n{text}")
}

/// A witness's key with its name. It has no `Debug`.
pub struct Witness {
    name: String,
    key: SigningKey,
}

impl Witness {
    /// A key of 32 secret bytes; none when the name is empty or has a space or a plus.
    pub fn new(name: &str, secret: &[u8; 32]) -> Option<Self> {
        let is_name = !name.is_empty()
            && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+');
        is_name.then(|| Self { name: name.to_owned(), key: SigningKey::from_bytes(secret) })
    }

    /// The public half: `name+id+key`.
    pub fn public_key(&self) -> String {
        let public = self.key.verifying_key();
        let id = u32::from_be_bytes(self.named().id);
        let key = STANDARD.encode([&[COSIGNATURE], public.as_bytes().as_slice()].concat());
        format!("{}+{id:08x}+{key}", self.name)
    }

    /// The line that says that this witness saw what a request shows, at a time in seconds since 1970.
    pub fn cosign(&self, request: &Request<'_>, at: u64) -> String {
        let signature = self.key.sign(message(at, request.text).as_bytes()).to_bytes();
        let line = [self.named().id.as_slice(), &at.to_be_bytes(), &signature].concat();
        format!("\u{2014} {} {}\n", self.name, STANDARD.encode(line))
    }

    fn named(&self) -> Named {
        Named::new(&self.name, COSIGNATURE, self.key.verifying_key())
    }
}

/// What a log shows its witness: its checkpoint, and the proof that it goes on from an older one.
pub struct Request<'r> {
    old: u64,
    proof: Vec<Hash>,
    note: &'r str,
    /// The checkpoint's text.
    text: &'r str,
    checkpoint: Checkpoint,
}

/// Why a witness does not sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is no request, or older than itself.
    #[error("the request is malformed")]
    Malformed,
    /// The log's signature is missing or wrong.
    #[error("the checkpoint is not signed by the log's key")]
    Unsigned,
    /// The witness has signed the log at another size.
    #[error("{0} entries were signed before")]
    Elsewhere(u64),
    /// The log of the same size was another one.
    #[error("other entries were signed before")]
    Forked,
    /// The proof proves nothing.
    #[error("the proof does not lead from what was signed before to the checkpoint")]
    Proof,
}

impl<'r> Request<'r> {
    /// Reads the body of `add-checkpoint`.
    pub fn read(body: &'r [u8]) -> Result<Self, Refusal> {
        Self::parse(body).ok_or(Refusal::Malformed)
    }

    fn parse(body: &'r [u8]) -> Option<Self> {
        let (head, note) = std::str::from_utf8(body).ok()?.split_once("\n\n")?;
        let mut lines = head.split('\n');
        let old = lines.next()?.strip_prefix("old ").and_then(decimal)?;
        let proof: Option<Vec<Hash>> =
            lines.map(|line| STANDARD.decode(line).ok()?.try_into().ok()).collect();
        let proof = proof.filter(|proof| proof.len() <= PROOF_MAX)?;
        let text = Note::read(note.as_bytes())?.text;
        let checkpoint = Checkpoint::parse(text)?;
        (old <= checkpoint.size).then_some(Self { old, proof, note, text, checkpoint })
    }

    /// The log that it is of.
    pub fn origin(&self) -> &str {
        &self.checkpoint.origin
    }

    /// The checkpoint as it came.
    pub fn note(&self) -> &'r str {
        self.note
    }

    /// Whether a witness may sign it that knows the log's key, and what it signed of the log at last.
    pub fn judge(&self, log: &Key, known: Option<&Checkpoint>) -> Result<(), Refusal> {
        let new = log.checkpoint(self.note.as_bytes(), "checkpoint");
        let new = new.map_err(|_| Refusal::Unsigned)?;
        let (size, root) = known.map_or((0, Hash::default()), |known| (known.size, known.root));
        if self.old != size {
            return Err(Refusal::Elsewhere(size));
        }
        if known.is_some() && size == new.size && root != new.root {
            return Err(Refusal::Forked);
        }
        let is_proved = goes_on((size, root), (new.size, new.root), &self.proof);
        if is_proved { Ok(()) } else { Err(Refusal::Proof) }
    }
}
