//! How often a signed call is made that does not come through.

use chrono::TimeDelta;
use kernel::Timestamp;

use crate::backoff;

/// How many calls are made in one go.
pub const BATCH: i64 = 16;
/// When another node may make a call that was begun and not ended: longer than one may take.
pub const LEASE: TimeDelta = TimeDelta::seconds(8);
/// How often a call is made.
const ATTEMPTS_MAX: i64 = 12;
/// The pause after the first try that failed, in milliseconds; it doubles, and half of it is chance.
const PAUSE_MS: u64 = 200;
/// The longest, in milliseconds.
const PAUSE_MAX_MS: u64 = 60_000;

/// When a call is made again of which this was the try with that number, from 1.
pub fn again(now: Timestamp, attempts: i64) -> Timestamp {
    let tries = u32::try_from(attempts).unwrap_or(u32::MAX);
    let pause = backoff::pause(tries, PAUSE_MS, PAUSE_MAX_MS);
    now + TimeDelta::from_std(pause).unwrap_or(LEASE)
}

/// The same of a try that failed; none when it was the last.
pub fn again_after_failure(now: Timestamp, attempts: i64) -> Option<Timestamp> {
    (attempts < ATTEMPTS_MAX).then(|| again(now, attempts))
}
