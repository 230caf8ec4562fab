use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{IF_MATCH, IF_NONE_MATCH};
use actix_web::{FromRequest, HttpRequest};
use kernel::problem::{Problem, code};

use super::Failure;

/// The ETag of a thing in a version.
pub fn etag(version: i64) -> String {
    format!("\"{version}\"")
}

/// Whether a reader has what it asks for already: one of the tags of If-None-Match (RFC 9110,
/// 13.1.2), without its quotes, `is` that of the answer.
pub fn knows(request: &HttpRequest, is: impl Fn(&str) -> bool) -> bool {
    let known = request.headers().get_all(IF_NONE_MATCH);
    let mut tags = known.filter_map(|value| value.to_str().ok()).flat_map(|all| all.split(','));
    tags.any(|tag| {
        let tag = tag.trim();
        let tag = tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"');
        tag == "*" || is(tag)
    })
}

/// The version a writer has read: the header If-Match (RFC 9110, 13.1.1), which every change of a
/// versioned thing demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IfMatch(pub i64);

impl IfMatch {
    /// What is answered when the header is missing or no version.
    pub fn wrong() -> Problem {
        let message = "must be the ETag of what was read, e.g. \"3\"";
        Problem::new(code::INVALID_REQUEST, format!("If-Match {message}."))
            .field("If-Match", message)
    }
}

impl FromRequest for IfMatch {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let value = request.headers().get(IF_MATCH).and_then(|value| value.to_str().ok());
        // Exactly as it was answered: a strong tag (RFC 9110, 8.8.3), digits between quotes.
        let quoted = value.and_then(|value| value.strip_prefix('"')?.strip_suffix('"'));
        let digits = quoted.filter(|tag| tag.bytes().all(|byte| byte.is_ascii_digit()));
        let version = digits.and_then(|tag| tag.parse().ok());
        ready(version.map(Self).ok_or_else(|| Self::wrong().into()))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_version_is_the_tag_that_was_answered() {
        let version = |tag: &str| {
            let request = TestRequest::default().insert_header((IF_MATCH, tag)).to_http_request();
            let read = IfMatch::from_request(&request, &mut Payload::None).into_inner();
            read.ok().map(|version| version.0)
        };
        assert_eq!(version("\"3\""), Some(3));
        assert_eq!(version(&etag(12)), Some(12));
        for other in ["3", "W/\"3\"", "\"\"", "\"-3\"", "\"+3\"", "\"\"3\"\"", "*", ""] {
            assert_eq!(version(other), None, "{other}");
        }
    }
}
