//! Header fields: how many, how long, and whether they leave one reading of where the body ends.

use crate::rules::Rule;
use crate::settings::Settings;

/// Checks the header fields; the error is the rule and the field that breaks it, empty for all.
pub fn check<'a>(headers: &[(&'a str, &[u8])], settings: &Settings) -> Result<(), (Rule, &'a str)> {
    if headers.len() > settings.max_headers {
        return Err((Rule::HeaderLimit, ""));
    }
    for (name, value) in headers {
        if value.len() > settings.max_header_bytes {
            return Err((Rule::HeaderLimit, name));
        }
        if name.is_empty() || !name.bytes().all(is_token) || value.iter().any(is_control) {
            return Err((Rule::HeaderMalformed, name));
        }
    }
    check_length(headers)
}

/// RFC 9112 section 6.3: a body has one length. Both kinds of length at once, two of one kind, and
/// codings whose last is not `chunked` are refused, though the RFC would have some of them repaired.
fn check_length<'a>(headers: &[(&'a str, &[u8])]) -> Result<(), (Rule, &'a str)> {
    let mut lengths =
        headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let mut codings =
        headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("transfer-encoding"));
    let (length, coding) = (lengths.next(), codings.next());
    if let (Some((name, _)), Some(_)) = (length, coding) {
        return Err((Rule::Smuggling, name));
    }
    if let Some((name, _)) = lengths.next().or_else(|| codings.next()) {
        return Err((Rule::Smuggling, name));
    }
    if let Some((name, value)) = length
        && (value.is_empty() || value.len() > 18 || !value.iter().all(u8::is_ascii_digit))
    {
        return Err((Rule::Smuggling, name));
    }
    if let Some((name, value)) = coding
        && !value.eq_ignore_ascii_case(b"chunked")
    {
        return Err((Rule::Smuggling, name));
    }
    Ok(())
}

/// RFC 9110 section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn is_control(byte: &u8) -> bool {
    *byte < b' ' && *byte != b'\t' || *byte == 0x7f
}
