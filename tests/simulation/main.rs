//! Orders, stock, payments and the journal in one process, in an order that follows from a seed: shoppers and staff
//! who act at the same time, what comes after a sale included, a clock that jumps, calls that fail, are late, lost or made twice, and
//! nodes that die between an effect and its record. Each seed ends with the invariants of `stoa verify`.
//!
//! What happens between two calls of ports happens without a break, so units of work do not meet each
//! other here: that is what the tests with real concurrency are for. What is simulated is what no such
//! test meets often enough: everything that can lie between an effect and its record.
//!
//! `STOA_SIMULATION=7 cargo nextest run -E 'test(a_chosen_seed)' --success-output immediate` tells
//! one seed's story; `STOA_SIMULATION=0..100000` looks for new ones.
#![cfg(test)]

mod acts;
mod carrier;
mod chaos;
mod people;
mod run;
mod schedule;
mod world;

use std::io::Write;
use std::ops::Range;
use std::process::Command;

use crate::run::Lived;
use crate::world::Beginning;

/// Which seeds `a_chosen_seed` lives through.
const CHOSEN: &str = "STOA_SIMULATION";

async fn live(seeds: Range<u64>) {
    let beginning = Beginning::new().await;
    for seed in seeds {
        let Lived { story, broken } = run::live(&beginning, seed).await;
        if let Some(broken) = broken {
            panic!("seed {seed}:\n{}\n{broken}\nseed {seed}", story.join("\n"));
        }
    }
}

macro_rules! seeds {
    ($($name:ident: $seeds:expr,)+) => {
        $(#[tokio::test]
        async fn $name() { live($seeds).await; })+
    };
}
seeds! {
    seeds_0_to_499: 0..500,
    seeds_500_to_999: 500..1_000,
    seeds_1000_to_1499: 1_000..1_500,
    seeds_1500_to_1999: 1_500..2_000,
    // A refund took what an edit under way was to give back, and what the edit had promised stayed promised.
    a_refund_does_not_overtake_an_edit: 2_304..2_305,
}

/// How often a seed is lived until two of its stories are the same.
const TOLD_MAX: usize = 4;

fn is_told_twice(stories: &[Vec<String>]) -> bool {
    stories.iter().enumerate().any(|(n, story)| stories[..n].contains(story))
}

#[tokio::test]
async fn a_seed_is_a_story() {
    let beginning = Beginning::new().await;
    for seed in 0..20 {
        // A machine that stands still for seconds makes a call late that was in time.
        let mut stories = Vec::new();
        while stories.len() < TOLD_MAX && (stories.len() < 2 || !is_told_twice(&stories)) {
            stories.push(run::live(&beginning, seed).await.story);
        }
        assert!(stories[0].len() > 20, "{:#?}", stories[0]);
        let parted = stories[0].iter().zip(&stories[1]).position(|(one, other)| one != other);
        assert!(is_told_twice(&stories), "seed {seed} parts at {parted:?}: {stories:#?}");
    }
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "tests have no settings")]
async fn a_chosen_seed() {
    let chosen = std::env::var(CHOSEN).unwrap_or_default();
    let number = |text: &str| text.parse::<u64>().ok();
    let seeds = match chosen.split_once("..") {
        Some((from, to)) => number(from).zip(number(to)),
        None => number(&chosen).map(|seed| (seed, seed + 1)),
    };
    let Some((from, to)) = seeds else { return };
    if to > from + 1 {
        return Box::pin(live(from..to)).await;
    }
    let Lived { story, broken } = run::live(&Beginning::new().await, from).await;
    writeln!(std::io::stdout(), "{}", story.join("\n")).unwrap();
    assert_eq!(broken, None);
}

/// Bugs that a few seeds find.
const BUGS: [&str; 10] = [
    "called_off_units_stay_promised",
    "capture_is_not_called",
    "coupon_is_not_given_back",
    "edit_keeps_its_units",
    "movement_is_forgotten",
    "refund_is_not_bounded",
    "refund_takes_a_new_key",
    "refusal_undoes_nothing",
    "retry_takes_a_new_key",
    "saga_is_not_resumed",
];

#[test]
fn bugs_are_found() {
    for bug in BUGS {
        let lived = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_chosen_seed"])
            .env("STOA_BUG", bug)
            .env(CHOSEN, "0..200")
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&lived.stdout);
        assert!(told.contains("a_chosen_seed ... FAILED"), "{bug} was not found: {told}");
    }
}
