//! What a call says: names and texts, nested in Stripe's way (`metadata[payment]=...`), in a body or after the `?`.

use std::collections::BTreeMap;

use kernel::Timestamp;
use sha2::{Digest, Sha256};

use super::refusal::Refusal;
use crate::sandbox::store::intents::Metadata;

/// The longest list.
const LIMIT_MAX: i64 = 100;
/// How long a list is that nobody limits.
const LIMIT: i64 = 10;

/// As long as anybody asks for, in days.
const FOR_EVER_DAYS: i64 = 365_000;

/// The parameters of a call. What is not taken from it is refused, as Stripe does.
pub struct Form {
    texts: BTreeMap<String, String>,
    expand: Vec<String>,
}

/// Which part of a list is wanted.
pub struct Page {
    pub after: Option<String>,
    pub limit: i64,
}

impl Form {
    /// Reads a form.
    pub fn parse(raw: &[u8]) -> Self {
        let mut form = Self { texts: BTreeMap::new(), expand: Vec::new() };
        for (name, text) in form_urlencoded::parse(raw) {
            if name.starts_with("expand[") {
                form.expand.push(text.into_owned());
            } else {
                form.texts.insert(name.into_owned(), text.into_owned());
            }
        }
        form
    }

    /// What tells this call from others that came with the same key.
    pub fn fingerprint(&self, path: &str) -> String {
        let mut hash = Sha256::new();
        let mut add = |text: &str| {
            hash.update(text.len().to_be_bytes());
            hash.update(text);
        };
        add(path);
        self.texts.iter().for_each(|(name, text)| {
            add(name);
            add(text);
        });
        hex::encode(hash.finalize())
    }

    /// Whether an object is wanted, and not its id alone.
    pub fn expands(&self, what: &str) -> bool {
        self.expand.iter().any(|one| one.strip_prefix("data.").unwrap_or(one) == what)
    }

    /// A text; an empty one is none.
    pub fn take(&mut self, name: &str) -> Option<String> {
        self.texts.remove(name).filter(|text| !text.is_empty())
    }

    /// A text that must be there.
    pub fn need(&mut self, name: &str) -> Result<String, Refusal> {
        self.take(name).ok_or_else(|| Refusal::missing(name))
    }

    /// A whole number.
    pub fn number(&mut self, name: &str) -> Result<Option<i64>, Refusal> {
        let wrong = |_| Refusal::parameter(name, "must be a whole number");
        self.take(name).map(|text| text.parse().map_err(wrong)).transpose()
    }

    /// A yes or no.
    pub fn flag(&mut self, name: &str) -> Result<Option<bool>, Refusal> {
        let wrong = |_| Refusal::parameter(name, "must be true or false");
        self.take(name).map(|text| text.parse().map_err(wrong)).transpose()
    }

    /// A moment in seconds since 1970.
    pub fn time(&mut self, name: &str) -> Result<Option<Timestamp>, Refusal> {
        let at = self.number(name)?.map(|at| Timestamp::from_timestamp(at, 0));
        at.map(|at| at.ok_or_else(|| Refusal::parameter(name, "must be a time"))).transpose()
    }

    /// Whether there is a text of this name.
    pub fn names(&self, name: &str) -> bool {
        self.texts.get(name).is_some_and(|text| !text.is_empty())
    }

    /// From which moment on, and before which other: `name[gte]` and `name[lt]`.
    pub fn span(&mut self, name: &str) -> Result<(Timestamp, Timestamp), Refusal> {
        let from = self.time(&format!("{name}[gte]"))?.unwrap_or(Timestamp::UNIX_EPOCH);
        let until = self.time(&format!("{name}[lt]"))?;
        Ok((from, until.unwrap_or(from + chrono::TimeDelta::days(FOR_EVER_DAYS))))
    }

    /// What the merchant notes.
    pub fn metadata(&mut self) -> Metadata {
        let (noted, rest) = std::mem::take(&mut self.texts)
            .into_iter()
            .partition(|(name, _)| name.starts_with("metadata["));
        self.texts = rest;
        let noted: BTreeMap<String, String> = noted;
        let name = |name: &str| name["metadata[".len()..].trim_end_matches(']').to_owned();
        noted.iter().map(|(whole, text)| (name(whole), text.clone())).collect()
    }

    /// Which part of a list is wanted.
    pub fn page(&mut self) -> Result<Page, Refusal> {
        let limit = self.number("limit")?.unwrap_or(LIMIT);
        if !(1..=LIMIT_MAX).contains(&limit) {
            return Err(Refusal::parameter("limit", &format!("must be 1 to {LIMIT_MAX}")));
        }
        Ok(Page { after: self.take("starting_after"), limit })
    }

    /// Nothing else may be said.
    pub fn end(&self) -> Result<(), Refusal> {
        self.texts.keys().next().map_or(Ok(()), |name| Err(Refusal::unknown(name)))
    }
}
