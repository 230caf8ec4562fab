//! Checkpoints as C2SP's tlog-checkpoint has them: origin, size and root.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::merkle::{Hash, empty_root};

/// What a checkpoint says of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// How many entries it has.
    pub size: u64,
    /// The root of its tree.
    pub root: Hash,
}

impl Checkpoint {
    /// That of a log without entries.
    pub(crate) fn empty(origin: &str) -> Self {
        Self { origin: origin.to_owned(), size: 0, root: empty_root() }
    }

    /// The text that is signed.
    pub(crate) fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root))
    }

    /// Reads a text as this log writes it, without extension lines.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
        let root = STANDARD.decode(root).ok()?.try_into().ok()?;
        let checkpoint = Self { origin: origin.to_owned(), size: size.parse().ok()?, root };
        (checkpoint.text() == text).then_some(checkpoint)
    }
}
