//! What an entry of the log tells: that something was written down, and not what.

use std::fmt;

/// An entry of version 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When, in microseconds since 1970.
    pub micros: i64,
    /// Where it was written down, e.g. `catalog.audit`.
    pub source: String,
    /// Its name there.
    pub id: [u8; 16],
    /// What was done, e.g. `product.update`.
    pub kind: String,
    /// The name of the key that the commitment is under.
    pub key: [u8; 16],
    /// HMAC-SHA-256 over what was written down.
    pub commitment: [u8; 32],
}

impl Entry {
    /// Reads an entry; none when it is of no version that is known here.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(&[1])?;
        let micros = i64::from_be_bytes(take(&mut rest)?);
        let source = text(&mut rest)?;
        let id = take(&mut rest)?;
        let kind = text(&mut rest)?;
        let (key, commitment) = (take(&mut rest)?, take(&mut rest)?);
        rest.is_empty().then_some(Self { micros, source, id, kind, key, commitment })
    }
}

fn take<const N: usize>(from: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = from.split_first_chunk()?;
    *from = rest;
    Some(*taken)
}

fn text(from: &mut &[u8]) -> Option<String> {
    let length = usize::from(u16::from_be_bytes(take(from)?));
    let (text, rest) = from.split_at_checked(length)?;
    *from = rest;
    String::from_utf8(text.to_vec()).ok()
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.kind)?;
        for (n, byte) in self.id.iter().enumerate() {
            let dash = if matches!(n, 4 | 6 | 8 | 10) { "-" } else { "" };
            write!(f, "{dash}{byte:02x}")?;
        }
        write!(f, " of {}, {} us after 1970", self.source, self.micros)
    }
}
