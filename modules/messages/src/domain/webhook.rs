//! Webhooks: where they may be, what they are sent and how it is signed (Standard Webhooks 1.0).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use kernel::Timestamp;
use kernel::problem::Problem;
use reqwest::Url;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

/// How many bytes a secret has.
pub(crate) const SECRET_BYTES: usize = 32;
/// What a secret begins with when it is shown.
const SECRET_HEAD: &str = "whsec_";
/// The longest URL, in bytes.
const URL_MAX: usize = 2_000;
/// For how long a webhook may fail before it is switched off, ...
pub(crate) const FAILING_MAX: TimeDelta = TimeDelta::days(1);
/// ... and how often it has to have failed in that time: a shop with few orders waits longer.
pub(crate) const FAILURES_MAX: i64 = 10;

/// A secret as its owner is shown it, once.
pub(crate) fn shown(secret: &[u8]) -> String {
    format!("{SECRET_HEAD}{}", STANDARD.encode(secret))
}

/// Refuses where no webhook may be. `allow_private` lets it be in the shop's own network, for tests.
pub(crate) fn check_url(text: &str, allow_private: bool) -> Result<Url, Problem> {
    let refused = |why: &str| Err(Problem::invalid("url", why));
    let Ok(url) = Url::parse(text) else { return refused("must be a URL") };
    let is_secret = !url.username().is_empty() || url.password().is_some();
    if text.len() > URL_MAX || is_secret || url.fragment().is_some() {
        return refused("must have no user and no fragment, and at most 2000 characters");
    }
    if allow_private && ["http", "https"].contains(&url.scheme()) {
        return Ok(url);
    }
    if url.scheme() != "https" {
        return refused("must begin with https://");
    }
    if url.domain().is_none() {
        return refused("must name a host, not an address");
    }
    Ok(url)
}

/// What is sent: the event as it was published.
#[derive(Serialize)]
pub(crate) struct Payload<'a> {
    #[serde(rename = "type")]
    pub kind: &'a str,
    /// When it happened.
    pub timestamp: Timestamp,
    /// The event, the same for each webhook that is told of it.
    pub event_id: Uuid,
    /// The number of the event among those of its order or payment: what comes with a smaller one than
    /// was heard of already is older.
    pub version: i64,
    pub data: &'a Value,
}

/// The header `webhook-signature`.
pub(crate) fn signature(secret: &[u8], id: Uuid, timestamp: i64, body: &[u8]) -> Option<String> {
    platform::webhook::sign(secret, &id.to_string(), timestamp, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_is_on_the_internet() {
        for url in ["https://hooks.example.com/stoa?a=b", "https://example.com:8443/"] {
            assert!(check_url(url, false).is_ok(), "{url}");
        }
        for url in [
            "",
            "example.com",
            "http://example.com/",
            "ftp://example.com/",
            "https://127.0.0.1/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://8.8.8.8/",
            "https://ada@example.com/",
            "https://ada:secret@example.com/",
            "https://example.com/#there",
            "file:///etc/passwd",
            &format!("https://example.com/{}", "a".repeat(2_000)),
        ] {
            assert_eq!(check_url(url, false).unwrap_err().errors[0].field, "url", "{url}");
        }
        assert!(check_url("http://127.0.0.1:8080/", true).is_ok());
        assert!(check_url("ftp://127.0.0.1/", true).is_err());
    }

    #[test]
    fn the_signature_is_that_of_the_standard() {
        // What `openssl dgst -sha256 -mac HMAC` says of the same bytes.
        let secret = [7; SECRET_BYTES];
        let signed = signature(&secret, Uuid::nil(), 1_700_000_000, b"{\"test\":1}").unwrap();
        assert_eq!(signed, SIGNED);
        assert!(shown(&secret).starts_with("whsec_BwcH"));
    }

    const SIGNED: &str = "v1,ZNUj67VMp7x6PfnICvror8NZSLjkWKpKZqWsxzWh4QU=";
}
