//! Time as a port: nothing else in the house asks the machine what time it is.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

/// An instant in UTC, with microseconds: what both engines can store and give back unchanged.
pub type Timestamp = DateTime<Utc>;

/// The clock of the house.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The machine's own clock.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    pub fn system() -> Self {
        Self(Arc::new(|| Utc::now().trunc_subsecs(6)))
    }

    /// A clock that stands still until its hand is moved; for tests.
    pub fn fixed(at: Timestamp) -> (Self, ClockHand) {
        let hand = ClockHand(Arc::new(RwLock::new(at.trunc_subsecs(6))));
        let shown = hand.clone();
        (Self(Arc::new(move || shown.read())), hand)
    }

    /// This clock, wrong by what `by` says at that moment.
    #[must_use]
    pub fn off_by(self, by: impl Fn() -> TimeDelta + Send + Sync + 'static) -> Self {
        Self(Arc::new(move || {
            let now = self.now();
            now.checked_add_signed(by()).unwrap_or(now)
        }))
    }

    /// The present instant.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}

/// Moves a [`Clock::fixed`].
#[derive(Clone)]
pub struct ClockHand(Arc<RwLock<Timestamp>>);

impl ClockHand {
    /// Moves the clock forward, or back with a negative delta.
    pub fn advance(&self, by: TimeDelta) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) += by;
    }

    fn read(&self) -> Timestamp {
        *self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}
