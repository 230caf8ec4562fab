//! Checks the shop's tamper-evident log from outside: an export, a receipt, or both against what
//! was signed before.
//!
//! Nothing here comes from what writes the log, and nothing of the shop is known: a mistake in the one
//! cannot hide in the other. What is read is C2SP's tlog-tiles, tlog-checkpoint, signed-note and
//! tlog-proof over the tree of RFC 6962. It promises that whoever holds one older checkpoint finds every
//! change, loss, addition and reordering of what that checkpoint was signed over, also when the one
//! who made it has the key.

mod entry;
mod export;
mod note;
mod receipt;
mod tree;
mod tree_agreement;
mod witness;

pub use entry::Entry;
pub use export::{Verified, verify_export};
pub use note::{Checkpoint, Key};
pub use receipt::{Proved, verify_receipt};
pub use tree::Tree;
pub use witness::{Refusal, Request, Witness, WitnessKey};

/// What is wrong.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A file cannot be read.
    #[error("{file} cannot be read: {source}")]
    Unreadable {
        /// Which.
        file: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The key is none.
    #[error("the key is not of the form name+id+key")]
    Key,
    /// A note is none.
    #[error("the {0} is no signed checkpoint")]
    Note(&'static str),
    /// A note is not signed by the key.
    #[error("the {0} is not signed by the key")]
    Unsigned(&'static str),
    /// A note is not signed by the witness.
    #[error("the {what} is not signed by the witness {witness}")]
    Unwitnessed {
        /// Which checkpoint.
        what: &'static str,
        /// Whose signature is missing or wrong.
        witness: String,
    },
    /// Witnesses have not signed all of it.
    #[error(
        "only the first {known} of {size} entries are signed by the witness: export again, or wait for it"
    )]
    Unseen {
        /// How many they signed.
        known: u64,
        /// How many there are.
        size: u64,
    },
    /// The checkpoint is of another log.
    #[error("the {what} is of the log {found}, and the key is of {expected}")]
    Origin {
        /// Which checkpoint.
        what: &'static str,
        /// The log it is of.
        found: String,
        /// The log the key is of.
        expected: String,
    },
    /// Fewer entries than there were.
    #[error(
        "the export has {found} entries and there were {known}: some are gone, or it is an older one"
    )]
    Shrunk {
        /// How many the older checkpoint says.
        known: u64,
        /// How many the export's says.
        found: u64,
    },
    /// The first entries are not those that were signed before.
    #[error("the first {size} entries are not those that were signed before: history was changed")]
    Forked {
        /// How many the older checkpoint was signed over.
        size: u64,
    },
    /// The entries are not those the checkpoint was signed over.
    #[error("the entries do not make the root that was signed")]
    Root,
    /// A file has not what it must have.
    #[error("{file} {what}")]
    File {
        /// Which.
        file: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A receipt is none.
    #[error("the receipt is malformed: {0}")]
    Receipt(&'static str),
    /// A receipt's proof leads to another root.
    #[error("the receipt's proof does not lead from its entry to the root that was signed")]
    Proof,
}
