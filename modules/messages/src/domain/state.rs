//! What becomes of a message.

use std::time::Duration;

use chrono::TimeDelta;
use kernel::Timestamp;
use platform::backoff;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How often a message is tried.
pub(crate) const ATTEMPTS_MAX: i64 = 8;
/// The pause after the first try that failed, in milliseconds; it doubles, and half of it is chance.
const PAUSE_MS: u64 = 300_000;
/// The longest, in milliseconds.
const PAUSE_MAX_MS: u64 = 12 * 3_600_000;
/// How old an event may be when it is heard of: a letter about what happened long ago helps nobody,
/// and a shop that begins to write letters does not write of its past.
const AGE_MAX: TimeDelta = TimeDelta::days(3);

/// Where a message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = MessageState)]
pub(crate) enum State {
    /// It is sent when its time has come.
    Waiting,
    /// It was handed over.
    Sent,
    /// There is nobody to write to: a guest who named no address, or somebody who was erased.
    Nobody,
    /// It would have told of what was over by then.
    Outdated,
    /// It was tried as often as it may be; the staff can let it be tried again.
    Dead,
}

impl State {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sent => "sent",
            Self::Nobody => "nobody",
            Self::Outdated => "outdated",
            Self::Dead => "dead",
        }
    }
}

/// Whether a letter about an event is still worth writing.
pub(crate) fn is_worth_telling(event_at: Timestamp, now: Timestamp) -> bool {
    now - event_at <= AGE_MAX
}

/// When a message is tried again after so many tries that failed; None when it is dead.
pub(crate) fn next_try(attempts: i64, now: Timestamp) -> Option<Timestamp> {
    let pause = backoff::pause(u32::try_from(attempts).unwrap_or(u32::MAX), PAUSE_MS, PAUSE_MAX_MS);
    (attempts < ATTEMPTS_MAX).then(|| now + delta(pause))
}

fn delta(pause: Duration) -> TimeDelta {
    TimeDelta::from_std(pause).unwrap_or(TimeDelta::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_tried_a_bounded_number_of_times() {
        let now = Timestamp::UNIX_EPOCH;
        let mut before = TimeDelta::zero();
        for attempts in 1..ATTEMPTS_MAX {
            let pause = next_try(attempts, now).unwrap() - now;
            assert!(pause >= before, "pauses grow: {attempts}");
            assert!(pause <= TimeDelta::milliseconds(12 * 3_600_000));
            before = pause;
        }
        assert_eq!(next_try(ATTEMPTS_MAX, now), None);
    }

    #[test]
    fn what_happened_long_ago_is_not_told() {
        let now = Timestamp::UNIX_EPOCH;
        assert!(is_worth_telling(now - TimeDelta::days(3), now));
        assert!(!is_worth_telling(now - TimeDelta::days(3) - TimeDelta::seconds(1), now));
    }
}
