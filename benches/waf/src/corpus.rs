//! Attacks and a shop's words, from the files that hold them.

use std::path::Path;

use firewall::{Firewall, Verdict};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{Arguments, BenchError, Result};

/// The half of the samples that one belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    /// The one that rules are changed by.
    Tuned,
    /// The one that they are judged by.
    Other,
}

/// A text, and what it is.
#[derive(Debug)]
pub struct Sample {
    /// Where it is from.
    pub source: String,
    /// The kind of attack, or of words.
    pub class: String,
    /// Whether it is one.
    pub attack: bool,
    /// The text, decoded.
    pub text: String,
}

impl Sample {
    /// What the firewall says of it where it belongs: a scanner's name among the headers, and any
    /// other text in a form.
    pub fn judge(&self, firewall: &Firewall) -> Verdict {
        if self.class == "scanner-ua" {
            return firewall.inspect_head("/", "", [("user-agent", self.text.as_bytes())]);
        }
        firewall.inspect_form("/", [("text", &self.text)])
    }

    /// The half it belongs to, by a hash of its text and nothing else.
    pub fn half(&self) -> Half {
        let is_even = Sha256::digest(self.text.as_bytes())[0].is_multiple_of(2);
        if is_even { Half::Tuned } else { Half::Other }
    }
}

/// A line of the payload files.
#[derive(Debug, Deserialize)]
struct Line {
    source: String,
    class: String,
    label: String,
    payload: String,
}

/// Everything that the arguments name.
pub fn read(arguments: &Arguments) -> Result<Vec<Sample>> {
    let mut samples = Vec::new();
    for file in ["payloads_dev.jsonl", "benign_shop_dev.jsonl"] {
        for Line { source, class, label, payload } in lines(&arguments.waf.join(file))? {
            samples.push(Sample { source, class, attack: label == "attack", text: payload });
        }
    }
    let words = [
        (&arguments.catalog, "catalogue", &["name", "description", "brand"][..]),
        (&arguments.reviews, "reviews", &["title", "text", "reviewer"][..]),
    ];
    for (path, source, fields) in words {
        let Some(path) = path else { continue };
        for line in lines::<Value>(path)? {
            for field in fields {
                if let Some(text) = line[*field].as_str() {
                    samples.push(shop(source, field, text));
                }
            }
        }
    }
    if let Some(path) = &arguments.queries {
        let queries = text(path)?;
        let column = queries.lines().skip(1).filter_map(|line| line.split('\t').nth(1));
        samples.extend(column.map(|query| shop("queries", "query", query)));
    }
    Ok(samples)
}

/// A text of the shop's own.
fn shop(source: &str, class: &str, text: &str) -> Sample {
    Sample {
        source: source.to_owned(),
        class: class.to_owned(),
        attack: false,
        text: text.to_owned(),
    }
}

/// A file as text.
pub fn text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| BenchError::Read { path: path.to_owned(), error })
}

/// A file of JSON lines.
pub fn lines<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Vec<T>> {
    let parse = |(at, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|error| BenchError::Line {
            path: path.to_owned(),
            line: at + 1,
            error,
        })
    };
    text(path)?.lines().enumerate().filter(|(_, line)| !line.is_empty()).map(parse).collect()
}
