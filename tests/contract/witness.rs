//! What the log proves to a witness, and what no witness signs. The witness shares no code with the log.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use notary::{Head, Log};
use verifier::{Checkpoint, Key, Refusal, Request, Witness, WitnessKey};

/// Sizes around powers of two and full tiles.
const SIZES: [u64; 16] = [0, 1, 2, 3, 4, 5, 7, 8, 9, 31, 64, 65, 255, 256, 257, 300];

fn entries(from: u64, to: u64) -> Vec<Vec<u8>> {
    (from..to).map(|n| format!("entry {n}").into_bytes()).collect()
}

/// A log and its checkpoint at each size.
fn grown(folder: &std::path::Path) -> (Log, Vec<Head>) {
    let log = Log::open(&folder.join("log"), &folder.join("keys"), "test.example/ledger").unwrap();
    let mut heads = vec![log.begin().unwrap()];
    for pair in SIZES.windows(2) {
        let head = log.append(heads.last().unwrap(), entries(pair[0], pair[1])).unwrap();
        heads.push(head);
    }
    (log, heads)
}

fn body(old: u64, proof: &[String], note: &str) -> String {
    let proof: String = proof.iter().flat_map(|hash| [hash.as_str(), "\n"]).collect();
    format!("old {old}\n{proof}\n{note}")
}

fn known(key: &Key, head: &Head) -> Checkpoint {
    key.checkpoint(head.note.as_bytes(), "checkpoint").unwrap()
}

#[test]
fn every_step_of_a_log_is_signed_and_no_other() {
    let folder = platform::testing::folder();
    let (log, heads) = grown(&folder);
    let key = Key::read(&log.public_key()).unwrap();
    let mut steps = 0;
    for (n, old) in heads.iter().enumerate() {
        let before = (old.checkpoint.size > 0).then(|| known(&key, old));
        for new in &heads[n..] {
            let (from, to) = (old.checkpoint.size, new.checkpoint.size);
            let proof = if from == 0 { vec![] } else { log.consistency(from, to).unwrap() };
            let proof: Vec<String> = proof.iter().map(|hash| STANDARD.encode(hash)).collect();
            let judged = |old, proof: &[String], note: &str| {
                let body = body(old, proof, note);
                Request::read(body.as_bytes())?.judge(&key, before.as_ref())
            };
            assert_eq!(judged(from, &proof, &new.note), Ok(()), "{from} to {to}");
            steps += 1;
            for place in 0..proof.len() {
                let mut other = proof.clone();
                other[place] = STANDARD.encode([7; 32]);
                let refused = judged(from, &other, &new.note);
                assert_eq!(refused, Err(Refusal::Proof), "{from} to {to}: hash {place}");
                other.remove(place);
                assert_eq!(judged(from, &other, &new.note), Err(Refusal::Proof));
            }
            let longer = [proof.clone(), vec![STANDARD.encode([7; 32])]].concat();
            assert_eq!(judged(from, &longer, &new.note), Err(Refusal::Proof), "{from} to {to}");
            let elsewhere = judged(to.min(from + 1), &proof, &new.note);
            assert!(from == to || elsewhere == Err(Refusal::Elsewhere(from)), "{elsewhere:?}");
        }
    }
    assert_eq!(steps, SIZES.len() * (SIZES.len() + 1) / 2);
}

#[test]
fn another_log_of_the_same_key_is_not_signed() {
    let folder = platform::testing::folder();
    let (log, heads) = grown(&folder);
    let key = Key::read(&log.public_key()).unwrap();
    let other = Log::open(&folder.join("other"), &folder.join("keys"), "ignored").unwrap();
    let mut head = other.begin().unwrap();
    let mut forged = Vec::new();
    for size in [5, 300] {
        let from = head.checkpoint.size;
        let lies = (from..size).map(|n| format!("lie {n}").into_bytes()).collect();
        head = other.append(&head, lies).unwrap();
        forged.push(head.clone());
    }
    let five = known(&key, heads.iter().find(|head| head.checkpoint.size == 5).unwrap());
    let judged = |proof: &[String], note: &str| {
        let body = body(5, proof, note);
        Request::read(body.as_bytes()).and_then(|request| request.judge(&key, Some(&five)))
    };
    assert_eq!(judged(&[], &forged[0].note), Err(Refusal::Forked));
    let proof: Vec<String> =
        other.consistency(5, 300).unwrap().iter().map(|hash| STANDARD.encode(hash)).collect();
    assert_eq!(judged(&proof, &forged[1].note), Err(Refusal::Proof));
    // Nor one of another key.
    let stranger = Log::open(&folder.join("third"), &folder.join("else"), log_name(&log)).unwrap();
    let head = stranger.append(&stranger.begin().unwrap(), entries(0, 5)).unwrap();
    assert_eq!(judged(&[], &head.note), Err(Refusal::Unsigned));
    for wrong in ["", "old 1", "old 01\n\n", "old 301\n\n", "old 5\nno hash\n\n", "new 5\n\n"] {
        let body = format!("{wrong}{}", heads[5].note);
        assert_eq!(Request::read(body.as_bytes()).err(), Some(Refusal::Malformed), "{wrong:?}");
    }
}

fn log_name(log: &Log) -> &'static str {
    assert!(log.public_key().starts_with("test.example/ledger+"));
    "test.example/ledger"
}

#[test]
fn what_a_witness_signed_is_told_apart_from_what_it_did_not() {
    let folder = platform::testing::folder();
    let (_, heads) = grown(&folder);
    let note = &heads.last().unwrap().note;
    let witness = Witness::new("witness.example/w1", &[3; 32]).unwrap();
    let key = WitnessKey::read(&witness.public_key()).unwrap();
    let request = body(0, &[], note);
    let line = witness.cosign(&Request::read(request.as_bytes()).unwrap(), 1_800_000_000);
    let signed = format!("{note}{line}");
    assert_eq!(key.cosigned(signed.as_bytes(), "it").unwrap(), 1_800_000_000);
    assert!(key.cosigned(note.as_bytes(), "it").is_err(), "without the line");
    let other = format!("{}{line}", heads[3].note);
    assert!(key.cosigned(other.as_bytes(), "it").is_err(), "behind another checkpoint");
    let namesake = Witness::new("witness.example/w1", &[4; 32]).unwrap();
    let namesake = WitnessKey::read(&namesake.public_key()).unwrap();
    assert!(namesake.cosigned(signed.as_bytes(), "it").is_err(), "of another key");
    for name in ["", "a b", "a+b"] {
        assert!(Witness::new(name, &[3; 32]).is_none(), "{name:?}");
    }
}
