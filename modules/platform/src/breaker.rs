//! A circuit breaker (M. Nygard, Release It!, 2007): who does not answer is not asked for a while.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Counts questions that were not answered.
pub(crate) struct Breaker {
    failures_max: u32,
    pause: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// How many in a row had no answer.
    failures: u32,
    /// Until when nobody asks.
    open_until: Option<Instant>,
}

/// What an outcome changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    Stays,
    /// Nobody asks from now on.
    Opens,
    /// Everybody asks again.
    Closes,
}

impl Breaker {
    pub(crate) fn new(failures_max: u32, pause: Duration) -> Self {
        Self { failures_max, pause, state: Mutex::default() }
    }

    /// Whether a question may be asked. After the pause one may; the others wait for what becomes of it.
    pub(crate) fn admits(&self, now: Instant) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.open_until {
            None => true,
            Some(until) if now < until => false,
            Some(_) => {
                state.open_until = Some(now + self.pause);
                true
            }
        }
    }

    /// A question was answered.
    pub(crate) fn passed(&self) -> Turn {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.failures = 0;
        if state.open_until.take().is_some() { Turn::Closes } else { Turn::Stays }
    }

    /// A question had no answer.
    pub(crate) fn failed(&self, now: Instant) -> Turn {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.failures = state.failures.saturating_add(1);
        if state.failures < self.failures_max {
            return Turn::Stays;
        }
        let was_open = state.open_until.replace(now + self.pause).is_some();
        if was_open { Turn::Stays } else { Turn::Opens }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(1);

    #[test]
    fn who_does_not_answer_is_asked_again_after_a_pause_by_one() {
        let (breaker, now) = (Breaker::new(3, PAUSE), Instant::now());
        assert_eq!([1, 2].map(|_| breaker.failed(now)), [Turn::Stays; 2]);
        assert!(breaker.admits(now));
        assert_eq!(breaker.failed(now), Turn::Opens);
        assert!(!breaker.admits(now + PAUSE / 2));
        let later = now + PAUSE;
        assert_eq!([1, 2, 3].map(|_| breaker.admits(later)), [true, false, false]);
        assert_eq!(breaker.failed(later), Turn::Stays, "it is open already");
        assert!(!breaker.admits(later + PAUSE / 2));
        assert!(breaker.admits(later + PAUSE));
        assert_eq!(breaker.passed(), Turn::Closes);
        assert!([1, 2].map(|_| breaker.admits(later)).iter().all(|admits| *admits));
    }

    #[test]
    fn an_answer_makes_up_for_those_that_did_not_come() {
        let (breaker, now) = (Breaker::new(2, PAUSE), Instant::now());
        for _ in 0..10 {
            assert_eq!(breaker.failed(now), Turn::Stays);
            assert_eq!(breaker.passed(), Turn::Stays);
        }
        assert!(breaker.admits(now));
    }
}
