use std::io;
use std::path::PathBuf;

use platform::sql;

/// Why the files of the log cannot be used, or must not be gone on with.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// A file cannot be read or written.
    #[error("{}", file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file of the signing key has none.
    #[error("{} is no signing key of the log; it must be a line PRIVATE+KEY+name+id+key", file.display())]
    Key {
        /// Which file.
        file: PathBuf,
    },
    /// `notary.origin` cannot name a log.
    #[error(
        "notary.origin must be a name without spaces and plus signs, such as shop.example/ledger"
    )]
    Origin,
    /// The checkpoint is none of this log.
    #[error("the log's checkpoint cannot be gone on with: {0}")]
    Checkpoint(&'static str),
    /// Another node has published since, or is publishing.
    #[error("another node went on with the log")]
    Overtaken,
    /// A tile is missing, or has not what it must have.
    #[error("the log's file {path} is missing or damaged; restore it from an export")]
    Damaged {
        /// Its place in the folder.
        path: String,
    },
    /// A full tile would have been changed.
    #[error("the log's file {path} is full and would have been changed")]
    Overwritten {
        /// Its place in the folder.
        path: String,
    },
    /// What would be signed is not what was signed before, and more.
    #[error("what would be signed does not go on from what was signed")]
    Fork,
    /// An entry is too long.
    #[error("an entry of the log is too long")]
    TooLong,
    /// There are not so many entries.
    #[error("the log has {size} entries")]
    Beyond {
        /// How many there are.
        size: u64,
    },
}

/// Why a witness did not sign.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// `notary.witnesses` has a key that is none.
    #[error(
        "notary.witnesses: {0} is no key of a witness; it must be name+id+key, as `stoa witness` tells it"
    )]
    Key(String),
    /// Or an address.
    #[error("notary.witnesses: {0} is no address")]
    Url(String),
    /// Calls cannot be made at all.
    #[error("calls to witnesses cannot be made")]
    Client(#[source] reqwest::Error),
    /// It did not answer.
    #[error("the witness {name} did not answer")]
    Silent {
        /// Which.
        name: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// What it answered is no signature of its own.
    #[error("the witness {name} answered without its signature")]
    Unsigned {
        /// Which.
        name: String,
    },
    /// It has signed more than there is: the log was taken back, or there is another one under its name.
    #[error("the witness {name} has signed {seen} entries of this log, and there are {size}")]
    Ahead {
        /// Which.
        name: String,
        /// How many it signed.
        seen: u64,
        /// How many there are.
        size: u64,
    },
    /// It refused: it does not know the log, or has seen another one under its name.
    #[error("the witness {name} refused the checkpoint ({status})")]
    Refused {
        /// Which.
        name: String,
        /// Its HTTP status.
        status: u16,
    },
    /// The log could not prove that it goes on.
    #[error("a proof for a witness cannot be made")]
    Proof(#[source] Box<Error>),
}

/// Why the log was not gone on with, or could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database.
    #[error(transparent)]
    Sql(#[from] sql::Error),
    /// The files.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The database has fewer entries than were signed: it was restored from a backup. Going on would
    /// sign another log under the same name.
    #[error(
        "the database has {head} entries of the log and {signed} are signed: it was restored from a \
         backup; take the signed ones over with `stoa ledger adopt`"
    )]
    Behind {
        /// How many the database has.
        head: u64,
        /// How many are signed.
        signed: u64,
    },
    /// An entry of the database is not the one that was signed.
    #[error("the database has another entry {index} than was signed: it belongs to another log")]
    Fork {
        /// Which entry.
        index: u64,
    },
    /// The database has entries, and the folder of the log has no checkpoint of them.
    #[error(
        "the database has {head} entries of the log and its folder has no checkpoint: restore the folder"
    )]
    Lost {
        /// How many the database has.
        head: u64,
    },
    /// Another node is the sequencer.
    #[error("a server that runs seals; stop it, or wait for `notary.lease_ms` after it stopped")]
    Led,
    /// A subject's key cannot be sealed or opened.
    #[error("a key of a subject cannot be sealed or opened: the folder of keys is another one")]
    Vault,
    /// A witness.
    #[error(transparent)]
    Witness(#[from] WitnessError),
    /// The work on files was given up.
    #[error("the work on the log's files ended too early")]
    Stopped,
}

/// The result of asking the log for something.
pub type Result<T, E = Error> = std::result::Result<T, E>;
