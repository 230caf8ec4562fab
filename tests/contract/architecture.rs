//! Who may depend on whom, over `cargo metadata`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

use crate::tidy;

/// What the kernel may depend on. None of these opens a file, a socket or a database.
const KERNEL_MAY_USE: &[(&str, &str)] = &[
    ("async-trait", "ports are traits with async methods, used as dyn"),
    ("chrono", "timestamps"),
    ("rust_decimal", "amounts of money"),
    ("secrecy", "card numbers and keys are never shown, and wiped"),
    ("serde", "events and answers have a wire shape"),
    ("serde_json", "the payload of an event"),
    ("thiserror", "refusals are enums"),
    ("utoipa", "the wire shapes describe themselves"),
    ("uuid", "ids"),
];

/// What the standard library offers for I/O.
const IO_PATHS: &[&str] =
    &["std::fs", "std::net", "std::process", "std::env", "std::io", "std::thread"];

/// The workspace's crates, and what each depends on directly, for any purpose: `(name, for tests)`.
#[derive(Default)]
struct Graph {
    modules: BTreeSet<String>,
    crates: BTreeMap<String, BTreeSet<(String, bool)>>,
}

impl Graph {
    fn of(metadata: &Metadata) -> Self {
        let modules_dir = metadata.workspace_root.join("modules");
        let mut graph = Self::default();
        for package in metadata.workspace_packages() {
            let name = package.name.to_string();
            let dependencies = package.dependencies.iter().map(|dependency| {
                (dependency.name.clone(), dependency.kind == DependencyKind::Development)
            });
            graph.crates.insert(name.clone(), dependencies.collect());
            let folder = package.manifest_path.parent().and_then(|folder| folder.parent());
            if folder == Some(&modules_dir) {
                graph.modules.insert(name);
            }
        }
        for floor in ["kernel", "platform"] {
            assert!(graph.modules.remove(floor), "no crate {floor} under modules/");
        }
        graph
    }

    fn direct(&self, name: &str) -> impl Iterator<Item = &(String, bool)> {
        self.crates.get(name).into_iter().flatten().filter(move |(other, _)| other != name)
    }

    fn modules_that_know_a_module(&self) -> Vec<String> {
        self.modules.iter().flat_map(|module| self.edges_into_modules(module)).collect()
    }

    fn modules_under_the_platform(&self) -> Vec<String> {
        ["kernel", "platform"].iter().flat_map(|floor| self.edges_into_modules(floor)).collect()
    }

    fn edges_into_modules(&self, from: &str) -> Vec<String> {
        let into = self.direct(from).filter(|(other, _)| self.modules.contains(other));
        into.map(|(other, _)| format!("{from} depends on the module {other}")).collect()
    }

    /// What writes the log and what checks it must not share a mistake.
    fn verifier_shares_code(&self) -> Vec<String> {
        let inside = self.direct("verifier").filter(|(other, _)| self.crates.contains_key(other));
        let uses = inside.map(|(other, _)| format!("verifier depends on {other}"));
        let others =
            self.crates.keys().filter(|name| !["stoa", "verifier"].contains(&name.as_str()));
        let used = others.filter(|name| self.direct(name).any(|(other, _)| other == "verifier"));
        uses.chain(used.map(|name| format!("{name} depends on verifier"))).collect()
    }

    fn kernel_does_io(&self) -> Vec<String> {
        let allowed = |other: &str| KERNEL_MAY_USE.iter().any(|(name, _)| *name == other);
        let strange = self.direct("kernel").filter(|(other, tests)| !tests && !allowed(other));
        strange.map(|(other, _)| format!("kernel depends on {other}")).collect()
    }
}

fn workspace() -> Metadata {
    MetadataCommand::new()
        .manifest_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"))
        .no_deps()
        .other_options(["--offline".to_owned()])
        .exec()
        .unwrap()
}

/// A made-up workspace of two modules on the two floors, with these further dependencies.
fn made_up(further: &[(&str, &str)]) -> Graph {
    let sound = [
        ("platform", "kernel"),
        ("kernel", "serde"),
        ("order", "kernel"),
        ("order", "platform"),
        ("payment", "platform"),
    ];
    let mut graph = Graph {
        modules: ["order", "payment"].map(str::to_owned).into(),
        crates: BTreeMap::default(),
    };
    for (from, to) in sound.iter().chain(further) {
        let dependencies = graph.crates.entry((*from).to_owned()).or_default();
        dependencies.insert(((*to).to_owned(), false));
    }
    graph
}

