//! Header fields: how many, how long, and whether they leave one reading of where the body ends.

use crate::rules::Rule;
use crate::settings::Settings;

/// The header fields of one request, checked in the order they came.
#[derive(Debug)]
pub(crate) struct Framing<'s> {
    settings: &'s Settings,
    fields: usize,
    length: bool,
    coding: bool,
}

impl<'s> Framing<'s> {
    pub(crate) fn new(settings: &'s Settings) -> Self {
        Self { settings, fields: 0, length: false, coding: false }
    }

    /// The rule that the next field breaks.
    pub(crate) fn next(&mut self, name: &str, value: &[u8]) -> Result<(), Rule> {
        self.fields += 1;
        if self.fields > self.settings.max_headers || value.len() > self.settings.max_header_bytes {
            return Err(Rule::HeaderLimit);
        }
        if name.is_empty() || !name.bytes().all(is_token) || has_control(value) {
            return Err(Rule::HeaderMalformed);
        }
        if name.eq_ignore_ascii_case("content-length") {
            return self.length(value);
        }
        if name.eq_ignore_ascii_case("transfer-encoding") {
            return self.coding(value);
        }
        Ok(())
    }

    /// RFC 9112 section 6.3: a body has one length. Both kinds of length at once, two of one kind,
    /// and codings other than `chunked` are refused, though the RFC would have some of them repaired.
    fn length(&mut self, value: &[u8]) -> Result<(), Rule> {
        let again = std::mem::replace(&mut self.length, true);
        let is_number = (1..=18).contains(&value.len()) && value.iter().all(u8::is_ascii_digit);
        if again || self.coding || !is_number { Err(Rule::Smuggling) } else { Ok(()) }
    }

    fn coding(&mut self, value: &[u8]) -> Result<(), Rule> {
        let again = std::mem::replace(&mut self.coding, true);
        let is_chunked = value.eq_ignore_ascii_case(b"chunked");
        if again || self.length || !is_chunked { Err(Rule::Smuggling) } else { Ok(()) }
    }
}

/// RFC 9110 section 5.6.2.
fn is_token(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'-' | b'A'..=b'Z' | b'0'..=b'9')
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

/// It looks at every byte, which is faster than to stop at the first.
fn has_control(value: &[u8]) -> bool {
    let is_control = |byte: u8| byte < b' ' && byte != b'\t' || byte == 0x7f;
    value.iter().fold(false, |found, byte| found | is_control(*byte))
}
