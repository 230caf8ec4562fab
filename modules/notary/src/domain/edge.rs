//! The right edge of the tree: all that has to be known of a log to go on with it, however long it is.

use super::merkle::{Hash, Span, complete_root, leaf_hash, root_of};
use super::tile::{FULL, Kind, Tile, from_entries, from_hashes};

/// A file as it is to be written.
pub(crate) type File = (Tile, Vec<u8>);

/// The tiles of a log that are not full: of each level, and of its entries.
#[derive(Debug, Clone, Default)]
pub(crate) struct Edge {
    size: u64,
    levels: Vec<Vec<Hash>>,
    entries: Vec<Vec<u8>>,
}

/// An entry is longer than a bundle can hold.
#[derive(Debug, thiserror::Error)]
#[error("an entry has more than 65535 bytes")]
pub(crate) struct TooLong;

impl Edge {
    /// The levels that a log of `size` entries has.
    pub(crate) fn levels_of(size: u64) -> impl Iterator<Item = u32> {
        (0..).take_while(move |level| Tile::at(Kind::Hashes(*level), 0, size).is_some())
    }

    /// The edge of a log of `size` entries, by the hashes of its tile of each level, from 0 on, and the
    /// entries of its bundle that are not full.
    pub(crate) fn new(size: u64, levels: Vec<Vec<Hash>>, entries: Vec<Vec<u8>>) -> Self {
        Self { size, levels, entries }
    }

    /// Goes on with an entry; `full` takes the files that it fills.
    pub(crate) fn append(&mut self, entry: Vec<u8>, full: &mut Vec<File>) -> Result<(), TooLong> {
        let mut hash = leaf_hash(&entry);
        self.entries.push(entry);
        self.size += 1;
        let mut index = self.size;
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            let hashes = &mut self.levels[level];
            hashes.push(hash);
            if (hashes.len() as u64) < FULL {
                break;
            }
            index /= FULL;
            let hashes = std::mem::take(hashes);
            let tile = |kind| Tile { kind, index: index - 1, width: FULL };
            if level == 0 {
                let entries = std::mem::take(&mut self.entries);
                full.push((tile(Kind::Entries), from_entries(&entries).ok_or(TooLong)?));
            }
            let kind = Kind::Hashes(u32::try_from(level).unwrap_or(u32::MAX));
            full.push((tile(kind), from_hashes(&hashes)));
            hash = complete_root(&hashes);
        }
        Ok(())
    }

    /// The files that are not full.
    pub(crate) fn partial(&self) -> Result<Vec<File>, TooLong> {
        let mut files = Vec::new();
        if let Some(tile) = Tile::partial(Kind::Entries, self.size) {
            files.push((tile, from_entries(&self.entries).ok_or(TooLong)?));
        }
        for (level, hashes) in (0..).zip(&self.levels) {
            let tile = Tile::partial(Kind::Hashes(level), self.size);
            files.extend(tile.map(|tile| (tile, from_hashes(hashes))));
        }
        Ok(files)
    }

    /// How many entries the log has.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// The root of its tree.
    pub(crate) fn root(&self) -> Hash {
        let mut subtrees = Vec::new();
        for hashes in self.levels.iter().rev() {
            let mut left = hashes.as_slice();
            for node in (Span { start: 0, end: hashes.len() as u64 }).nodes() {
                let (subtree, rest) = left.split_at(1 << node.height);
                subtrees.push(complete_root(subtree));
                left = rest;
            }
        }
        root_of(&subtrees)
    }
}
