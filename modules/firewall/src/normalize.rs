//! One reading of a path and a query, and a refusal of whatever has two.

use std::borrow::Cow;

use crate::rules::Rule;

/// The canonical form of a path: escapes of unreserved characters decoded, the others in capitals
/// (RFC 3986 section 6.2.2). A canonical path is its own canonical form. The first rule that the
/// path breaks is the error.
pub fn path(raw: &str) -> Result<String, Rule> {
    let decoded = decode_path(raw)?;
    let mut canonical = String::with_capacity(raw.len());
    for byte in decoded.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/!$&'()*+,;=:@".contains(&byte) {
            canonical.push(char::from(byte));
        } else {
            canonical.push('%');
            canonical.extend([byte >> 4, byte & 15].into_iter().filter_map(|digit| {
                char::from_digit(u32::from(digit), 16).map(|digit| digit.to_ascii_uppercase())
            }));
        }
    }
    Ok(canonical)
}

/// A path as a router reads it, its escapes decoded once. Proxies, routers and file systems decode
/// paths in turn, so that an escape within an escape is refused, and so is one that is none.
pub(crate) fn decode_path(raw: &str) -> Result<Cow<'_, str>, Rule> {
    let decoded = if raw.contains('%') {
        let (bytes, broken) = decode(raw, Plus::Plain);
        if broken {
            return Err(Rule::EncodingEscape);
        }
        let decoded = text(bytes)?;
        if has_escape(&decoded) {
            return Err(Rule::EncodingDouble);
        }
        Cow::Owned(decoded)
    } else {
        Cow::Borrowed(raw)
    };
    if decoded.chars().any(is_stray) {
        return Err(Rule::EncodingControl);
    }
    check_segments(raw, &decoded)?;
    Ok(decoded)
}

/// Checks a name or a value of a query, or both with the sign between them.
///
/// A query is decoded once, by the handler's parser, to which a percent sign without two digits is
/// a percent sign. `100%`, `100%25acrylic` and `50%2520off` are therefore texts of one meaning, and
/// pass. Whatever reads them once more would find what the rules of contents look at too, since these
/// read through two more layers. Only what would deceive that reader itself is refused: a zero byte or
/// UTF-8 that is too long, in either layer.
pub fn query(raw: &str) -> Result<(), Rule> {
    if !raw.contains('%') {
        return if raw.chars().any(is_stray) { Err(Rule::EncodingControl) } else { Ok(()) };
    }
    let once = text(decode(raw, Plus::Space).0)?;
    if once.chars().any(is_stray) {
        return Err(Rule::EncodingControl);
    }
    match has_escape(&once).then(|| text(decode(&once, Plus::Plain).0)) {
        Some(Err(Rule::EncodingNull | Rule::EncodingOverlong)) => Err(Rule::EncodingDouble),
        _ => Ok(()),
    }
}

/// Checks a path's segments. An escaped slash or dot is a segment that only some readers see.
fn check_segments(raw: &str, decoded: &str) -> Result<(), Rule> {
    if decoded.contains('\\') {
        return Err(Rule::PathBackslash);
    }
    let dots = |segment: &str| {
        let name = segment.split(';').next().unwrap_or_default();
        matches!(name, "." | "..")
    };
    let slashes = |text: &str| text.bytes().filter(|byte| *byte == b'/').count();
    if slashes(raw) != slashes(decoded) || decoded.split('/').any(dots) {
        return Err(Rule::PathDots);
    }
    if decoded.contains("//") {
        return Err(Rule::PathEmpty);
    }
    Ok(())
}

/// What a plus sign is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Plus {
    Plain,
    Space,
}

/// Decodes escapes once, and says whether a percent sign began none; such a sign stays.
fn decode(raw: &str, plus: Plus) -> (Vec<u8>, bool) {
    let raw = raw.as_bytes();
    let (mut bytes, mut broken) = (Vec::with_capacity(raw.len()), false);
    let mut at = 0;
    while let Some(&byte) = raw.get(at) {
        at += 1;
        let escaped = raw.get(at..at + 2).filter(|_| byte == b'%').and_then(hexadecimal);
        at += escaped.map_or(0, |_| 2);
        broken |= byte == b'%' && escaped.is_none();
        let plain = if byte == b'+' && plus == Plus::Space { b' ' } else { byte };
        bytes.push(escaped.unwrap_or(plain));
    }
    (bytes, broken)
}

/// Whether there is something left to decode.
fn has_escape(text: &str) -> bool {
    text.as_bytes().windows(3).any(|three| three[0] == b'%' && hexadecimal(&three[1..]).is_some())
}

fn hexadecimal(digits: &[u8]) -> Option<u8> {
    let digit = |at: usize| char::from(*digits.get(at)?).to_digit(16);
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}

/// Bytes as text, if they are one.
fn text(bytes: Vec<u8>) -> Result<String, Rule> {
    if bytes.contains(&0) {
        return Err(Rule::EncodingNull);
    }
    String::from_utf8(bytes).map_err(|error| {
        let overlong = error.as_bytes().windows(2).any(is_overlong);
        if overlong { Rule::EncodingOverlong } else { Rule::EncodingUtf8 }
    })
}

/// A control character that no text has.
fn is_stray(letter: char) -> bool {
    letter.is_control() && !matches!(letter, '\t' | '\n' | '\r')
}

/// Whether two bytes begin a sequence that is longer than its character needs (RFC 3629 section 3).
fn is_overlong(pair: &[u8]) -> bool {
    match pair {
        [0xc0 | 0xc1, next] => (0x80..0xc0).contains(next),
        [0xe0, next] => (0x80..0xa0).contains(next),
        [0xf0, next] => (0x80..0x90).contains(next),
        _ => false,
    }
}
