//! Refusals as problems.

use kernel::ports::SettlementError;
use kernel::problem::{Problem, code};
use platform::http::Failure;

use crate::domain::InvalidFile;
use crate::error::{Error, NOTE_MAX};

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let told = error.to_string();
        match error {
            Error::File(InvalidFile::Line { line, message }) => {
                Problem::invalid("file", format!("line {line}: {message}"))
                    .with("line", line)
                    .into()
            }
            Error::File(InvalidFile::TooLong) => Problem::invalid("file", told).into(),
            Error::NoDifference => Problem::not_found("such difference").into(),
            Error::Resolved => {
                let detail = "The difference was resolved already; look at its note.";
                Problem::new(code::CONFLICT, detail).into()
            }
            Error::NotAcceptable => {
                let detail = "Only a difference of an amount or a fee whose payment is not settled \
                              can be accepted, or a line whose payment is known by now; \
                              resolve it without.";
                Problem::new(code::CONFLICT, detail).into()
            }
            Error::Note => {
                Problem::invalid("note", format!("must have 1 to {NOTE_MAX} characters")).into()
            }
            Error::Processor(SettlementError::TooMany(_)) => Problem::invalid("until", told).into(),
            Error::Processor(SettlementError::Unavailable(error)) => error.into(),
            Error::Span => Problem::invalid("from", "must be before until, and before now").into(),
            Error::Storage(error) => error.into(),
        }
    }
}
