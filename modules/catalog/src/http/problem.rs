use kernel::problem::{Problem, code};
use platform::http::Failure;

use crate::domain::LineError;
use crate::error::Error;
use crate::import::ERRORS_MAX;
use crate::search::SearchError;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Invalid(errors) => {
                let fields: Vec<&str> = errors.iter().map(|error| error.field.as_str()).collect();
                let detail = format!("Not allowed: {}. Nothing was changed.", fields.join(", "));
                let mut problem = Problem::new(code::INVALID_VALUE, detail);
                problem.errors = errors;
                problem.into()
            }
            Error::Lines(errors) => lines(&errors).into(),
            Error::NotFound => Problem::not_found("such thing in the catalogue").into(),
            Error::SkuTaken(sku) => {
                let message = format!("{sku:?} belongs to another product");
                Problem::new(code::SKU_TAKEN, format!("sku: {message}."))
                    .field("sku", message)
                    .into()
            }
            Error::SlugTaken(slug) => {
                let message = format!("{slug:?} belongs to another product, or did");
                Problem::new(code::SLUG_TAKEN, format!("slug: {message}."))
                    .field("slug", message)
                    .into()
            }
            Error::CodeTaken(word) => {
                let message = format!("{word:?} is in use");
                Problem::new(code::CODE_TAKEN, format!("code: {message}."))
                    .field("code", message)
                    .into()
            }
            Error::InUse(why) => {
                Problem::new(code::CONFLICT, format!("It is in use: {why}.")).into()
            }
            Error::Stale { current } => {
                let detail =
                    format!("It is at version {current} now: read it again, then change that.");
                Problem::new(code::VERSION_CONFLICT, detail).with("current_version", current).into()
            }
            Error::Absent(what) => Problem::not_found(format_args!("such {what}")).into(),
            Error::ImageUsed { sku } => {
                let detail = format!("The product {sku:?} names the image: change that first.");
                Problem::new(code::CONFLICT, detail).into()
            }
            Error::FileTooLong { bytes_max } => {
                let detail = format!("A file to import has at most {bytes_max} bytes: split it.");
                Problem::new(code::BODY_TOO_LARGE, detail).into()
            }
            Error::ImportsWait { open_max } => {
                let detail = format!("{open_max} imports wait or run: come back later.");
                Problem::new(code::CONFLICT, detail).into()
            }
            Error::ImportOver => {
                Problem::new(code::CONFLICT, "The import is over: it cannot be cancelled.").into()
            }
            error @ Error::Busy => Self::unavailable(error),
            error @ (Error::NoFolder | Error::Folder(_)) => Self::internal(error),
            Error::Storage(error) | Error::Search(SearchError::Storage(error)) => error.into(),
            Error::Search(error @ (SearchError::NotBuilt | SearchError::TooCostly)) => {
                Self::unavailable(error)
            }
            Error::Search(SearchError::WrongPlace) => {
                let message = "must be the next_cursor of a page in the same order";
                Problem::invalid("cursor", message).into()
            }
            Error::Search(
                error @ (SearchError::InUse(_)
                | SearchError::Folder { .. }
                | SearchError::Engine(_)
                | SearchError::Interrupted(_)),
            ) => Self::internal(error),
        }
    }
}

/// Names the wrong lines of a file in `lines`, while there is room.
fn lines(errors: &[LineError]) -> Problem {
    let count = errors.len();
    let first = errors.first().map(|error| format!(" The first: {error}.")).unwrap_or_default();
    let detail = format!("{count} times something is not allowed; nothing was changed.{first}");
    Problem::new(code::INVALID_VALUE, detail).with("lines", &errors[..count.min(ERRORS_MAX)])
}
