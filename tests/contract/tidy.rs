//! What a source file and a manifest look like.

use std::fs;
use std::path::{Path, PathBuf};

/// A file that is longer does more than one thing.
const LINES_MAX: usize = 600;

/// Names that say nothing of what is inside.
const EMPTY_NAMES: &[&str] =
    &["utils", "util", "helpers", "helper", "manager", "managers", "common", "misc"];

/// The folders with sources; each may be missing in a workspace that has just begun.
const SOURCES: &[&str] = &["src", "modules", "tests", "benches"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files under a folder, at any depth.
pub fn rust_files(folder: &Path) -> Vec<PathBuf> {
    files(folder, &|path| path.extension().is_some_and(|extension| extension == "rs"))
}

fn files(folder: &Path, wanted: &dyn Fn(&Path) -> bool) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() && !path.ends_with("target") {
            found.extend(files(&path, wanted));
        } else if path.is_file() && wanted(&path) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The lines of a source that are neither comment nor below `#[cfg(test)]`, where unit tests stand.
pub fn code_of(source: &str) -> String {
    let code = source.lines().take_while(|line| !line.starts_with("#[cfg(test)]"));
    let code = code.filter(|line| !line.trim_start().starts_with("//"));
    code.collect::<Vec<_>>().join("\n")
}

fn is_test_source(path: &Path, source: &str) -> bool {
    source.contains("#![cfg(test)]") || path.iter().any(|part| part == "tests")
}

/// What is wrong with a source, each in a phrase.
fn faults(path: &Path, source: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let lines = source.lines().count();
    if lines > LINES_MAX {
        faults.push(format!("{lines} lines, more than {LINES_MAX}"));
    }
    if let Some(name) = path
        .iter()
        .filter_map(|part| Path::new(part).file_stem()?.to_str())
        .find(|name| EMPTY_NAMES.contains(name))
    {
        faults.push(format!("the name {name} says nothing"));
    }
    for line in source.lines().map(str::trim_start) {
        let declared = line.trim_start_matches("pub ").trim_start_matches("pub(crate) ");
        let module =
            declared.strip_prefix("mod ").map(|rest| rest.trim_end_matches([';', '{', ' ']));
        if let Some(name) = module.filter(|name| EMPTY_NAMES.contains(name)) {
            faults.push(format!("the name {name} says nothing"));
        }
        if ["#[allow(", "#![allow("].iter().any(|attribute| line.starts_with(attribute)) {
            faults.push("allow; expect with a reason says why and ends with its cause".to_owned());
        }
    }
    if !is_test_source(path, source) && code_of(source).contains(".unwrap()") {
        faults.push("unwrap outside tests".to_owned());
    }
    faults
}

fn inherits_the_lints(manifest: &toml::Table) -> bool {
    let inherited = manifest.get("lints").and_then(|lints| lints.get("workspace"));
    inherited.and_then(toml::Value::as_bool) == Some(true)
}

#[test]
fn sources_are_tidy() {
    let sources = SOURCES.iter().flat_map(|folder| rust_files(&root().join(folder)));
    let mut seen = 0;
    let mut found = Vec::new();
    for path in sources {
        seen += 1;
        let inside = path.strip_prefix(root()).unwrap();
        let faults = faults(inside, &fs::read_to_string(&path).unwrap());
        found.extend(faults.into_iter().map(|fault| format!("{}: {fault}", inside.display())));
    }
    assert!(seen > 50, "only {seen} sources were found");
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn an_untidy_source_is_found() {
    let path = Path::new("modules/order/src/store.rs");
    let found = |source: &str| faults(path, source);
    assert_eq!(found("//! Rows.\nfn f() {}\n"), [""; 0]);
    assert_eq!(found(&"\n".repeat(LINES_MAX)), [""; 0]);
    assert_eq!(found(&"\n".repeat(LINES_MAX + 1)), ["601 lines, more than 600"]);
    assert_eq!(found("pub mod helpers;"), ["the name helpers says nothing"]);
    assert_eq!(found("    mod utils {"), ["the name utils says nothing"]);
    assert_eq!(found("    #[allow(dead_code)]").len(), 1);
    assert_eq!(found("#![allow(dead_code)]").len(), 1);
    assert_eq!(found("fn f() { g().unwrap() }"), ["unwrap outside tests"]);
    for named in ["src/utils.rs", "src/common/mod.rs", "modules/manager/src/lib.rs"] {
        assert_eq!(faults(Path::new(named), "").len(), 1, "{named}");
    }
}

#[test]
fn tests_may_unwrap() {
    let unwrapping = "fn f() { g().unwrap() }";
    let store = Path::new("modules/order/src/store.rs");
    assert_eq!(faults(store, &format!("#[cfg(test)]\nmod tests {{ {unwrapping} }}")), [""; 0]);
    assert_eq!(faults(store, &format!("#![cfg(test)]\n{unwrapping}")), [""; 0]);
    assert_eq!(faults(store, "/// `x.unwrap()` would panic.\nfn f() {}"), [""; 0]);
    assert_eq!(faults(Path::new("tests/contract/tidy.rs"), unwrapping), [""; 0]);
}

#[test]
fn every_crate_inherits_the_lints() {
    let manifests = SOURCES
        .iter()
        .flat_map(|folder| files(&root().join(folder), &|path| path.ends_with("Cargo.toml")));
    let manifests: Vec<_> = manifests.chain([root().join("Cargo.toml")]).collect();
    assert!(manifests.len() > 8, "{manifests:?}");
    for path in manifests {
        let manifest = fs::read_to_string(&path).unwrap().parse().unwrap();
        assert!(inherits_the_lints(&manifest), "{}", path.display());
    }
}

#[test]
fn a_crate_with_its_own_lints_is_found() {
    let inherits = |manifest: &str| inherits_the_lints(&manifest.parse().unwrap());
    assert!(inherits("[lints]\nworkspace = true"));
    assert!(!inherits("[package]\nname = 'order'"));
    assert!(!inherits("[lints]\nworkspace = false"));
    assert!(!inherits("[lints.clippy]\nall = 'allow'"));
}
