//! The settings of what follows a commit: events and sagas.

use serde::Deserialize;

/// The relay of events.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bus {
    /// How often outboxes are polled, in milliseconds; a commit wakes the relay earlier.
    pub poll_ms: u64,
    /// How long the relay waits after a wake for more events to come.
    pub linger_ms: u64,
    /// How long the relay waits after a batch that was not full before it asks again.
    pub rest_ms: u64,
    /// How many events are handled at a time.
    pub batch: i64,
    /// How long a node may handle a subscription's effects without renewing its right.
    pub lease_ms: u64,
    /// How long one effect may take.
    pub effect_wait_ms: u64,
    /// How many effects of a subscription are performed at the same time, each of another subject.
    pub effects_at_once: usize,
    /// How often an event is tried before it is a dead letter.
    pub attempts_max: i64,
    /// The longest pause between two tries.
    pub retry_max_ms: u64,
}

/// What becomes of old events.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outbox {
    /// After how many days they are packed; 0 is never.
    pub pack_after_days: u16,
}

/// The coordinator of sagas.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Saga {
    /// After how many days the histories of those that ended are shortened; 0 is never.
    pub shorten_after_days: u16,
    /// How long a node may be silent before another takes its sagas over.
    pub lease_ms: u64,
    /// How often it looks for sagas that are due.
    pub poll_ms: u64,
    /// How often a step of unknown outcome runs before it is given up.
    pub attempts_max: i64,
    /// How often an undo runs before the saga is stuck.
    pub undo_attempts_max: i64,
    /// The pause after the first unknown outcome; it doubles.
    pub pause_ms: i64,
    /// The longest pause.
    pub pause_max_ms: i64,
}
