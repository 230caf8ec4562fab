//! An export: every entry is hashed again, every tile compared, and the roots of two checkpoints.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Fault;
use crate::note::{Checkpoint, Key};
use crate::tree::{Hash, Tree, of_leaf, of_pair};

/// How many entries or hashes a full tile has.
const TILE: usize = 256;

/// What was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// What the export's checkpoint says.
    pub checkpoint: Checkpoint,
    /// How many of its entries were signed before, by the older checkpoint.
    pub known: Option<u64>,
}

/// Verifies an export: its checkpoint is signed by the key, its entries and tiles are exactly those it was
/// signed over, and they go on from an older checkpoint.
pub fn verify_export(folder: &Path, key: &Key, older: Option<&[u8]>) -> Result<Verified, Fault> {
    let export = Export(folder.to_owned());
    let checkpoint = key.checkpoint(&export.read("checkpoint")?, "checkpoint of the export")?;
    let older = older.map(|note| key.checkpoint(note, "older checkpoint")).transpose()?;
    if let Some(older) = &older
        && older.size > checkpoint.size
    {
        return Err(Fault::Shrunk { known: older.size, found: checkpoint.size });
    }
    let mut walk = Walk::new(&export, older.as_ref());
    walk.reached()?;
    let mut left = checkpoint.size;
    for n in 0.. {
        if left == 0 {
            break;
        }
        let width = left.min(TILE as u64);
        walk.bundle(n, usize::try_from(width).unwrap_or(TILE))?;
        left -= width;
    }
    walk.end()?;
    if walk.tree.root() != checkpoint.root {
        return Err(Fault::Root);
    }
    Ok(Verified { checkpoint, known: older.map(|older| older.size) })
}

struct Export(PathBuf);

impl Export {
    fn read(&self, name: &str) -> Result<Vec<u8>, Fault> {
        let unreadable = |source| Fault::Unreadable { file: name.to_owned(), source };
        fs::read(self.0.join(name)).map_err(unreadable)
    }
}

/// `tile/<what>/<n>[.p/<width>]`.
fn place(what: &str, n: usize, width: usize) -> String {
    let digits = n.to_string();
    let padded = format!("{:0>1$}", digits, digits.len().div_ceil(3) * 3);
    let groups: Vec<&str> =
        (0..padded.len()).step_by(3).map(|start| &padded[start..start + 3]).collect();
    let (last, before) = (groups[groups.len() - 1], &groups[..groups.len() - 1]);
    let before = before.iter().fold(String::new(), |place, group| place + "x" + group + "/");
    let partial = if width == TILE { String::new() } else { format!(".p/{width}") };
    format!("tile/{what}/{before}{last}{partial}")
}

/// On the way through the entries.
struct Walk<'e> {
    export: &'e Export,
    older: Option<&'e Checkpoint>,
    tree: Tree,
    /// Of each level, how many full tiles there were, and the hashes of the next one.
    levels: Vec<(usize, Vec<Hash>)>,
}

impl<'e> Walk<'e> {
    fn new(export: &'e Export, older: Option<&'e Checkpoint>) -> Self {
        Self { export, older, tree: Tree::default(), levels: Vec::new() }
    }

    /// The entries of a bundle of a width.
    fn bundle(&mut self, n: usize, width: usize) -> Result<(), Fault> {
        let file = place("entries", n, width);
        let bytes = self.export.read(&file)?;
        let mut rest = bytes.as_slice();
        for _ in 0..width {
            let wrong = || Fault::File { file: file.clone(), what: "has too few entries" };
            let (length, behind) = rest.split_first_chunk::<2>().ok_or_else(wrong)?;
            let length = usize::from(u16::from_be_bytes(*length));
            let (entry, behind) = behind.split_at_checked(length).ok_or_else(wrong)?;
            rest = behind;
            self.entry(entry)?;
        }
        if rest.is_empty() {
            return Ok(());
        }
        Err(Fault::File { file, what: "has more than its entries" })
    }

    fn entry(&mut self, entry: &[u8]) -> Result<(), Fault> {
        let leaf = of_leaf(entry);
        self.tree.push(leaf);
        self.hash(0, leaf)?;
        self.reached()
    }

    /// A hash of a level; a tile that it fills is compared and is a hash of the next level.
    fn hash(&mut self, level: usize, hash: Hash) -> Result<(), Fault> {
        if level == self.levels.len() {
            self.levels.push((0, Vec::with_capacity(TILE)));
        }
        let (full, hashes) = &mut self.levels[level];
        hashes.push(hash);
        if hashes.len() < TILE {
            return Ok(());
        }
        let (n, hashes) = (*full, std::mem::take(hashes));
        *full += 1;
        self.compare(level, n, &hashes)?;
        self.hash(level + 1, folded(hashes))
    }

    fn compare(&self, level: usize, n: usize, hashes: &[Hash]) -> Result<(), Fault> {
        let file = place(&level.to_string(), n, hashes.len());
        if self.export.read(&file)? == hashes.as_flattened() {
            return Ok(());
        }
        Err(Fault::File { file, what: "is not what its entries make" })
    }

    /// Compares the root when the older checkpoint was signed over as many entries.
    fn reached(&self) -> Result<(), Fault> {
        match self.older {
            Some(older) if older.size == self.tree.size() && older.root != self.tree.root() => {
                Err(Fault::Forked { size: older.size })
            }
            _ => Ok(()),
        }
    }

    /// Compares the tiles that are not full.
    fn end(&self) -> Result<(), Fault> {
        for (level, (full, hashes)) in self.levels.iter().enumerate() {
            if !hashes.is_empty() {
                self.compare(level, *full, hashes)?;
            }
        }
        Ok(())
    }
}

/// The root over the hashes of a full tile.
fn folded(mut hashes: Vec<Hash>) -> Hash {
    while hashes.len() > 1 {
        let (pairs, _) = hashes.as_chunks::<2>();
        hashes = pairs.iter().map(|[left, right]| of_pair(left, right)).collect();
    }
    hashes.pop().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_of_the_specification() {
        assert_eq!(place("0", 1_234_067, TILE), "tile/0/x001/x234/067");
        assert_eq!(place("entries", 0, 7), "tile/entries/000.p/7");
        assert_eq!(place("1", 1_000, TILE), "tile/1/x001/000");
        assert_eq!(place("2", 999, 255), "tile/2/999.p/255");
    }
}
