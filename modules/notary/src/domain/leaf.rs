//! Entries of the log: a commitment to what was written down, and what may be known of it for ever.
//!
//! Version 1, all numbers big-endian: a byte 1; the time in microseconds since 1970 (8 bytes); the
//! source behind its length (2 bytes); the entry's id (16); its kind behind its length (2); the id of
//! the subject's key (16); HMAC-SHA-256 under that key over all of this and what was written down (32).

use hmac::{Hmac, KeyInit, Mac};
use platform::seal::Note;
use sha2::Sha256;
use uuid::Uuid;

const VERSION: u8 = 1;

/// A key of a subject: who destroys it makes the commitments under it say nothing to anybody.
pub(crate) type SubjectKey = [u8; 32];

/// The entry of a note of a source such as `catalog.audit`; none when its source or kind is longer than
/// an entry can say.
pub(crate) fn seal(source: &str, note: &Note, key_id: Uuid, key: &SubjectKey) -> Option<Vec<u8>> {
    let mut leaf = vec![VERSION];
    leaf.extend(note.at.timestamp_micros().to_be_bytes());
    text(&mut leaf, source)?;
    leaf.extend(note.id.as_bytes());
    text(&mut leaf, &note.kind)?;
    leaf.extend(key_id.as_bytes());
    // A block of HMAC's own size: shorter keys are filled with zeros anyway (RFC 2104).
    let mut block = [0; 64];
    block[..32].copy_from_slice(key);
    let mut mac = <Hmac<Sha256> as KeyInit>::new((&block).into());
    mac.update(&leaf);
    mac.update(&note.payload);
    leaf.extend(mac.finalize().into_bytes());
    Some(leaf)
}

/// The id of the key that an entry was sealed with.
pub(crate) fn key_id(leaf: &[u8]) -> Option<Uuid> {
    let (rest, _commitment) = leaf.split_last_chunk::<32>()?;
    let (_, id) = rest.split_last_chunk::<16>()?;
    Some(Uuid::from_bytes(*id))
}

/// The id and the source of what an entry was sealed for.
pub(crate) fn name(leaf: &[u8]) -> Option<(Uuid, String)> {
    /// The version and the time.
    const BEFORE: usize = 9;
    let (length, rest) = leaf.get(BEFORE..)?.split_first_chunk::<2>()?;
    let (source, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    let (id, _) = rest.split_first_chunk::<16>()?;
    Some((Uuid::from_bytes(*id), String::from_utf8(source.to_vec()).ok()?))
}

fn text(to: &mut Vec<u8>, text: &str) -> Option<()> {
    to.extend(u16::try_from(text.len()).ok()?.to_be_bytes());
    to.extend(text.as_bytes());
    Some(())
}
