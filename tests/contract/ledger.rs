//! The adversary of the tamper-evident log: more than 10,000 changes of an export, made by whoever has
//! its files, and by whoever has the key too. The verifier, which holds one older checkpoint, finds each.

use std::fs;
use std::path::{Path, PathBuf};

use notary::{Head, Log};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use verifier::{Fault, Key, verify_export, verify_receipt};

/// How many entries the kept checkpoint was signed over, and how many there are: a full tile, and more.
const KEPT: u64 = 258;
const ALL: u64 = 270;
/// The flips of single bits, of the files by their length.
const FLIPS: u64 = 8_000;
/// Logs that whoever has the key makes anew, of each kind.
const REWRITTEN: u64 = 100;

fn entries(count: u64) -> Vec<Vec<u8>> {
    (0..count)
        .map(|n| format!("entry {n} {}", "x".repeat((n % 60) as usize)).into_bytes())
        .collect()
}

/// A log of these entries, signed by the key of a folder.
fn log_of(folder: &Path, keys: &Path, entries: Vec<Vec<u8>>) -> (Log, Head) {
    let log = Log::open(folder, keys, "test.example/ledger").unwrap();
    let head = log.begin().unwrap();
    let head = log.append(&head, entries).unwrap();
    (log, head)
}

/// An export and what its verifier holds.
struct Case {
    folder: PathBuf,
    keys: PathBuf,
    export: PathBuf,
    key: Key,
    kept: String,
    log: Log,
}

impl Case {
    fn new(folder: &Path) -> Self {
        let keys = folder.join("keys");
        let (log, kept) = log_of(&folder.join("log"), &keys, entries(KEPT));
        log.append(&kept, entries(ALL).split_off(usize::try_from(KEPT).unwrap())).unwrap();
        let export = folder.join("export");
        log.export(&export).unwrap();
        let key = Key::read(&log.public_key()).unwrap();
        Self { folder: folder.to_owned(), keys, export, key, kept: kept.note, log }
    }

    fn verify(&self, export: &Path) -> Result<verifier::Verified, Fault> {
        verify_export(export, &self.key, Some(self.kept.as_bytes()))
    }

    /// All files of the export but the key, which the verifier brings along.
    fn files(&self) -> Vec<PathBuf> {
        let (mut files, mut folders) = (Vec::new(), vec![self.export.clone()]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if !path.ends_with("key") && !path.ends_with("checkpoint.lock") {
                    files.push(path);
                }
            }
        }
        files.sort();
        files
    }

    /// Whether a changed file is found; it is as it was afterwards.
    fn finds(&self, file: &Path, whole: &[u8], changed: Option<&[u8]>) -> bool {
        match changed {
            Some(changed) => fs::write(file, changed).unwrap(),
            None => fs::remove_file(file).unwrap(),
        }
        let found = self.verify(&self.export).is_err();
        fs::write(file, whole).unwrap();
        found
    }

    /// Whether a log that was made anew with the right key is found.
    fn finds_log_of(&self, entries: Vec<Vec<u8>>) -> bool {
        let folder = self.folder.join("rewritten");
        let _ = fs::remove_dir_all(&folder);
        log_of(&folder, &self.keys, entries);
        self.verify(&folder).is_err()
    }
}

