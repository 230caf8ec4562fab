//! A receipt: an entry and the proof that it is in the log that was signed (C2SP's tlog-proof).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::Fault;
use crate::note::{Checkpoint, Key, decimal};
use crate::tree::{Hash, of_leaf, root_by};

/// More hashes than a tree of 2^64 entries needs.
const PROOF_MAX: usize = 64;

/// What a receipt proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proved {
    /// The entry.
    pub entry: Vec<u8>,
    /// Its place in the log.
    pub index: u64,
    /// The log that was signed.
    pub checkpoint: Checkpoint,
}

/// Verifies a receipt; nothing is asked of anybody.
pub fn verify_receipt(receipt: &[u8], key: &Key) -> Result<Proved, Fault> {
    let text = std::str::from_utf8(receipt).map_err(|_| Fault::Receipt("it is no text"))?;
    let (head, note) = text.split_once("\n\n").ok_or(Fault::Receipt("it has no checkpoint"))?;
    let mut lines = head.split('\n');
    if lines.next() != Some("c2sp.org/tlog-proof@v1") {
        return Err(Fault::Receipt("its first line is not c2sp.org/tlog-proof@v1"));
    }
    let entry = lines.next().and_then(|line| line.strip_prefix("extra "));
    let entry = entry.and_then(|entry| STANDARD.decode(entry).ok());
    let entry = entry.ok_or(Fault::Receipt("it has no entry in `extra`"))?;
    let index = lines.next().and_then(|line| line.strip_prefix("index ")).and_then(decimal);
    let index = index.ok_or(Fault::Receipt("it has no index"))?;
    let proof: Option<Vec<Hash>> = lines
        .map(|line| STANDARD.decode(line).ok().and_then(|hash| hash.try_into().ok()))
        .collect();
    let proof = proof.filter(|proof| proof.len() <= PROOF_MAX);
    let proof = proof.ok_or(Fault::Receipt("a line of its proof is no hash"))?;
    let checkpoint = key.checkpoint(note.as_bytes(), "checkpoint of the receipt")?;
    let root = root_by(of_leaf(&entry), index, checkpoint.size, &proof);
    if root != Some(checkpoint.root) {
        return Err(Fault::Proof);
    }
    Ok(Proved { entry, index, checkpoint })
}
