//! What every answer about a definition has: its version as the ETag, and where a new one is.

use actix_web::HttpResponse;
use actix_web::http::header::{ETAG, LOCATION};
use kernel::problem::{Problem, code};
use platform::http::etag;
use serde::Serialize;

/// 200 with a definition that is in `version`.
pub(super) fn shown(version: i64, definition: &impl Serialize) -> HttpResponse {
    HttpResponse::Ok().insert_header((ETAG, etag(version))).json(definition)
}

/// 201 with a new definition, which is at `location`.
pub(super) fn made(location: String, definition: &impl Serialize) -> HttpResponse {
    let mut response = HttpResponse::Created();
    response.insert_header((LOCATION, location)).insert_header((ETAG, etag(1))).json(definition)
}

/// The refusal of a change of what is in another version by now.
pub(super) fn stale(current: i64) -> Problem {
    let detail = "It was changed meanwhile; look at it and try again.";
    Problem::new(code::VERSION_CONFLICT, detail).with("current_version", current)
}
