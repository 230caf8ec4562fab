//! What goes wrong, and how it is mended.

use std::time::Duration;

use crate::house::{House, LEASE_MS, NODES};
use crate::wire::State;

#[derive(Clone, Copy, Debug)]
pub enum Break {
    /// A node is killed in the middle of what it does, and comes back.
    Kill,
    /// All nodes are.
    KillAll,
    /// A node stands still until others have taken over, and then goes on as if nothing had happened.
    Freeze,
    /// The database is killed, and comes back.
    Database,
    /// The connections to the database end, and none is made for a while.
    Cut,
    /// A round trip to the database takes 200 ms.
    Slow,
    /// What is sent to the database is not answered for longer than a lease.
    Silence,
    /// The database's disk is full.
    FullDisk,
    /// Redis is killed, and comes back with nothing in it.
    RedisGone,
    /// Redis does not answer.
    RedisSilent,
}

/// Half of a slow round trip.
const LATE: Duration = Duration::from_millis(100);
/// Long enough for a node to be taken for dead by the others.
const LONG: Duration = Duration::from_millis(3 * LEASE_MS as u64);

/// How many orders are confirmed while Redis is not there.
const ORDERS_WITHOUT: usize = 20;

impl Break {
    pub const ALL: [Self; 10] = [
        Self::Kill,
        Self::KillAll,
        Self::Freeze,
        Self::Database,
        Self::Cut,
        Self::Slow,
        Self::Silence,
        Self::FullDisk,
        Self::RedisGone,
        Self::RedisSilent,
    ];

    pub async fn happens(self, house: &mut House) {
        match self {
            Self::Kill => kill(house, 1..2),
            Self::KillAll => kill(house, 0..NODES),
            Self::Freeze => {
                house.nodes[1].signal("STOP");
                tokio::time::sleep(LONG).await;
                house.nodes[1].signal("CONT");
            }
            Self::Database => house.server.crash(),
            Self::Cut => wire(house, State::Cut).await,
            Self::Slow => wire(house, State::Slow(LATE)).await,
            Self::Silence => {
                house.shows_a_page().await;
                house.wire.is(State::Silent);
                // Which no database is asked for.
                house.shows_a_page().await;
                wire(house, State::Silent).await;
            }
            Self::RedisGone => {
                house.redis.kill();
                house.square.sells(ORDERS_WITHOUT).await;
                house.redis.come_back();
            }
            Self::RedisSilent => {
                house.redis.signal("STOP");
                house.square.sells(ORDERS_WITHOUT).await;
                house.redis.signal("CONT");
            }
            Self::FullDisk => {
                house.server.fill();
                tokio::time::sleep(LONG).await;
                house.server.make_room();
            }
        }
    }
}

fn kill(house: &mut House, which: std::ops::Range<usize>) {
    for node in &mut house.nodes[which.clone()] {
        node.kill();
    }
    for node in &mut house.nodes[which] {
        node.start(&[]);
    }
    house.are_found();
}

async fn wire(house: &House, state: State) {
    house.wire.is(state);
    tokio::time::sleep(LONG).await;
    house.wire.is(State::Whole);
}
