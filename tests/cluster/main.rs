//! Three nodes of one shop over one PostgreSQL sell to a crowd while something breaks: what a shopper was told is true
//! afterwards, and `stoa verify` finds nothing. `STOA_CLUSTER_ROUNDS=200` breaks things in that many rounds of chance.
#![cfg(test)]

mod breaks;
mod chaos;
mod crowd;
mod house;
mod server;
#[path = "../support/mod.rs"]
#[expect(dead_code, unused_imports, unused_macros, reason = "these tests use a part of it")]
mod support;
mod wire;

use crate::breaks::Break;
use crate::house::House;

/// How many rounds one house goes through: its disk is small.
const ROUNDS_OF_A_HOUSE: usize = 10;
/// The program of another version, which is upgraded to this one.
const OTHER_VERSION: &str = "STOA_OTHER_VERSION";
/// How many rounds of chance there are.
const ROUNDS: &str = "STOA_CLUSTER_ROUNDS";

macro_rules! survives {
    ($($name:ident: $breaks:expr,)+) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            let Some(mut house) = House::open().await else { return };
            for what in $breaks {
                house.survives(what).await;
            }
            house.shows_its_books().await;
        })+
    };
}
survives! {
    nodes_that_are_killed: [Break::Kill, Break::KillAll],
    a_node_that_stands_still_longer_than_its_lease: [Break::Freeze],
    a_database_that_is_killed: [Break::Database],
    a_wire_that_is_cut_slow_or_silent: [Break::Cut, Break::Slow, Break::Silence],
    a_database_whose_disk_is_full: [Break::FullDisk],
    a_redis_that_is_gone_or_silent: [Break::RedisGone, Break::RedisSilent],
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stderr, reason = "who runs it by hand wants to know why nothing was tried")]
async fn two_versions_side_by_side() {
    let Some(other) = std::env::var_os(OTHER_VERSION) else {
        eprintln!(
            "not tried: {OTHER_VERSION} names no program of another version; `make rolling` builds one"
        );
        return;
    };
    let Some(mut house) = House::of_versions(Some(other.into())).await else { return };
    house.is_upgraded().await;
    house.shows_its_books().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::disallowed_methods, reason = "tests have no settings")]
async fn rounds_of_chance() {
    let rounds: usize = std::env::var(ROUNDS).ok().and_then(|it| it.parse().ok()).unwrap_or(0);
    if rounds == 0 {
        return;
    }
    for round in (0..rounds).step_by(ROUNDS_OF_A_HOUSE) {
        let Some(mut house) = House::open().await else { return };
        for _ in round..rounds.min(round + ROUNDS_OF_A_HOUSE) {
            let n = platform::random::between(0, Break::ALL.len() as u64 - 1);
            house.survives(Break::ALL[usize::try_from(n).unwrap()]).await;
        }
        house.shows_its_books().await;
    }
}
