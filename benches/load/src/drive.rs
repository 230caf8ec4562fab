//! The closed loop: each client sends its next request when it has the answer to the last.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::task::JoinSet;

use crate::client::Client;
use crate::error::{Error, Result};
use crate::scenario::{Outcome, Scenario, Step};

/// The longest latency that is told apart, in microseconds.
const LATENCY_MAX_US: u64 = 60_000_000;
/// Digits of a latency that are kept.
const LATENCY_DIGITS: u8 = 3;
/// Requests of each client before its clock starts.
pub const WARM_UP: usize = 3;

/// What a run of one scenario with one number of clients gave.
pub struct Measured {
    /// Latencies of what succeeded, in microseconds.
    pub latencies: Histogram<u64>,
    /// What did not succeed, by its name.
    pub others: BTreeMap<String, u64>,
    /// Its latencies.
    pub other_latencies: Histogram<u64>,
    /// From the first request to the last answer.
    pub elapsed: Duration,
}

impl Measured {
    /// Nothing was measured yet.
    pub fn new() -> Result<Self> {
        let histogram = || {
            Histogram::new_with_max(LATENCY_MAX_US, LATENCY_DIGITS)
                .map_err(|error| Error::Setup(error.to_string()))
        };
        Ok(Self {
            latencies: histogram()?,
            others: BTreeMap::new(),
            other_latencies: histogram()?,
            elapsed: Duration::ZERO,
        })
    }

    /// Takes down what came of a turn and how long it took.
    pub fn note(&mut self, outcome: Outcome, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(LATENCY_MAX_US).max(1);
        match outcome {
            Outcome::Done => self.latencies.saturating_record(micros),
            Outcome::Other(name) => {
                *self.others.entry(name).or_default() += 1;
                self.other_latencies.saturating_record(micros);
            }
        }
    }

    fn add(&mut self, other: Self) -> Result<()> {
        let failed = |error: hdrhistogram::AdditionError| Error::Setup(error.to_string());
        self.latencies.add(other.latencies).map_err(failed)?;
        self.other_latencies.add(other.other_latencies).map_err(failed)?;
        for (name, count) in other.others {
            *self.others.entry(name).or_default() += count;
        }
        Ok(())
    }
}

/// Clients that are connected and warm.
pub struct Ready(Vec<(Client, Step)>);

impl Ready {
    /// That many clients for one scenario, each of which has tried it [`WARM_UP`] times.
    pub async fn warm(address: SocketAddr, scenario: &Scenario, clients: usize) -> Self {
        Self::warm_at(&[address], scenario, clients).await
    }

    /// The same, spread over several addresses.
    pub async fn warm_at(addresses: &[SocketAddr], scenario: &Scenario, clients: usize) -> Self {
        let mut ready = Vec::new();
        for (number, address) in (0..clients).zip(addresses.iter().cycle()) {
            let mut client = Client::behind_proxy(*address, number);
            let mut step = scenario.step(number);
            step.prepare(&mut client);
            for turn in 0..WARM_UP {
                step.once(&mut client, turn).await;
            }
            ready.push((client, step));
        }
        Self(ready)
    }

    /// Drives them for that long.
    pub async fn run(self, lasting: Duration) -> Result<Measured> {
        let mut workers = JoinSet::new();
        let began = Instant::now();
        for (client, step) in self.0 {
            workers.spawn(work(client, step, began + lasting));
        }
        let mut all = Measured::new()?;
        while let Some(measured) = workers.join_next().await {
            all.add(measured.map_err(|error| Error::Setup(error.to_string()))??)?;
        }
        all.elapsed = began.elapsed();
        Ok(all)
    }
}

async fn work(mut client: Client, mut step: Step, until: Instant) -> Result<Measured> {
    let mut measured = Measured::new()?;
    let mut turn = WARM_UP;
    while Instant::now() < until {
        let began = Instant::now();
        let outcome = step.once(&mut client, turn).await;
        let ended = matches!(&outcome, Outcome::Other(name) if name == Outcome::SOLD_OUT);
        measured.note(outcome, began.elapsed());
        if ended {
            break;
        }
        turn += 1;
    }
    Ok(measured)
}
