//! What the tamper-evident log costs as it grows: an append and proofs with 10 thousand and a million
//! entries, and how fast the verifier reads an export again.
#![expect(clippy::expect_used, reason = "a bench that cannot be set up must end")]

use std::hint::black_box;
use std::path::Path;

use criterion::{BatchSize, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use notary::{Head, Log};
use verifier::{Key, verify_export};

const SIZES: [u64; 2] = [10_000, 1_000_000];
/// Entries that are appended at once while a log is made.
const AT_ONCE: u64 = 1 << 16;
/// As long as an entry of the audit log is.
const ENTRY: usize = 110;

fn entries(from: u64, to: u64) -> Vec<Vec<u8>> {
    let entry = |n: u64| n.to_be_bytes().into_iter().cycle().take(ENTRY).collect();
    (from..to).map(entry).collect()
}

fn log_of(folder: &Path, size: u64) -> (Log, Head) {
    let log = Log::open(&folder.join("ledger"), &folder.join("keys"), "bench.example")
        .expect("the log works");
    let mut head = log.begin().expect("the log works");
    while head.checkpoint.size < size {
        let from = head.checkpoint.size;
        head = log.append(&head, entries(from, size.min(from + AT_ONCE))).expect("the log works");
    }
    (log, head)
}

fn ledger(criterion: &mut Criterion) {
    for size in SIZES {
        let folder = tempfile::tempdir().expect("the log works");
        let (log, mut head) = log_of(folder.path(), size);
        let mut group = criterion.benchmark_group(format!("log of {size}"));
        group.sample_size(20).sampling_mode(SamplingMode::Flat);
        let mut n = 0;
        group.bench_function("inclusion proof", |bencher| {
            bencher.iter(|| {
                n = (n + 7_919) % size;
                black_box(log.inclusion(n, size).expect("the log works"))
            });
        });
        group.bench_function("consistency proof", |bencher| {
            bencher.iter(|| black_box(log.consistency(size / 3, size).expect("the log works")));
        });
        let key = Key::read(&log.public_key()).expect("the log works");
        group.throughput(Throughput::Elements(size)).sample_size(10);
        group.bench_function("verifier", |bencher| {
            bencher.iter(|| {
                verify_export(&folder.path().join("ledger"), &key, None).expect("the log works")
            });
        });
        group.throughput(Throughput::Elements(64)).sample_size(20);
        group.bench_function("append of 64, signed and on disk", |bencher| {
            bencher.iter_batched(
                || entries(0, 64),
                |batch| head = log.append(&head, batch).expect("the log works"),
                BatchSize::SmallInput,
            );
        });
        group.finish();
    }
}

criterion_group!(benches, ledger);
criterion_main!(benches);
