//! The verifier's tree against two other implementations, ct-merkle and tlog_tiles, which know nothing
//! of what writes the shop's log.
#![cfg(test)]

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;
use sha2::Sha256;
use tlog_tiles::{HashReader, prove_record, stored_hashes};

use crate::tree::{Hash, Tree, of_leaf, root_by};

fn entry(n: u64) -> Vec<u8> {
    n.to_be_bytes()[..usize::try_from(n % 9).unwrap()].to_vec()
}

fn hashes(bytes: &[u8]) -> Vec<Hash> {
    bytes.as_chunks::<32>().0.to_vec()
}

#[test]
fn every_proof_of_another_leads_to_the_root() {
    let mut other = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    let mut tree = Tree::default();
    assert_eq!(tree.root().as_slice(), other.root().as_bytes().as_slice());
    for size in 1..=512 {
        other.push(entry(size - 1));
        tree.append(&entry(size - 1));
        assert_eq!(tree.root().as_slice(), other.root().as_bytes().as_slice(), "{size}");
        for index in 0..size {
            let proof = hashes(other.prove_inclusion(usize::try_from(index).unwrap()).as_bytes());
            let root = root_by(of_leaf(&entry(index)), index, size, &proof);
            assert_eq!(root, Some(tree.root()), "{index} of {size}");
        }
    }
    assert_eq!(root_by([0; 32], 512, 512, &[]), None);
}

/// Hashes as Go's sumdb stores them.
struct Stored(Vec<tlog_tiles::Hash>);

impl HashReader for Stored {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
        Ok(indexes.iter().map(|index| self.0[usize::try_from(*index).unwrap()]).collect())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_proof_that_was_changed_leads_elsewhere(
        (size, index) in (1..600u64).prop_flat_map(|size| (Just(size), 0..size)),
        other in any::<prop::sample::Index>(),
        bit in 0..8u8,
    ) {
        let mut stored = Stored(Vec::new());
        let mut tree = Tree::default();
        for n in 0..size {
            let new = stored_hashes(n, &entry(n), &stored).unwrap();
            stored.0.extend(new);
            tree.append(&entry(n));
        }
        let proof: Vec<Hash> =
            prove_record(size, index, &stored).unwrap().iter().map(|hash| hash.0).collect();
        let (leaf, root) = (of_leaf(&entry(index)), Some(tree.root()));
        prop_assert_eq!(root_by(leaf, index, size, &proof), root);
        let longer = [proof.as_slice(), &[[0; 32]]].concat();
        prop_assert_ne!(root_by(leaf, index, size, &longer), root);
        let elsewhere = other.index(usize::try_from(size).unwrap()) as u64;
        prop_assert_eq!(root_by(leaf, elsewhere, size, &proof) == root, elsewhere == index);
        if !proof.is_empty() {
            let mut changed = proof.clone();
            changed[other.index(proof.len())][9] ^= 1 << bit;
            prop_assert_ne!(root_by(leaf, index, size, &changed), root);
            prop_assert_ne!(root_by(leaf, index, size, &proof[1..]), root);
        }
    }
}
