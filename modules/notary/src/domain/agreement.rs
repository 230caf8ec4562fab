//! The tree is that of RFC 6962: the RFC's own example, and two other implementations, ct-merkle and
//! tlog_tiles.
#![cfg(test)]

use std::collections::HashMap;
use std::sync::LazyLock;

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;
use sha2::Sha256;
use tlog_tiles::{
    HashReader, check_record, check_tree, prove_record, prove_tree, split_stored_hash_index,
};

use super::edge::Edge;
use super::merkle::{
    Hash, Span, complete_root, consistency, empty_root, inclusion, is_consistent, leaf_hash,
    node_hash, root_of,
};

/// Up to this size every inclusion proof is compared.
const INCLUSIONS: u64 = 1_024;
/// Up to this size every consistency proof is.
const CONSISTENCIES: u64 = 512;

fn entry(n: u64) -> Vec<u8> {
    n.to_be_bytes()[..usize::try_from(n % 9).unwrap()].to_vec()
}

/// The hashes of all complete subtrees, by height.
struct Whole(Vec<Vec<Hash>>);

impl Whole {
    fn of(size: u64) -> Self {
        let mut levels = vec![(0..size).map(|n| leaf_hash(&entry(n))).collect::<Vec<_>>()];
        while levels.last().unwrap().len() > 1 {
            let (pairs, _) = levels.last().unwrap().as_chunks::<2>();
            levels.push(pairs.iter().map(|[left, right]| node_hash(left, right)).collect());
        }
        Self(levels)
    }

    fn span(&self, span: Span) -> Hash {
        let at = |height: u32, index: u64| {
            self.0[usize::try_from(height).unwrap()][usize::try_from(index).unwrap()]
        };
        let nodes = span.nodes().into_iter().map(|node| at(node.height, node.index));
        root_of(&nodes.collect::<Vec<_>>())
    }

    fn root(&self, size: u64) -> Hash {
        self.span(Span { start: 0, end: size })
    }

    fn proof(&self, spans: &[Span]) -> Vec<Hash> {
        spans.iter().map(|span| self.span(*span)).collect()
    }
}

impl HashReader for Whole {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
        let read = |index: &u64| {
            let (level, n) = split_stored_hash_index(*index);
            tlog_tiles::Hash(self.0[usize::from(level)][usize::try_from(n).unwrap()])
        };
        Ok(indexes.iter().map(read).collect())
    }
}

/// Hashes that were folded once, for many proofs end in the same right edge.
struct Remembered<'w> {
    whole: &'w Whole,
    known: HashMap<(u64, u64), Hash>,
}

impl Remembered<'_> {
    fn proof(&mut self, spans: &[Span]) -> Vec<Hash> {
        let hash = |span: &Span| {
            *self.known.entry((span.start, span.end)).or_insert_with(|| self.whole.span(*span))
        };
        spans.iter().map(hash).collect()
    }
}

#[test]
fn the_example_of_the_rfc() {
    let entries = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ];
    let roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let mut edge = Edge::default();
    assert_eq!(edge.root(), empty_root());
    for (entry, root) in entries.into_iter().zip(roots) {
        edge.append(hex::decode(entry).unwrap(), &mut Vec::new()).unwrap();
        assert_eq!(hex::encode(edge.root()), root);
    }
}

#[test]
fn every_inclusion_proof_is_that_of_two_others() {
    let whole = Whole::of(INCLUSIONS);
    let mut known = Remembered { whole: &whole, known: HashMap::new() };
    let mut other = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    let mut edge = Edge::default();
    for size in 1..=INCLUSIONS {
        other.push(entry(size - 1));
        edge.append(entry(size - 1), &mut Vec::new()).unwrap();
        assert_eq!(edge.root(), whole.root(size), "{size}");
        assert_eq!(other.root().as_bytes().as_slice(), edge.root(), "{size}");
        for index in 0..size {
            let proof = known.proof(&inclusion(index, size));
            let others = other.prove_inclusion(usize::try_from(index).unwrap());
            assert_eq!(proof.as_flattened(), others.as_bytes(), "{index} of {size}");
            // It folds the right edge again for each proof: of larger sizes some are enough.
            if size <= 256 || size % 16 == 0 {
                let third = prove_record(size, index, &whole).unwrap();
                assert!(third.iter().map(|hash| hash.0).eq(proof), "{index} of {size}");
            }
        }
    }
}

