//! `docs/security.md` points at what shows each of its rows, and what it points at is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The words that a row's answer begins with.
const ANSWERS: [&str; 4] = ["Met", "In part", "Not met", "Does not apply"];

/// The rows of the requirements: number, what it asks, how it is met, what shows it.
fn rows(page: &str) -> Vec<Vec<&str>> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let cells = rows.map(|row| row.split(" | ").map(str::trim).collect::<Vec<_>>());
    let is_number = |text: &str| {
        text.split('.').count() == 3 && text.chars().all(|c| c == '.' || c.is_ascii_digit())
    };
    cells.filter(|cells| is_number(cells[0])).collect()
}

/// What stands between backquotes and is a file of the house, with the function in it.
fn pointers(page: &str) -> Vec<(&str, Option<&str>)> {
    let quoted = page.split('`').skip(1).step_by(2);
    let files = quoted.map(|text| match text.split_once("::") {
        Some((file, name)) => (file, Some(name)),
        None => (text, None),
    });
    let kinds = [".rs", ".toml", ".md", ".lock"];
    let is_file = |file: &str| kinds.iter().any(|kind| file.ends_with(kind));
    files.filter(|(file, _)| is_file(file)).collect()
}

/// What a pointer points at and is not there.
fn faults(page: &str, read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut faults = Vec::new();
    for (file, name) in pointers(page) {
        let Some(source) = read(file) else {
            faults.push(format!("{file} is not there"));
            continue;
        };
        if let Some(name) = name.filter(|name| !source.contains(&format!("fn {name}("))) {
            faults.push(format!("{file} has no fn {name}"));
        }
    }
    for cells in rows(page) {
        let [number, _, how, shown] = cells.as_slice() else {
            faults.push(format!("{}: not four cells", cells[0]));
            continue;
        };
        if !ANSWERS.iter().any(|answer| how.starts_with(answer)) {
            faults.push(format!("{number}: neither met nor not"));
        }
        let is_met = how.starts_with("Met") || how.starts_with("In part");
        if is_met && pointers(shown).is_empty() {
            faults.push(format!("{number}: nothing shows it"));
        }
    }
    faults
}

fn page() -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/security.md");
    fs::read_to_string(page).unwrap()
}

#[test]
fn every_row_points_at_what_is_there() {
    let page = page();
    let found = faults(&page, |file| {
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).ok()
    });
    assert!(found.is_empty(), "{found:#?}");
    assert!(pointers(&page).len() > 100, "only {} pointers", pointers(&page).len());
}

/// How many requirements of levels 1 and 2 the chapters of ASVS 5.0.0 have, from the first one on; of
/// chapter 10 those of a resource server.
const REQUIREMENTS: [usize; 16] = [27, 11, 19, 10, 9, 35, 18, 7, 7, 5, 14, 9, 13, 9, 13, 16];

#[test]
fn every_requirement_has_one_row() {
    let page = page();
    let numbers: Vec<&str> = rows(&page).iter().map(|cells| cells[0]).collect();
    let each: BTreeSet<&&str> = numbers.iter().collect();
    assert_eq!(each.len(), numbers.len(), "a row stands twice");
    for (chapter, count) in (1..).zip(REQUIREMENTS) {
        let chapter = format!("{chapter}.");
        let found = numbers.iter().filter(|number| number.starts_with(&chapter)).count();
        assert_eq!(found, count, "chapter {chapter}");
    }
}

#[test]
fn a_row_that_has_rotted_is_found() {
    let file = |file: &str| (file == "tests/a.rs").then(|| "async fn it_holds() {}".to_owned());
    let faults = |row: &str| faults(&format!("| {row} |"), file).len();
    assert_eq!(faults("1.1.1 | Asks | Met: so | `tests/a.rs::it_holds`"), 0);
    assert_eq!(faults("1.1.1 | Asks | Met: so | `tests/a.rs`"), 0);
    assert_eq!(faults("1.1.1 | Asks | Met: so | `tests/a.rs::it_held`"), 1);
    assert_eq!(faults("1.1.1 | Asks | Met: so | `tests/b.rs::it_holds`"), 1);
    assert_eq!(faults("1.1.1 | Asks | Met: so | nothing"), 1);
    assert_eq!(faults("1.1.1 | Asks | Perhaps | `tests/a.rs::it_holds`"), 1);
    assert_eq!(faults("1.1.1 | Asks | Not met: too much"), 1);
    assert_eq!(faults("1.1.1 | Asks | Not met: too much | -"), 0);
}
