//! By what name a request is known here and elsewhere.

use std::sync::Arc;

use actix_web::http::header::{HeaderMap, HeaderName};
use kernel::id::EventId;
use uuid::Uuid;

/// The longest request id that is taken over from the caller, in characters.
const LENGTH_MAX: usize = 64;
/// The header that tells it.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The caller's own id of a request; without one the trace that the request is a part of (W3C Trace
/// Context); without one a new id.
pub(super) fn of(headers: &HeaderMap) -> Arc<str> {
    let plain = |id: &&str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        !id.is_empty() && id.len() <= LENGTH_MAX && id.chars().all(allowed)
    };
    let given = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).filter(plain);
    let trace = trace(headers);
    if let (Some(id), Some(trace)) = (given, trace) {
        // Whoever looks for the one finds the other.
        tracing::info!(id, trace, "a request of a trace");
    }
    given.or(trace).map_or_else(new, Arc::from)
}

fn new() -> Arc<str> {
    let mut text = Uuid::encode_buffer();
    Arc::from(&*EventId::new().uuid().hyphenated().encode_lower(&mut text))
}

/// The trace of a request, if it is told as W3C Trace Context (Recommendation of 2021), section 3.2,
/// says; else there is none (section 3.4).
fn trace(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(TRACEPARENT);
    let (only, None) = (all.next()?, all.next()) else { return None };
    let text = only.to_str().ok()?;
    let mut parts = text.splitn(5, '-');
    let mut hex = |length: usize| {
        let part = parts.next()?;
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        (part.len() == length && part.bytes().all(is_hex)).then_some(part)
    };
    let (version, trace, parent, _flags) = (hex(2)?, hex(32)?, hex(16)?, hex(2)?);
    let rest = parts.next();
    let is_none = |id: &str| id.bytes().all(|byte| byte == b'0');
    // Versions to come may have more at the end; this one has not.
    let is_known = version != "ff" && (version != "00" || rest.is_none());
    (is_known && !is_none(trace) && !is_none(parent)).then_some(trace)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in all {
            headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn a_request_of_a_trace_is_known_by_it() {
        let of_trace = |text: &str| of(&headers(&[("traceparent", text)])).to_string();
        let good = format!("00-{TRACE}-00f067aa0ba902b7-01");
        assert_eq!(of_trace(&good), TRACE);
        assert_eq!(of_trace(&format!("01-{TRACE}-00f067aa0ba902b7-01-more")), TRACE);
        for wrong in [
            String::new(),
            format!("ff-{TRACE}-00f067aa0ba902b7-01"),
            format!("00-{TRACE}-00f067aa0ba902b7-01-more"),
            format!("00-{TRACE}-00f067aa0ba902b7"),
            format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            format!("00-{TRACE}-0000000000000000-01"),
            format!("00-{}-00f067aa0ba902b7-01", TRACE.to_uppercase()),
            format!("00-{}-00f067aa0ba902b7-01", &TRACE[1..]),
            format!("0-{TRACE}-00f067aa0ba902b7-01"),
        ] {
            assert_ne!(of_trace(&wrong), TRACE, "{wrong}");
        }
        let twice = headers(&[("traceparent", &good), ("traceparent", &good)]);
        assert_ne!(&*of(&twice), TRACE);
    }

    #[test]
    fn the_callers_own_id_comes_first() {
        let good = format!("00-{TRACE}-00f067aa0ba902b7-01");
        let both = headers(&[("x-request-id", "mine-1"), ("traceparent", &good)]);
        assert_eq!(&*of(&both), "mine-1");
        let wrong = headers(&[("x-request-id", "a b"), ("traceparent", &good)]);
        assert_eq!(&*of(&wrong), TRACE);
        assert_eq!(of(&headers(&[])).len(), 36);
    }
}
