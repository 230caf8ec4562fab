//! The rules of the journal: pure, without I/O, clock or randomness.

mod account;
mod entry;
mod fee;
mod matching;
mod replacement;
mod rules;
mod settlement;

pub(crate) use account::{Account, Kind};
pub(crate) use entry::{Entry, Posting};
pub use fee::Terms;
pub use matching::Reason;
pub(crate) use matching::{Difference, Found, Movement, matched, settled};
pub(crate) use replacement::{Replacement, shares};
pub(crate) use rules::{SALE, SoFar, Sold, ends, entry, movement};
pub use settlement::InvalidFile;
pub(crate) use settlement::{LINES_MAX, Line, LineKind, Source, lines};
