//! Whole requests of the Core Rule Set's own tests, and a list of strings that programs trip over.

use std::collections::BTreeMap;
use std::path::Path;

use firewall::{Action, Firewall, Verdict};
use serde::Deserialize;
use serde_json::Value;

use crate::corpus::{lines, text};
use crate::{BenchError, Result, say};

/// A request that a rule of the set must refuse, or must let pass.
#[derive(Debug, Deserialize)]
struct Case {
    group: String,
    uri: String,
    #[serde(default)]
    headers: BTreeMap<String, Value>,
    data: Option<String>,
    encoded_request: Option<String>,
    attack: bool,
}

/// What a group's requests came to: how many, and how many were refused.
#[derive(Debug, Default)]
struct Group {
    attacks: [u32; 2],
    others: [u32; 2],
    unread: u32,
}

impl Case {
    fn header(&self, wanted: &str) -> &str {
        let found = self.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.and_then(|(_, value)| value.as_str()).unwrap_or_default()
    }

    /// The verdicts on the head and on the body; none if the shop takes no body of this kind.
    fn judge(&self, firewall: &Firewall) -> Option<[Verdict; 2]> {
        if self.encoded_request.is_some() {
            return None;
        }
        let (path, query) = self.uri.split_once('?').unwrap_or((&self.uri, ""));
        let query = query.split('#').next().unwrap_or_default();
        let headers = self.headers.iter();
        let headers =
            headers.filter_map(|(name, value)| Some((name.as_str(), value.as_str()?.as_bytes())));
        let head = firewall.inspect_head(path, query, headers);
        let body = self.data.as_deref().unwrap_or_default().as_bytes();
        let kind = self.header("content-type").to_ascii_lowercase();
        let body = match kind.split(';').next().unwrap_or_default().trim() {
            "application/json" => firewall.inspect_json(path, body),
            "" | "application/x-www-form-urlencoded" => {
                firewall.inspect_form(path, form_urlencoded::parse(body))
            }
            _ if body.is_empty() => firewall.inspect_json(path, body),
            _ => return None,
        };
        Some([head, body])
    }
}

/// Prints, by group, how many requests were refused of those that must be and of those that must not.
pub fn measure(firewall: &Firewall, folder: &Path) -> Result<()> {
    let path = folder.join("crs_regression.jsonl");
    if path.exists() {
        let mut groups = BTreeMap::<String, Group>::new();
        for case in lines::<Case>(&path)? {
            let group = groups.entry(case.group.clone()).or_default();
            let Some(verdicts) = case.judge(firewall) else {
                group.unread += 1;
                continue;
            };
            let seen = verdicts.iter().any(|verdict| verdict.action == Action::Block);
            let share = if case.attack { &mut group.attacks } else { &mut group.others };
            share[0] += 1;
            share[1] += u32::from(seen);
        }
        say("\n## Requests of the Core Rule Set's tests\n")?;
        say("| group | attacks | refused | others | refused | bodies of other kinds |")?;
        say("|---|--:|--:|--:|--:|--:|")?;
        for (name, Group { attacks, others, unread }) in groups {
            let [all, seen] = attacks;
            let [other, mistaken] = others;
            say(format!("| {name} | {all} | {seen} | {other} | {mistaken} | {unread} |"))?;
        }
    }
    let path = folder.join("blns.json");
    if path.exists() {
        let strings: Vec<String> = serde_json::from_str(&text(&path)?)
            .map_err(|error| BenchError::Line { path, line: 1, error })?;
        let refused = strings.iter().filter(|string| {
            firewall.inspect_form("/", [("text", string)]).action == Action::Block
        });
        say(format!("\nOf {} naughty strings {} were refused.", strings.len(), refused.count()))?;
    }
    Ok(())
}