#[test]
fn ten_thousand_changes_are_all_found() {
    let folder = tempfile::tempdir().unwrap();
    let case = Case::new(folder.path());
    let verified = case.verify(&case.export).unwrap();
    assert_eq!((verified.checkpoint.size, verified.known), (ALL, Some(KEPT)));
    let mut chance = ChaCha8Rng::seed_from_u64(7);
    let mut below = |most: usize| usize::try_from(chance.next_u64() % most as u64).unwrap();
    let mut tried = 0;
    let mut missed = Vec::new();
    let mut try_it = |what: String, found: bool| {
        tried += 1;
        if !found {
            missed.push(what);
        }
    };
    let files: Vec<(PathBuf, Vec<u8>)> =
        case.files().into_iter().map(|file| (file.clone(), fs::read(file).unwrap())).collect();
    assert_eq!(files.len(), 6, "two bundles, two tiles of hashes and one above, the checkpoint");
    for (file, whole) in &files {
        let name = file.display();
        let mut flip = |byte: usize, bit: usize| {
            let mut changed = whole.clone();
            changed[byte] ^= 1 << bit;
            try_it(format!("{name}: bit {bit} of {byte}"), case.finds(file, whole, Some(&changed)));
        };
        if file.ends_with("checkpoint") {
            (0..whole.len()).for_each(|byte| (0..8).for_each(|bit| flip(byte, bit)));
        }
        let length: usize = files.iter().map(|(_, whole)| whole.len()).sum();
        for _ in 0..FLIPS * whole.len() as u64 / length as u64 {
            flip(below(whole.len()), below(8));
        }
        try_it(format!("{name} removed"), case.finds(file, whole, None));
        for _ in 0..100 {
            let cut = &whole[..below(whole.len())];
            try_it(format!("{name} cut at {}", cut.len()), case.finds(file, whole, Some(cut)));
        }
        let longer = [whole.as_slice(), &[0]].concat();
        try_it(format!("{name} with a byte more"), case.finds(file, whole, Some(&longer)));
    }
    // From here on the adversary has the key.
    let kept = usize::try_from(KEPT).unwrap();
    for n in 0..REWRITTEN {
        let (one, other) = (below(kept), below(kept));
        let mut rewritten = entries(ALL);
        rewritten.remove(one);
        try_it(format!("{one} deleted {n}"), case.finds_log_of(rewritten));
        let mut rewritten = entries(ALL);
        rewritten.insert(one, b"entry".to_vec());
        try_it(format!("inserted at {one} {n}"), case.finds_log_of(rewritten));
        if one != other {
            let mut rewritten = entries(ALL);
            rewritten.swap(one, other);
            try_it(format!("{one} and {other} swapped {n}"), case.finds_log_of(rewritten));
        }
        let mut rewritten = entries(ALL);
        rewritten[one].push(b'!');
        try_it(format!("{one} changed {n}"), case.finds_log_of(rewritten));
        let rewritten = entries(one as u64);
        try_it(format!("cut at {one} {n}"), case.finds_log_of(rewritten));
    }
    assert!(missed.is_empty(), "{missed:#?}");
    assert!(tried >= 10_000, "only {tried} changes were tried");
    case.verify(&case.export).unwrap();
}

#[test]
fn old_strange_and_foreign_checkpoints_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let case = Case::new(folder.path());
    let older = folder.path().join("older");
    log_of(&older, &case.keys, entries(100));
    let shrunk = case.verify(&older);
    assert!(matches!(shrunk, Err(Fault::Shrunk { known: KEPT, found: 100 })), "{shrunk:?}");
    let mut forked = entries(ALL);
    forked[9].push(0);
    let other = folder.path().join("forked");
    log_of(&other, &case.keys, forked);
    let found = case.verify(&other);
    assert!(matches!(found, Err(Fault::Forked { size: KEPT })), "{found:?}");
    // Another key under the same name, and another name.
    let foreign = folder.path().join("foreign");
    log_of(&foreign, &folder.path().join("other keys"), entries(ALL));
    assert!(matches!(case.verify(&foreign), Err(Fault::Unsigned(_))));
    let named = folder.path().join("named");
    let log = Log::open(&named, &folder.path().join("third keys"), "another.example").unwrap();
    log.append(&log.begin().unwrap(), entries(ALL)).unwrap();
    assert!(matches!(case.verify(&named), Err(Fault::Unsigned(_))));
    // The same entries may be signed again, and more of them.
    let same = folder.path().join("same");
    log_of(&same, &case.keys, entries(ALL + 300));
    case.verify(&same).unwrap();
}

#[test]
fn no_byte_of_a_receipt_can_be_changed() {
    let folder = tempfile::tempdir().unwrap();
    let case = Case::new(folder.path());
    let head = case.log.head().unwrap().unwrap();
    for index in [0, 7, 255, 256, ALL - 1] {
        let entry = &entries(ALL)[usize::try_from(index).unwrap()];
        let receipt = case.log.receipt(&head, index, entry).unwrap();
        let proved = verify_receipt(receipt.as_bytes(), &case.key).unwrap();
        assert_eq!((&proved.entry, proved.index, proved.checkpoint.size), (entry, index, ALL));
    }
    let receipt = case.log.receipt(&head, 256, &entries(ALL)[256]).unwrap();
    for byte in 0..receipt.len() {
        let mut changed = receipt.clone().into_bytes();
        changed[byte] ^= 1 << (byte % 8);
        assert!(verify_receipt(&changed, &case.key).is_err(), "a bit of {byte}");
        assert!(verify_receipt(&receipt.as_bytes()[..byte], &case.key).is_err(), "cut at {byte}");
    }
}
