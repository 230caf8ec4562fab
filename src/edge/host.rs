//! Which host a request is for, said once and plainly (RFC 9112, section 3.2; RFC 9113, section 8.3.1).

use actix_web::dev::RequestHead;
use actix_web::http::header::{HOST, HeaderValue};
use actix_web::http::{Method, Version};
use kernel::problem::{Problem, code};

/// Refuses a request that names no host, two, or one that is none. A proxy in front could read another
/// one out of it, and keep or lead on the answer under that name.
pub(super) fn check_host(head: &RequestHead) -> Result<(), Problem> {
    let refuse = |detail| Err(Problem::new(code::INVALID_REQUEST, detail));
    let mut all = head.headers().get_all(HOST);
    let (host, more) = (all.next(), all.next());
    if more.is_some() {
        return refuse("There is more than one Host.");
    }
    let target = head.uri.authority().map(|authority| authority.as_str().as_bytes());
    let host = host.map(HeaderValue::as_bytes);
    if [host, target].into_iter().flatten().any(|host| !is_host(host)) {
        return refuse("Host must be a name or an address, perhaps with a port.");
    }
    if let (Some(host), Some(target)) = (host, target)
        && !host.eq_ignore_ascii_case(target)
    {
        return refuse("Host and the target of the request name different hosts.");
    }
    // HTTP/1.1 without Host does not come this far; HTTP/1.0 may have none.
    if host.or(target).is_none() && head.version > Version::HTTP_11 {
        return refuse("The request names no host.");
    }
    let is_web = |scheme: &str| matches!(scheme, "http" | "https");
    if head.method == Method::CONNECT || head.uri.scheme_str().is_some_and(|it| !is_web(it)) {
        return refuse("This is no proxy.");
    }
    Ok(())
}

/// `uri-host [ ":" port ]` of RFC 3986, section 3.2, without user information and not empty.
fn is_host(text: &[u8]) -> bool {
    let (name, rest) = match text.iter().position(|byte| *byte == b']') {
        Some(end) if text[0] == b'[' => (&text[1..end], &text[end + 1..]),
        Some(_) => return false,
        None => text.split_at(text.iter().position(|byte| *byte == b':').unwrap_or(text.len())),
    };
    let is_literal = text.first() == Some(&b'[');
    let fits = |byte: &u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' => true,
        b':' => is_literal,
        b'-' | b'_' | b'~' => !is_literal,
        _ => false,
    };
    let port = rest.strip_prefix(b":").unwrap_or(rest);
    let is_port = port.len() <= 5 && port.iter().all(u8::is_ascii_digit);
    !name.is_empty()
        && name.iter().all(fits)
        && is_port
        && rest.len() - port.len() == rest.len().min(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_and_perhaps_a_port() {
        for host in [
            "shop.example",
            "SHOP.example:8443",
            "127.0.0.1:80",
            "[::1]",
            "[::1]:8080",
            "my_host",
            "a:",
        ] {
            assert!(is_host(host.as_bytes()), "{host}");
        }
        for other in [
            "",
            ":80",
            "[]",
            "[::1",
            "::1",
            "::1]",
            "a/b",
            "a?b",
            "a#b",
            "u@a",
            "u:p@a",
            "a b",
            "a,b",
            "a\\b",
            "a%00",
            "a:80:90",
            "a:8o",
            "a:123456",
            "[::1]8080",
            "[::1]:x",
            "x[::1]",
            "[a@b]",
            "münchen.example",
            "a\tb",
            "<a>",
        ] {
            assert!(!is_host(other.as_bytes()), "{other}");
        }
    }
}
