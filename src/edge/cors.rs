//! Pages of other origins: which may read answers (Fetch standard, section 3.3, CORS).

use actix_web::HttpResponse;
use actix_web::dev::ServiceRequest;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderValue, ORIGIN, VARY,
};
use actix_web::http::{Method, Uri};
use serde::Deserialize;

/// What a page may do to the shop.
const METHODS: &str = "GET, POST, PUT, PATCH, DELETE";
/// What a page may send.
const SENT: &str = "authorization, content-type, idempotency-key, if-match, if-none-match, \
                    traceparent, tracestate, x-consistency-token, x-csrf-token, x-request-id";
/// What a page may read beside what every page may.
const TOLD: &str = "etag, location, idempotency-replayed, ratelimit, ratelimit-policy, retry-after, \
                    x-consistency-token, x-request-id";

/// The pages of other origins.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The origins whose pages may read answers, e.g. `https://shop.example`.
    pub origins: Vec<String>,
    /// Whether they come with cookies, as pages of the shop's own do.
    pub credentials: bool,
    /// How long a browser remembers what it was told, in seconds.
    pub max_age_s: u32,
}

/// An origin that no browser sends.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("edge.cors.origins: {0:?} must be a scheme and a host, such as \"https://shop.example\"")]
pub struct NoOrigin(String);

/// Who may read answers.
pub(super) struct Cors {
    origins: Vec<HeaderValue>,
    credentials: bool,
    max_age: HeaderValue,
}

impl Cors {
    /// Refuses what is no origin (RFC 6454, section 6.2), `*` and `null` with it.
    pub(super) fn new(settings: &Settings) -> Result<Self, NoOrigin> {
        let origin = |text: &String| {
            let value = HeaderValue::from_str(text).ok().filter(|_| is_origin(text));
            value.ok_or_else(|| NoOrigin(text.clone()))
        };
        Ok(Self {
            origins: settings.origins.iter().map(origin).collect::<Result<_, _>>()?,
            credentials: settings.credentials,
            max_age: HeaderValue::from(settings.max_age_s),
        })
    }

    /// The origin of a request, if its pages may read the answer.
    pub(super) fn origin(&self, headers: &HeaderMap) -> Option<&HeaderValue> {
        if self.origins.is_empty() {
            return None;
        }
        let given = headers.get(ORIGIN)?;
        self.origins.iter().find(|known| *known == given)
    }

    /// Whether a request of a known origin counts as one of the shop's own pages.
    pub(super) fn trusts(&self, origin: Option<&HeaderValue>) -> bool {
        self.credentials && origin.is_some()
    }

    /// What a browser is answered that asks before it sends. Whether there is something at the path
    /// it learns when it does send.
    pub(super) fn preflight(&self, request: &ServiceRequest) -> Option<HttpResponse> {
        let asks = request.method() == Method::OPTIONS
            && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        if !asks || self.origin(request.headers()).is_none() {
            return None;
        }
        let mut answer = HttpResponse::NoContent();
        answer
            .insert_header((ACCESS_CONTROL_ALLOW_METHODS, METHODS))
            .insert_header((ACCESS_CONTROL_ALLOW_HEADERS, SENT))
            .insert_header((ACCESS_CONTROL_MAX_AGE, self.max_age.clone()));
        Some(answer.finish())
    }

    /// Tells a browser who may read an answer, and caches that it depends on who asks.
    pub(super) fn tell(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        if self.origins.is_empty() {
            return;
        }
        headers.append(VARY, HeaderValue::from_static("origin"));
        let Some(origin) = origin else { return };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(TOLD));
        if self.credentials {
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
    }
}

/// Whether browsers send it: in small letters, without a path, and without the port that the scheme
/// has anyway.
pub(super) fn is_origin(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else { return false };
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return false };
    let usual = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return false,
    };
    let is_host = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.:[]".contains(c);
    let has_port = authority.as_str().len() > authority.host().len();
    !authority.host().is_empty()
        && authority.as_str().chars().all(is_host)
        && (!has_port || authority.port_u16().is_some_and(|port| port != usual))
        && *text == format!("{scheme}://{authority}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_origins_are_taken() {
        let new = |origin: &str| {
            let origins = vec![origin.to_owned()];
            Cors::new(&Settings { origins, ..Settings::default() }).map(drop)
        };
        for origin in ["https://shop.example", "http://localhost:3000", "http://[::1]:3000"] {
            assert_eq!(new(origin), Ok(()), "{origin}");
        }
        for wrong in [
            "*",
            "null",
            "",
            "shop.example",
            "https://",
            "https://shop.example/",
            "https://*.shop.example",
            "https://Shop.example",
            "ftp://shop.example",
            "https://a b",
            "https://shop.example:443",
            "http://shop.example:80",
            "https://:::",
            "https://shop.example:",
            "https://ada@shop.example",
        ] {
            assert_eq!(new(wrong), Err(NoOrigin(wrong.to_owned())));
        }
    }
}