fn io_in(source: &str) -> Vec<&'static str> {
    let code = tidy::code_of(source);
    IO_PATHS.iter().copied().filter(|path| code.contains(path)).collect()
}

#[test]
fn every_folder_of_modules_is_a_crate_of_the_workspace() {
    let metadata = workspace();
    let graph = Graph::of(&metadata);
    let folders = fs::read_dir(metadata.workspace_root.join("modules")).unwrap();
    let folders = folders.filter(|entry| entry.as_ref().unwrap().path().is_dir()).count();
    assert_eq!(graph.modules.len() + 2, folders);
    assert!(graph.modules.contains("order"), "{:?}", graph.modules);
}

#[test]
fn no_module_depends_on_another_module() {
    assert_eq!(Graph::of(&workspace()).modules_that_know_a_module(), [""; 0]);
}

#[test]
fn a_module_that_depends_on_another_is_found() {
    assert_eq!(made_up(&[]).modules_that_know_a_module(), [""; 0]);
    let found = made_up(&[("order", "payment")]).modules_that_know_a_module();
    assert_eq!(found, ["order depends on the module payment"]);
}

#[test]
fn a_module_that_depends_on_another_for_its_tests_is_found() {
    let mut graph = made_up(&[]);
    graph.crates.get_mut("payment").unwrap().insert(("order".to_owned(), true));
    assert_eq!(graph.modules_that_know_a_module(), ["payment depends on the module order"]);
}

#[test]
fn the_verifier_shares_no_code_with_the_shop() {
    let graph = Graph::of(&workspace());
    assert!(graph.modules.contains("notary") && graph.modules.contains("verifier"));
    assert_eq!(graph.verifier_shares_code(), [""; 0]);
}

#[test]
fn a_verifier_that_shares_code_is_found() {
    let none = made_up(&[("verifier", "sha2"), ("stoa", "verifier")]);
    assert_eq!(none.verifier_shares_code(), [""; 0]);
    let found = made_up(&[("verifier", "kernel"), ("order", "verifier")]).verifier_shares_code();
    assert_eq!(found, ["verifier depends on kernel", "order depends on verifier"]);
}

#[test]
fn kernel_and_platform_depend_on_no_module() {
    assert_eq!(Graph::of(&workspace()).modules_under_the_platform(), [""; 0]);
}

#[test]
fn a_floor_that_depends_on_a_module_is_found() {
    assert_eq!(made_up(&[]).modules_under_the_platform(), [""; 0]);
    let found = made_up(&[("platform", "order"), ("kernel", "payment")]);
    let expected = ["kernel depends on the module payment", "platform depends on the module order"];
    assert_eq!(found.modules_under_the_platform(), expected);
}

#[test]
fn kernel_depends_on_nothing_that_does_io() {
    assert_eq!(Graph::of(&workspace()).kernel_does_io(), [""; 0]);
}

#[test]
fn a_kernel_that_could_do_io_is_found() {
    assert_eq!(made_up(&[]).kernel_does_io(), [""; 0]);
    for culprit in ["tokio", "sqlx", "actix-web", "reqwest", "platform"] {
        let found = made_up(&[("kernel", culprit)]).kernel_does_io();
        assert_eq!(found, [format!("kernel depends on {culprit}")]);
    }
}

#[test]
fn kernel_sources_use_no_io_of_the_standard_library() {
    let root = workspace().workspace_root.join("modules/kernel/src");
    let files = tidy::rust_files(root.as_std_path());
    assert!(!files.is_empty());
    for file in files {
        let found = io_in(&fs::read_to_string(&file).unwrap());
        assert!(found.is_empty(), "{}: {found:?}", file.display());
    }
}

#[test]
fn io_in_a_source_is_found() {
    assert_eq!(io_in("// std::fs is not for us\nfn f() {}"), [""; 0]);
    assert_eq!(io_in("fn f() { let _ = std::fs::read(\"x\"); }"), ["std::fs"]);
    assert_eq!(io_in("use std::net::TcpStream;"), ["std::net"]);
}