#[test]
fn every_consistency_proof_is_that_of_two_others_and_is_good() {
    let whole = Whole::of(CONSISTENCIES);
    let mut known = Remembered { whole: &whole, known: HashMap::new() };
    let mut other = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    for new in 1..=CONSISTENCIES {
        other.push(entry(new - 1));
        let root = whole.root(new);
        assert!(is_consistent((0, empty_root()), (new, root), &[]));
        assert!(!is_consistent((0, root), (new, root), &[]));
        for old in 1..=new {
            let proof = known.proof(&consistency(old, new));
            let others = other.prove_consistency(usize::try_from(new - old).unwrap());
            assert_eq!(proof.as_flattened(), others.as_bytes(), "{old} of {new}");
            let third = prove_tree(new, old, &whole).unwrap();
            assert!(third.iter().map(|hash| hash.0).eq(proof.iter().copied()), "{old} of {new}");
            let older = known.proof(&[Span { start: 0, end: old }])[0];
            assert!(is_consistent((old, older), (new, root), &proof), "{old} of {new}");
        }
    }
}

static LARGE: LazyLock<Whole> = LazyLock::new(|| Whole::of(1 << 16));

proptest! {
    #[test]
    fn proofs_of_large_trees_are_taken_by_another(
        (old, new, index) in (1..=1u64 << 16)
            .prop_flat_map(|new| (1..=new, Just(new), 0..new)),
        wrong in any::<prop::sample::Index>(),
    ) {
        let root = tlog_tiles::Hash(LARGE.root(new));
        let older = LARGE.root(old);
        let hashes = |proof: &[Hash]| -> Vec<tlog_tiles::Hash> {
            proof.iter().copied().map(tlog_tiles::Hash).collect()
        };
        let of_leaf = LARGE.proof(&inclusion(index, new));
        let leaf = tlog_tiles::Hash(LARGE.0[0][usize::try_from(index).unwrap()]);
        prop_assert!(check_record(&hashes(&of_leaf), new, root, index, leaf).is_ok());
        let mut of_tree = LARGE.proof(&consistency(old, new));
        prop_assert!(
            check_tree(&hashes(&of_tree), new, root, old, tlog_tiles::Hash(older)).is_ok()
        );
        prop_assert!(is_consistent((old, older), (new, root.0), &of_tree));
        if !of_tree.is_empty() {
            let wrong = wrong.index(of_tree.len());
            of_tree[wrong][7] ^= 1;
            prop_assert!(!is_consistent((old, older), (new, root.0), &of_tree));
            of_tree[wrong][7] ^= 1;
            of_tree.pop();
            prop_assert!(!is_consistent((old, older), (new, root.0), &of_tree));
        }
    }
}

#[test]
fn an_edge_is_gone_on_with_from_its_tiles() {
    let whole = Whole::of(600);
    let mut edge = Edge::default();
    let mut full = Vec::new();
    for n in 0..600 {
        edge.append(entry(n), &mut full).unwrap();
    }
    let paths: Vec<String> = full.iter().map(|(tile, _)| tile.path()).collect();
    assert_eq!(paths, ["tile/entries/000", "tile/0/000", "tile/entries/001", "tile/0/001"]);
    assert_eq!(full[1].1, whole.0[0][..256].as_flattened());
    let partial = edge.partial().unwrap();
    let paths: Vec<String> = partial.iter().map(|(tile, _)| tile.path()).collect();
    assert_eq!(paths, ["tile/entries/002.p/88", "tile/0/002.p/88", "tile/1/000.p/2"]);
    let first = complete_root(&whole.0[0][..256]);
    assert_eq!(partial[2].1[..32], first);
    assert_eq!(edge.root(), whole.root(600));
}
