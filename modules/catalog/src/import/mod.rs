//! Files of products, record by record, as they are read.

mod batch;
mod errors;
mod folder;
mod overlay;
mod prices;
mod read;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Seek};

use platform::audit::Actor;

pub use crate::domain::Format;
use crate::domain::LineError;

pub(crate) use batch::{Batch, Batches};
pub(crate) use errors::ErrorFile;
pub(crate) use folder::{ImportFolder, Upload};
pub(crate) use overlay::Overlay;
pub(crate) use prices::PriceRows;
pub(crate) use read::{Reader, fingerprint, object};

/// How a file is imported.
#[derive(Debug)]
pub struct Import {
    /// How it holds its products.
    pub format: Format,
    /// Decide about every line and write nothing.
    pub dry_run: bool,
    /// Whom the audit log names.
    pub actor: Actor,
    /// Where every line that is left out is written to, as CSV of line, field and message. What an
    /// interrupted run of the same import wrote there is kept.
    pub errors: Option<File>,
}

impl From<Format> for Import {
    fn from(format: Format) -> Self {
        Self { format, dry_run: false, actor: Actor::SYSTEM, errors: None }
    }
}

/// How far an import has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Records done, those of an earlier run of the same import too.
    pub records: u64,
    /// Bytes of the file that are read.
    pub bytes: u64,
    /// Bytes of the file.
    pub bytes_total: u64,
}

/// What an import came to, all its runs together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Products that are new.
    pub created: u64,
    /// Products that changed.
    pub updated: u64,
    /// Products that were as the file says.
    pub unchanged: u64,
    /// Lines that were left out.
    pub failed: u64,
    /// Records an earlier run had done.
    pub resumed_after: u64,
    /// Why lines of this run were left out, the first [`ERRORS_MAX`] of them.
    pub errors: Vec<LineError>,
    /// Fields the catalogue does not know and did not read.
    pub ignored_fields: BTreeSet<String>,
}

impl Report {
    /// Names errors while there is room.
    pub(crate) fn add_errors(&mut self, errors: Vec<LineError>) {
        let free = ERRORS_MAX.saturating_sub(self.errors.len());
        self.errors.extend(errors.into_iter().take(free));
    }
}

/// How many errors a report names.
pub const ERRORS_MAX: usize = 1_000;
/// The most fields a report names as ignored.
pub(crate) const IGNORED_MAX: usize = 100;

/// Why an import stopped. What it had done is done; run again it goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be read.
    #[error("the file cannot be read: {0}")]
    File(#[from] std::io::Error),
    /// The first line of a CSV file cannot be read.
    #[error("the line of names cannot be read: {0}")]
    Names(#[from] csv::Error),
    /// Another import of the same file is running.
    #[error("another import of the same file is running")]
    AlreadyRunning,
    /// It was cancelled.
    #[error("the import was cancelled")]
    Cancelled,
    /// Others changed the same products all the time.
    #[error("the products of the file are being changed by others; run the import again")]
    Disturbed,
    /// The shop has no room for what the file says.
    #[error("{0}")]
    Refused(String),
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] platform::sql::Error),
}

/// What an import reads from.
pub trait Source: Read + Seek + Send {}
impl<T: Read + Seek + Send> Source for T {}
