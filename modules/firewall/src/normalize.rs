//! One reading of a path and a query, and a refusal of whatever has two.

use crate::rules::Rule;

/// Which escapes are looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Plus {
    Plain,
    Space,
}

/// The canonical form of a path: escapes of unreserved characters decoded, the others in capitals
/// (RFC 3986 section 6.2.2). A canonical path is its own canonical form. The first rule that the
/// path breaks is the error.
pub fn path(raw: &[u8]) -> Result<String, Rule> {
    let decoded = decode(raw, Plus::Plain)?;
    check_path(raw, &decoded)?;
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

/// Checks the escapes of one name or value of a query.
pub fn query(raw: &[u8]) -> Result<(), Rule> {
    decode(raw, Plus::Space).map(|_| ())
}

/// Checks a path's segments. An escaped slash or dot is a segment that only some readers see.
fn check_path(raw: &[u8], decoded: &str) -> Result<(), Rule> {
    if decoded.contains('\\') {
        return Err(Rule::PathBackslash);
    }
    let hides_slash = raw.windows(3).any(|three| three.eq_ignore_ascii_case(b"%2f"));
    let dots = |segment: &str| {
        let name = segment.split(';').next().unwrap_or_default();
        matches!(name, "." | "..")
    };
    if hides_slash || decoded.split('/').any(dots) {
        return Err(Rule::PathDots);
    }
    if decoded.contains("//") {
        return Err(Rule::PathEmpty);
    }
    Ok(())
}

/// Decodes escapes once and refuses what could be read in two ways.
fn decode(raw: &[u8], plus: Plus) -> Result<String, Rule> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut at = 0;
    while let Some(&byte) = raw.get(at) {
        at += 1;
        bytes.push(match byte {
            b'%' => {
                let escape =
                    raw.get(at..at + 2).and_then(hexadecimal).ok_or(Rule::EncodingEscape)?;
                at += 2;
                if escape == b'%' && raw.get(at..at + 2).and_then(hexadecimal).is_some() {
                    return Err(Rule::EncodingDouble);
                }
                escape
            }
            b'+' if plus == Plus::Space => b' ',
            _ => byte,
        });
    }
    text(bytes)
}

fn hexadecimal(digits: &[u8]) -> Option<u8> {
    let digit = |at: usize| char::from(*digits.get(at)?).to_digit(16);
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}

/// Bytes as text, if they are one and hold no control characters.
fn text(bytes: Vec<u8>) -> Result<String, Rule> {
    if bytes.contains(&0) {
        return Err(Rule::EncodingNull);
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let bad = &error.as_bytes()[error.utf8_error().valid_up_to()..];
        if is_overlong(bad) { Rule::EncodingOverlong } else { Rule::EncodingUtf8 }
    })?;
    let is_stray = |letter: char| letter.is_control() && !matches!(letter, '\t' | '\n' | '\r');
    if text.chars().any(is_stray) {
        return Err(Rule::EncodingControl);
    }
    Ok(text)
}

/// Whether bytes begin with a sequence that is longer than its character needs.
fn is_overlong(bytes: &[u8]) -> bool {
    match (bytes.first(), bytes.get(1)) {
        (Some(0xc0 | 0xc1), _) => true,
        (Some(0xe0), Some(next)) => (0x80..0xa0).contains(next),
        (Some(0xf0), Some(next)) => (0x80..0x90).contains(next),
        _ => false,
    }
}
