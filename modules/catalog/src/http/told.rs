use actix_web::HttpResponse;
use actix_web::http::header::{HeaderName, HeaderValue};
use platform::http::Answer;

use crate::Catalog;

/// The answer to a write tells how far the catalogue's events have come with it; a list or search
/// that carries the header sees the change.
pub(super) const CONSISTENCY: HeaderName = HeaderName::from_static("x-consistency-token");

/// An answer to a write that is committed.
pub(super) async fn told(catalog: &Catalog, mut response: HttpResponse) -> Answer {
    let position = catalog.position().await?;
    response.headers_mut().insert(CONSISTENCY, HeaderValue::from(position));
    Ok(response)
}
