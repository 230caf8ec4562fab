//! The Merkle tree of RFC 6962, section 2.1: which subtrees a proof is made of, and how they are hashed.

use sha2::{Digest, Sha256};

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// The hash of an entry.
pub fn leaf_hash(entry: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(entry).finalize().into()
}

/// The hash over two subtrees.
pub(crate) fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The root of the tree without entries.
pub(crate) fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// The root over complete subtrees from left to right, each smaller than the one before it.
pub(crate) fn root_of(subtrees: &[Hash]) -> Hash {
    let joined = subtrees.iter().rev().copied().reduce(|right, left| node_hash(&left, &right));
    joined.unwrap_or_else(empty_root)
}

/// The root over `2^k` subtrees of one size.
pub(crate) fn complete_root(hashes: &[Hash]) -> Hash {
    match hashes {
        [] => empty_root(),
        [hash] => *hash,
        _ => {
            let (left, right) = hashes.split_at(hashes.len() / 2);
            node_hash(&complete_root(left), &complete_root(right))
        }
    }
}

/// Entries from `start` to before `end` that are a subtree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub start: u64,
    pub end: u64,
}

/// The complete subtree over the `2^height` entries from `index * 2^height` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Node {
    pub height: u32,
    pub index: u64,
}

impl Span {
    /// Its left subtree, which is the largest complete one, and its right one.
    fn halves(self) -> (Self, Self) {
        let middle = self.start + (1 << (self.end - self.start - 1).ilog2());
        (Self { end: middle, ..self }, Self { start: middle, ..self })
    }

    /// The complete subtrees it is made of, from left to right.
    pub(crate) fn nodes(self) -> Vec<Node> {
        let mut nodes = Vec::new();
        let mut at = self.start;
        while at < self.end {
            let height = (self.end - at).ilog2().min(at.trailing_zeros());
            nodes.push(Node { height, index: at >> height });
            at += 1 << height;
        }
        nodes
    }
}

/// The subtrees of the proof that the entry at `index` is in the tree of `size`, the entry's neighbour
/// first (section 2.1.1).
pub(crate) fn inclusion(index: u64, size: u64) -> Vec<Span> {
    let mut path = Vec::new();
    let mut within = Span { start: 0, end: size };
    while within.end - within.start > 1 {
        let (left, right) = within.halves();
        let (near, far) = if index < left.end { (left, right) } else { (right, left) };
        path.push(far);
        within = near;
    }
    path.reverse();
    path
}

/// The subtrees of the proof that the tree of `old` entries is the beginning of the one of `new`
/// (section 2.1.2). Nothing has to be proved of the empty tree.
pub(crate) fn consistency(old: u64, new: u64) -> Vec<Span> {
    if old == 0 {
        return Vec::new();
    }
    let (mut path, at) = descent(old, new);
    if at.start > 0 {
        path.push(at);
    }
    path.reverse();
    path
}

/// The way from the root to the smallest subtree that ends where the old tree ends: what is left aside,
/// and the subtree.
fn descent(old: u64, new: u64) -> (Vec<Span>, Span) {
    let mut aside = Vec::new();
    let mut at = Span { start: 0, end: new };
    while at.end > old {
        let (left, right) = at.halves();
        let (far, near) = if old <= left.end { (right, left) } else { (left, right) };
        aside.push(far);
        at = near;
    }
    (aside, at)
}

/// Whether a proof shows that the tree of `old.0` entries with the root `old.1` is the beginning of the
/// new one.
pub(crate) fn is_consistent(old: (u64, Hash), new: (u64, Hash), proof: &[Hash]) -> bool {
    if old.0 > new.0 {
        return false;
    }
    if old.0 == 0 {
        return proof.is_empty() && old.1 == empty_root();
    }
    let (aside, mut at) = descent(old.0, new.0);
    let (first, rest) = match proof.split_first() {
        Some((first, rest)) if at.start > 0 => (*first, rest),
        _ => (old.1, proof),
    };
    if rest.len() != aside.len() {
        return false;
    }
    let (mut older, mut newer) = (first, first);
    for (span, hash) in aside.iter().rev().zip(rest) {
        if span.start < at.start {
            older = node_hash(hash, &older);
            newer = node_hash(hash, &newer);
        } else {
            newer = node_hash(&newer, hash);
        }
        at = Span { start: at.start.min(span.start), end: at.end.max(span.end) };
    }
    older == old.1 && newer == new.1
}
