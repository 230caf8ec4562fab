//! Why the ledger does not do what it is asked.

use kernel::ports::SettlementError;
use platform::sql;

use crate::domain::InvalidFile;

/// Why a use case did not succeed; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is none that can be read.
    #[error(transparent)]
    File(#[from] InvalidFile),
    /// There is no such difference.
    #[error("there is no such difference")]
    NoDifference,
    /// Somebody has resolved it.
    #[error("the difference is resolved already")]
    Resolved,
    /// It is none whose line could be posted as it is.
    #[error("only a difference of an amount or a fee whose payment is not settled can be accepted")]
    NotAcceptable,
    /// The note says nothing or too much.
    #[error("a note has 1 to {NOTE_MAX} characters")]
    Note,
    /// What the processor settled is not known.
    #[error(transparent)]
    Processor(#[from] SettlementError),
    /// The time to fetch is none.
    #[error("the time to fetch must begin before it ends, and before now")]
    Span,
    /// Storage said so.
    #[error(transparent)]
    Storage(#[from] sql::Error),
}

/// How long a note may be, in characters.
pub(crate) const NOTE_MAX: usize = 1_000;

/// The result of a use case.
pub(crate) type Result<T> = std::result::Result<T, Error>;
