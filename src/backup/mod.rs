//! Backups of a whole shop: everything that is its truth, of one moment, in one folder, and back from there.
//!
//! A backup has the databases, the pictures and files of imports that their rows name, and what is signed of the
//! tamper-evident log. It has no keys: a backup that lies beside what opens it protects nothing. What can be made again,
//! such as the search index, is not in it either.

mod erased;
mod files;
mod manifest;
mod postgres;
mod restore;
mod take;

use std::io;
use std::path::{Path, PathBuf};

use platform::sql;

pub use erased::{Erasures, erasures, read_erasures, write_erasures};
pub use manifest::{Kept, Manifest, checked};
pub use postgres::apart;
pub use restore::{Asked, Opened, Restored, put_aside, recovered, refuse_unfinished, restore};
pub use take::{Taken, take};

/// The folders of the data folder that rows of the databases name files of.
const TREES: [&str; 2] = ["media", "imports"];
/// The folder of what is signed of the tamper-evident log.
const LOG: &str = "ledger";

/// Why there is no backup, or nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read or written: the disk is full, for one.
    #[error("{}: {source}", file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A database did not do what it was asked.
    #[error(transparent)]
    Storage(#[from] sql::Error),
    /// The tamper-evident log cannot be copied.
    #[error("the tamper-evident log cannot be copied")]
    Log(#[from] notary::LogError),
    /// The keys of people cannot be read.
    #[error("the erased people cannot be read")]
    People(#[from] privacy::Error),
    /// A tool of PostgreSQL is missing, or did not do what it was asked.
    #[error("{tool}: {told}")]
    Tool {
        /// Which.
        tool: &'static str,
        /// What it said.
        told: String,
    },
    /// The databases were never free at one moment.
    #[error("other processes held the databases for a minute: there is no backup; try again")]
    Busy,
    /// Something is in the way, or missing, or not what it should be.
    #[error("{0}")]
    Refused(String),
    /// What was restored cannot be opened.
    #[error("what was restored cannot be opened, and no shop starts with it")]
    Unopened(#[source] crate::command::Failure),
}

type Result<T> = std::result::Result<T, Error>;

fn refused<T>(why: impl Into<String>) -> Result<T> {
    Err(Error::Refused(why.into()))
}

fn at(file: &Path) -> impl Fn(io::Error) -> Error {
    move |source| Error::File { file: file.to_owned(), source }
}

/// Work on files, on a thread that may wait for a disk.
async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(_) => Err(Error::Storage(sql::Error::Closed)),
    }
}
