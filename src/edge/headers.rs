//! What browsers are told about every answer (OWASP ASVS 5.0, chapter 3.4).

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};

const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

/// An answer for programs: a browser that is led to it runs and loads nothing of it.
const DATA: &str =
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
/// The page to try the API at: its own scripts and styles, and requests to the shop.
const PAGE: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                    font-src 'self'; connect-src 'self'; frame-ancestors 'none'; \
                    base-uri 'none'; form-action 'none'; object-src 'none'";
/// Two years, as preload lists ask for.
const TRANSPORT: &str = "max-age=63072000; includeSubDomains";
const PERMISSIONS: &str = "camera=(), geolocation=(), microphone=(), payment=()";

/// What the headers of an answer depend on.
#[derive(Debug, Clone, Copy)]
pub(super) struct About {
    /// Whether it is a page for people.
    pub is_page: bool,
    /// Whether the client's connection is encrypted.
    pub is_tls: bool,
}

/// Sets the headers that protect whoever looks at an answer in a browser. A page that needs more
/// says itself what it may load.
pub(super) fn protect(headers: &mut HeaderMap, about: About) {
    if !headers.contains_key(CONTENT_SECURITY_POLICY) {
        let content = HeaderValue::from_static(if about.is_page { PAGE } else { DATA });
        headers.insert(CONTENT_SECURITY_POLICY, content);
    }
    if about.is_page {
        name_charset(headers);
    }
    // What nobody has said may be kept is somebody's own, or may be.
    if !about.is_page && !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    for (name, value) in [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (PERMISSIONS_POLICY, PERMISSIONS),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // Not over plain HTTP (RFC 6797, section 7.2).
    if about.is_tls {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(TRANSPORT));
    }
}

/// The files of the page are UTF-8, which a browser need not guess.
fn name_charset(headers: &mut HeaderMap) {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.filter(|kind| kind.starts_with("text/") && !kind.contains("charset"));
    let named = kind.and_then(|kind| HeaderValue::from_str(&format!("{kind}; charset=utf-8")).ok());
    if let Some(named) = named {
        headers.insert(CONTENT_TYPE, named);
    }
}
