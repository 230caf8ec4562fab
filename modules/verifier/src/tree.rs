//! The tree of RFC 6962, by the iterative algorithms of RFC 9162, section 2.1.

use sha2::{Digest, Sha256};

pub(crate) type Hash = [u8; 32];

pub(crate) fn of_leaf(entry: &[u8]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(b"\x00");
    hasher.update(entry);
    hasher.finalize().into()
}

pub(crate) fn of_pair(left: &Hash, right: &Hash) -> Hash {
    let mut both = [1; 65];
    both[1..33].copy_from_slice(left);
    both[33..].copy_from_slice(right);
    Sha256::digest(both).into()
}

/// A tree that grows by one entry at a time and remembers one hash for each complete subtree.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    size: u64,
    peaks: Vec<Hash>,
}

impl Tree {
    /// Adds an entry by its hash.
    pub(crate) fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                hash = of_pair(&left, &hash);
            }
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// Adds an entry.
    pub fn append(&mut self, entry: &[u8]) {
        self.push(of_leaf(entry));
    }

    /// How many entries there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root over them.
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        match peaks.next() {
            None => Sha256::digest(b"").into(),
            Some(last) => peaks.fold(*last, |right, left| of_pair(left, &right)),
        }
    }
}

/// Whether a proof shows that a tree of entries is the beginning of another (RFC 9162, section 2.1.4.2).
pub(crate) fn goes_on(old: (u64, Hash), new: (u64, Hash), proof: &[Hash]) -> bool {
    let ((old, old_root), (new, new_root)) = (old, new);
    if old == 0 || old == new {
        return proof.is_empty() && (old == 0 || old_root == new_root);
    }
    if old > new {
        return false;
    }
    // The proof leaves out what the old root says already.
    let mut hashes = old.is_power_of_two().then_some(&old_root).into_iter().chain(proof);
    let Some(first) = hashes.next() else { return false };
    let (mut at, mut last) = (old - 1, new - 1);
    let complete = at.trailing_ones();
    (at, last) = (at >> complete, last >> complete);
    let (mut left, mut all) = (*first, *first);
    for hash in hashes {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            left = of_pair(hash, &left);
            all = of_pair(hash, &all);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            all = of_pair(&all, hash);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && left == old_root && all == new_root
}

/// The root that a proof leads to from an entry (RFC 9162, section 2.1.3.2); none when it is too short
/// or too long for the entry's place.
pub(crate) fn root_by(leaf: Hash, index: u64, size: u64, proof: &[Hash]) -> Option<Hash> {
    if index >= size {
        return None;
    }
    let (mut at, mut last, mut root) = (index, size - 1, leaf);
    for hash in proof {
        if last == 0 {
            return None;
        }
        if at & 1 == 1 || at == last {
            root = of_pair(hash, &root);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            root = of_pair(&root, hash);
        }
        at >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(root)
}
