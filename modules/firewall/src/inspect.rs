//! A request in the order it comes: what is before the body, and then the body.

use crate::agent::Scanners;
use crate::detector::Detector;
use crate::field::Field;
use crate::framing::Framing;
use crate::reading::Reading;
use crate::rules::Rule;
use crate::settings::{Mode, Settings};
use crate::verdict::{Part, Verdict};
use crate::{FirewallError, json, normalize};

/// The headers that are looked into; the others are read by machines or by nobody.
const HEADERS: [&str; 4] = ["user-agent", "referer", "cookie", "x-forwarded-host"];

/// The firewall. Made once; reading takes no locks and keeps nothing of a request but harmless headers.
#[derive(Debug)]
pub struct Firewall {
    settings: Settings,
    detector: Detector,
    scanners: Scanners,
}

impl Firewall {
    /// A firewall of these settings. The error names the setting that is wrong.
    pub fn new(settings: Settings) -> Result<Self, FirewallError> {
        settings.check()?;
        Ok(Self { settings, detector: Detector::new()?, scanners: Scanners::new()? })
    }

    /// Reads what comes before the body, before anything is decided by it: the path and the query as
    /// they came, escapes and all, the query without its question mark, and the header fields in their
    /// order.
    pub fn inspect_head<'h>(
        &self,
        path: &str,
        query: &str,
        headers: impl IntoIterator<Item = (&'h str, &'h [u8])>,
    ) -> Verdict {
        self.inspect(path, |reading| {
            read_path(path, reading);
            read_query(query, reading);
            let mut framing = Framing::new(&self.settings);
            for (name, value) in headers {
                if let Err(rule) = framing.next(name, value) {
                    reading.note(&[rule], Part::Header, &Field::named(name));
                    break;
                }
                self.read_header(name, value, reading);
            }
        })
    }

    /// Reads a JSON body as it came, in one go through the parser that its handler uses; the path is
    /// the one that exceptions are found by. A name that an object has twice is read twice.
    pub fn inspect_json(&self, path: &str, body: &[u8]) -> Verdict {
        self.inspect(path, |reading| json::read(body, reading))
    }

    /// Reads the fields of a form, decoded as their handler has them.
    pub fn inspect_form(
        &self,
        path: &str,
        pairs: impl IntoIterator<Item = (impl AsRef<str>, impl AsRef<str>)>,
    ) -> Verdict {
        self.inspect(path, |reading| {
            for (name, value) in pairs {
                read_pair(name.as_ref(), value.as_ref(), Part::Form, reading);
            }
        })
    }

    fn inspect(&self, path: &str, read: impl FnOnce(&mut Reading<'_>)) -> Verdict {
        let mut reading = Reading::new(&self.settings, &self.detector, path);
        if self.settings.mode != Mode::Off {
            read(&mut reading);
        }
        reading.verdict()
    }

    fn read_header(&self, name: &str, value: &[u8], reading: &mut Reading<'_>) {
        let Some(known) = HEADERS.iter().find(|known| known.eq_ignore_ascii_case(name)) else {
            return;
        };
        let field = Field::named(known);
        let Ok(text) = std::str::from_utf8(value) else {
            return reading.note(&[Rule::EncodingUtf8], Part::Header, &field);
        };
        match *known {
            "user-agent" if self.scanners.names(text) => {
                reading.note(&[Rule::Scanner], Part::Header, &field);
            }
            "cookie" => {
                for cookie in text.split(';') {
                    let value = cookie.split_once('=').map_or(cookie, |(_, value)| value);
                    reading.value(value.trim(), Part::Header, &field);
                }
            }
            _ => reading.usual(text, &field),
        }
    }
}

/// A path is read as a whole, and by segments, each of which may be a handler's parameter.
fn read_path(path: &str, reading: &mut Reading<'_>) {
    match normalize::decode_path(path) {
        Ok(decoded) => {
            reading.value(&decoded, Part::Path, &Field::WHOLE);
            for segment in decoded.split('/').skip(1) {
                reading.value(segment, Part::Path, &Field::WHOLE);
            }
        }
        Err(rule) => reading.note(&[rule], Part::Path, &Field::WHOLE),
    }
}

fn read_query(query: &str, reading: &mut Reading<'_>) {
    for pair in query.split('&') {
        if let Err(rule) = normalize::query(pair) {
            let name = pair.split('=').next().unwrap_or_default();
            reading.note(&[rule], Part::Query, &Field::named(name));
        }
    }
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        read_pair(&name, &value, Part::Query, reading);
    }
}

fn read_pair(name: &str, value: &str, part: Part, reading: &mut Reading<'_>) {
    let field = Field::named(name);
    reading.name(name, part, &field);
    reading.value(value, part, &field);
}
