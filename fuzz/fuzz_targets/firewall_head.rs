//! The firewall on what comes before a body: a line for the path, one for the query, and a header
//! field on each further one.
#![no_main]

use firewall::{Firewall, Part, normalize};
use libfuzzer_sys::fuzz_target;
use stoa_fuzz::verdict::judged;

fuzz_target!(|data: &[u8]| {
    let mut lines = data.split(|byte| *byte == b'\n');
    let mut text = || String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let (path, query) = (text(), text());
    let headers: Vec<(String, &[u8])> = lines.map(header).collect();
    let head = |firewall: &Firewall, fields: usize| {
        let fields = headers[..fields].iter().map(|(name, value)| (name.as_str(), *value));
        firewall.inspect_head(&path, &query, fields)
    };
    let verdict = judged(|firewall| head(firewall, headers.len()));

    if let Err(rule) = normalize::path(&path) {
        let first = &verdict.findings[0];
        assert_eq!((first.rule, first.place.part), (rule, Part::Path));
    }
    if query.split('&').any(|pair| normalize::query(pair).is_err()) {
        assert!(verdict.score > 0, "a query of two meanings passes: {query:?}");
    }
    let fewer = judged(|firewall| head(firewall, headers.len() / 2));
    assert!(fewer.score <= verdict.score, "a further field makes a request look better");
});

fn header(line: &[u8]) -> (String, &[u8]) {
    let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
    let (name, value) = line.split_at(colon);
    let value = value.strip_prefix(b":").unwrap_or(value);
    (String::from_utf8_lossy(name).into_owned(), value)
}
