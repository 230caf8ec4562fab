use std::time::Duration;

use serde::Deserialize;

/// How payments work: section `[payment]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// When an authorized amount is taken.
    pub capture: CaptureAt,
    /// How long a shopper may take for a 3-D Secure challenge, in seconds.
    pub challenge_wait_s: u32,
    /// How long an answer of the processor is waited for, in milliseconds.
    pub processor_wait_ms: u64,
    /// How often unfinished calls are looked for, in milliseconds.
    pub resolve_every_ms: u64,
    /// How long nobody must have touched a call before it is finished, in milliseconds.
    pub resolve_after_ms: u32,
    /// The built-in processor.
    pub sandbox: crate::sandbox::Settings,
}

/// When an authorized amount is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaptureAt {
    /// When the order is confirmed.
    Confirmed,
    /// When the parcel leaves the house.
    Shipped,
}

impl Settings {
    pub(crate) fn processor_wait(&self) -> Duration {
        Duration::from_millis(self.processor_wait_ms)
    }

    pub(crate) fn challenge_wait(&self) -> chrono::TimeDelta {
        chrono::TimeDelta::seconds(self.challenge_wait_s.into())
    }

    pub(crate) fn resolve_after(&self) -> chrono::TimeDelta {
        chrono::TimeDelta::milliseconds(self.resolve_after_ms.into())
    }
}
