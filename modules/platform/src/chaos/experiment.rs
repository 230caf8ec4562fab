//! The experiment that stands, if any: one at a time in a process.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use uuid::Uuid;

use super::{Fault, Kind};
use crate::random::Chance;

static STANDING: RwLock<Option<Arc<Experiment>>> = RwLock::new(None);

/// Faults that happen for a while. Its times are those of a clock that nobody sets, and no fault of the clock moves.
pub struct Experiment {
    id: Uuid,
    begins: Instant,
    ends: Instant,
    /// Whether it was stopped.
    stopped: watch::Sender<bool>,
    faults: Vec<Armed>,
}

struct Armed {
    fault: Fault,
    chance: Chance,
    struck: AtomicU64,
}

/// How often a fault has struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Struck {
    /// Which.
    pub fault: Fault,
    /// How often.
    pub times: u64,
}

/// Another experiment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the experiment {0} stands")]
pub struct Underway(pub Uuid);

impl Experiment {
    /// Faults that begin after `wait` and last for `length`.
    pub fn new(id: Uuid, faults: &[Fault], seed: u64, wait: Duration, length: Duration) -> Self {
        let begins = Instant::now() + wait;
        // Each kind has a chance of its own, so that how often one may strike moves no other.
        let armed = (0..).zip(faults).map(|(n, fault)| Armed {
            fault: *fault,
            chance: Chance::of(seed.wrapping_add(n)),
            struck: AtomicU64::new(0),
        });
        let (ends, stopped) = (begins + length, watch::channel(false).0);
        Self { id, begins, ends, stopped, faults: armed.collect() }
    }

    /// Which.
    pub const fn id(&self) -> Uuid {
        self.id
    }

    /// How long it is until it begins; none once it has.
    pub fn begins_in(&self) -> Duration {
        self.begins.saturating_duration_since(Instant::now())
    }

    /// How long it is until it ends.
    pub fn ends_in(&self) -> Duration {
        self.ends.saturating_duration_since(Instant::now())
    }

    /// How often each of its faults has struck so far.
    pub fn struck(&self) -> Vec<Struck> {
        let told = |armed: &Armed| {
            let times = armed.struck.load(Ordering::Relaxed);
            Struck { fault: armed.fault, times }
        };
        self.faults.iter().map(told).collect()
    }

    fn is_at_work(&self) -> bool {
        self.begins_in().is_zero() && !self.ends_in().is_zero()
    }
}

/// Lets an experiment stand. Refused while another one does.
pub fn begin(experiment: Experiment) -> Result<Arc<Experiment>, Underway> {
    let mut standing = STANDING.write().unwrap_or_else(PoisonError::into_inner);
    if let Some(other) = standing.as_ref().filter(|other| !other.ends_in().is_zero()) {
        return Err(Underway(other.id));
    }
    Ok(standing.insert(Arc::new(experiment)).clone())
}

/// The experiment that stands: it has not ended, and may not have begun.
pub fn standing() -> Option<Arc<Experiment>> {
    let standing = STANDING.read().unwrap_or_else(PoisonError::into_inner).clone();
    standing.filter(|experiment| !experiment.ends_in().is_zero())
}

/// Ends the experiment that stands, at once: whoever pauses for it goes on.
pub fn stop() -> Option<Arc<Experiment>> {
    let stopped = STANDING.write().unwrap_or_else(PoisonError::into_inner).take()?;
    let stood = !stopped.ends_in().is_zero();
    stopped.stopped.send_replace(true);
    stood.then_some(stopped)
}

/// The fault of a kind, if it strikes now.
pub(crate) fn strikes(kind: Kind) -> Option<Fault> {
    drawn(kind).map(|(_, fault)| fault)
}

/// Pauses if the fault of a kind strikes now, and no longer than its experiment lasts.
pub(crate) async fn pause(kind: Kind) {
    let Some((experiment, fault)) = drawn(kind) else { return };
    let length = fault.length.to_std().unwrap_or_default().min(experiment.ends_in());
    let mut stopped = experiment.stopped.subscribe();
    // That the pause was not stopped is what it is for.
    let _ = tokio::time::timeout(length, stopped.wait_for(|stopped| *stopped)).await;
}

fn drawn(kind: Kind) -> Option<(Arc<Experiment>, Fault)> {
    let experiment = standing().filter(|experiment| experiment.is_at_work())?;
    let armed = experiment.faults.iter().find(|armed| armed.fault.kind == kind)?;
    if !armed.chance.strikes(armed.fault.share) {
        return None;
    }
    // A clock is wrong all the time, which is one fault.
    if armed.struck.fetch_add(1, Ordering::Relaxed) == 0 || kind != Kind::Clock {
        metrics::counter!("stoa_chaos_faults_total", "kind" => kind.word()).increment(1);
    }
    let fault = armed.fault;
    Some((experiment, fault))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn experiment(faults: &[&str], wait: Duration, length: Duration) -> Experiment {
        let faults: Vec<Fault> = faults.iter().map(|fault| fault.parse().unwrap()).collect();
        Experiment::new(Uuid::now_v7(), &faults, 7, wait, length)
    }

    /// One test, since there is one experiment in a process.
    #[tokio::test]
    async fn one_experiment_stands_until_it_ends() {
        let (none, hour) = (Duration::ZERO, Duration::from_hours(1));
        let all = ["errors=500", "drops=500", "full-disk"];
        let first = begin(experiment(&all, none, hour)).unwrap();
        let draws = || -> Vec<bool> { (0..64).map(|_| strikes(Kind::Errors).is_some()).collect() };
        let struck = draws();
        assert!(struck.contains(&true) && struck.contains(&false));
        assert_eq!(strikes(Kind::Latency), None);
        let times = struck.iter().filter(|struck| **struck).count() as u64;
        assert_eq!(first.struck()[0].times, times);
        assert_eq!(begin(experiment(&all, none, hour)).err(), Some(Underway(first.id())));
        assert_eq!(stop().map(|stopped| stopped.id()), Some(first.id()));
        assert!(strikes(Kind::FullDisk).is_none() && standing().is_none() && stop().is_none());

        begin(experiment(&all, none, hour)).unwrap();
        assert_eq!(draws(), struck, "the same seed does the same");
        stop();
        begin(experiment(&all, hour, hour)).unwrap();
        assert!(strikes(Kind::FullDisk).is_none() && standing().is_some(), "it has not begun");
        stop();
        begin(experiment(&all, none, none)).unwrap();
        assert!(strikes(Kind::FullDisk).is_none() && standing().is_none(), "it has ended");
        begin(experiment(&["latency=1m"], none, hour)).unwrap();
        let pauses = tokio::spawn(pause(Kind::Latency));
        while standing().is_some_and(|experiment| experiment.struck()[0].times == 0) {
            tokio::task::yield_now().await;
        }
        stop();
        pauses.await.unwrap();
    }
}
