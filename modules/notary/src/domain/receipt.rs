//! Receipts as C2SP's tlog-proof has them: an entry, its proof and the checkpoint, in one text.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::merkle::Hash;

/// The receipt of an entry at a place, which a reader can check without the shop.
pub(crate) fn receipt(entry: &[u8], index: u64, proof: &[Hash], checkpoint: &str) -> String {
    let entry = STANDARD.encode(entry);
    let proof: String = proof.iter().map(|hash| STANDARD.encode(hash) + "\n").collect();
    format!("c2sp.org/tlog-proof@v1\nextra {entry}\nindex {index}\n{proof}\n{checkpoint}")
}
