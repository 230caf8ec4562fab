//! One spelling for what a browser, a database and a shell would each read the same.

use std::borrow::Cow;

/// Passes of decoding; what is written in more layers is not read by anything.
const LAYERS: usize = 2;

/// The text in lower case, with character references and leftover percent escapes decoded and zero
/// bytes left out.
pub(crate) fn fold(text: &str) -> Cow<'_, [u8]> {
    let mut folded = lower(text.as_bytes());
    for _ in 0..LAYERS {
        let Some(decoded) = decode(&folded) else { break };
        folded = Cow::Owned(lower(&decoded).into_owned());
    }
    folded
}

fn lower(text: &[u8]) -> Cow<'_, [u8]> {
    let differs = |byte: u8| byte.is_ascii_uppercase() || byte == 0;
    if !text.iter().fold(false, |found, byte| found | differs(*byte)) {
        return Cow::Borrowed(text);
    }
    let mut lower = text.to_ascii_lowercase();
    if lower.contains(&0) {
        lower.retain(|byte| *byte != 0);
    }
    Cow::Owned(lower)
}

/// The text with what is written in escapes; none if nothing is.
fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let first = text.iter().position(|byte| matches!(byte, b'%' | b'&'))?;
    let mut at = (first..text.len()).find(|at| letter(&text[*at..]).is_some())?;
    let mut out = Vec::with_capacity(text.len());
    out.extend_from_slice(&text[..at]);
    while at < text.len() {
        let (byte, length) = letter(&text[at..]).unwrap_or((text[at], 1));
        out.push(byte);
        at += length;
    }
    Some(out)
}

/// The character that is escaped here, and how much of the text it takes.
fn letter(text: &[u8]) -> Option<(u8, usize)> {
    match text.first()? {
        b'%' => escape(text),
        b'&' => reference(text),
        _ => None,
    }
}

/// `%2f`, and how much of the text it takes.
fn escape(text: &[u8]) -> Option<(u8, usize)> {
    let high = char::from(*text.get(1)?).to_digit(16)?;
    let low = char::from(*text.get(2)?).to_digit(16)?;
    u8::try_from(high * 16 + low).ok().map(|byte| (byte, 3))
}

/// The named ones that attacks are written with, in lower case.
const NAMED: [(&[u8], u8); 12] = [
    (b"lt;", b'<'),
    (b"gt;", b'>'),
    (b"quot;", b'"'),
    (b"apos;", b'\''),
    (b"amp;", b'&'),
    (b"colon;", b':'),
    (b"tab;", b'\t'),
    (b"newline;", b'\n'),
    (b"lpar;", b'('),
    (b"rpar;", b')'),
    (b"sol;", b'/'),
    (b"equals;", b'='),
];

/// A character reference of HTML for an ASCII character; browsers do without the semicolon.
fn reference(text: &[u8]) -> Option<(u8, usize)> {
    if text.get(1) == Some(&b'#') {
        let (digits, radix) = if text.get(2) == Some(&b'x') { (3, 16) } else { (2, 10) };
        let mut value = 0_u32;
        let mut end = digits;
        while let Some(digit) = text.get(end).and_then(|byte| char::from(*byte).to_digit(radix)) {
            value = value.saturating_mul(radix).saturating_add(digit);
            end += 1;
        }
        let byte = u8::try_from(value).ok().filter(|byte| end > digits && byte.is_ascii())?;
        return Some((byte, end + usize::from(text.get(end) == Some(&b';'))));
    }
    NAMED
        .iter()
        .find(|(name, _)| text[1..].starts_with(name))
        .map(|(name, byte)| (*byte, name.len() + 1))
}
