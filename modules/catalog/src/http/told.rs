use std::future::{Ready, ready};
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use kernel::problem::{Problem, code};
use platform::http::{Answer, Failure};

use crate::Catalog;

/// The answer to a write tells how far the catalogue's events have come with it; a list or search
/// that carries the header sees the change.
pub(super) const CONSISTENCY: HeaderName = HeaderName::from_static("x-consistency-token");

/// How long a read waits at most for the change it has to see.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// The position a read has to see, if it carries one.
#[derive(Debug, Clone, Copy)]
pub(super) struct After(Option<i64>);

impl After {
    /// The position, for those who wait themselves.
    pub(super) fn position(self) -> Option<i64> {
        self.0
    }

    /// Waits, within its bound, until the pages of this node show what was written before.
    pub(super) async fn wait(self, catalog: &Catalog) {
        if let Some(position) = self.0 {
            catalog.wait_for(position, WAIT_MAX).await;
        }
    }
}

impl FromRequest for After {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let Some(token) = request.headers().get(CONSISTENCY) else { return ready(Ok(Self(None))) };
        let position = token.to_str().ok().and_then(|token| token.parse().ok());
        ready(position.map(|position| Self(Some(position))).ok_or_else(|| {
            let message = "must be the header as a write answered it";
            Problem::new(code::INVALID_REQUEST, format!("{CONSISTENCY} {message}."))
                .field(CONSISTENCY.as_str(), message)
                .into()
        }))
    }
}

/// An answer to a write that is committed. It is told without its position where that cannot be read: whoever was told
/// of an error would write again.
pub(super) async fn told(catalog: &Catalog, mut response: HttpResponse) -> Answer {
    match catalog.position().await {
        Ok(position) => {
            response.headers_mut().insert(CONSISTENCY, HeaderValue::from(position));
        }
        Err(error) => tracing::warn!(%error, "an answer does not say where its change stands"),
    }
    Ok(response)
}
