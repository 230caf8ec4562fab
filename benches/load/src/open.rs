//! The open loop: turns begin at a rate, whether or not those before have ended. Latencies count from
//! when a turn was due, so that a server that is late does not make its clients look patient.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::client::Client;
use crate::drive::Measured;
use crate::error::{Error, Result};
use crate::scenario::{Outcome, Scenario, Step};

/// The most clients; a turn that is due when all of them wait does not begin.
pub const CLIENTS_MAX: usize = 1_024;
/// What that is called in the report.
const NOBODY_LEFT: &str = "no client was left";
/// How long the last turns may take.
const LAST_WITHIN: Duration = Duration::from_secs(30);

type Idle = Arc<Mutex<Vec<(Client, Step)>>>;

/// Drives one scenario with so many turns a second for that long, all clients behind a proxy.
pub async fn run(
    address: SocketAddr,
    scenario: &Scenario,
    per_second: u32,
    lasting: Duration,
) -> Result<Measured> {
    let idle: Idle =
        Arc::new(Mutex::new((0..CLIENTS_MAX).map(client(address, scenario)).collect()));
    let measured = Arc::new(Mutex::new(Measured::new()?));
    let turns = Arc::new(AtomicUsize::new(0));
    let mut running = JoinSet::new();
    let began = Instant::now();
    for number in 0_u32.. {
        let due = began + Duration::from_secs(1) * number / per_second;
        if due >= began + lasting {
            break;
        }
        tokio::time::sleep_until(due.into()).await;
        while running.try_join_next().is_some() {}
        let taken = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let Some((mut client, mut step)) = taken else {
            note(&measured, Outcome::Other(NOBODY_LEFT.to_owned()), Duration::ZERO);
            continue;
        };
        let (idle, measured, turns) = (idle.clone(), measured.clone(), turns.clone());
        running.spawn(async move {
            let turn = turns.fetch_add(1, Ordering::Relaxed);
            let outcome = step.once(&mut client, turn).await;
            note(&measured, outcome, due.elapsed());
            idle.lock().unwrap_or_else(PoisonError::into_inner).push((client, step));
        });
    }
    let all = async { while running.join_next().await.is_some() {} };
    tokio::time::timeout(LAST_WITHIN, all).await.map_err(|_| Error::Timeout(LAST_WITHIN))?;
    let mut measured = measured.lock().unwrap_or_else(PoisonError::into_inner);
    measured.elapsed = lasting.max(began.elapsed());
    Ok(std::mem::replace(&mut measured, Measured::new()?))
}

fn client(address: SocketAddr, scenario: &Scenario) -> impl FnMut(usize) -> (Client, Step) {
    move |number| {
        let (mut client, step) = (Client::behind_proxy(address, number), scenario.step(number));
        step.prepare(&mut client);
        (client, step)
    }
}

fn note(measured: &Mutex<Measured>, outcome: Outcome, took: Duration) {
    measured.lock().unwrap_or_else(PoisonError::into_inner).note(outcome, took);
}
