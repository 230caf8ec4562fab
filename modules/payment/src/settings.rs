use std::time::Duration;

use chrono::TimeDelta;
use kernel::Timestamp;
use serde::Deserialize;

use crate::domain::authentication::Exemptions;
use crate::http::Needs;

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
    /// How often a capture that the processor refuses is tried before the staff has to decide.
    pub capture_tries_max: i64,
    /// The pause before the second of these tries, in milliseconds; it doubles, up to a day.
    pub capture_retry_ms: u64,
    /// How long before its end an authorization is among those that need a capture, in hours.
    pub expiring_h: u32,
    /// How long money may be held that no order stands for before the staff sees it, in minutes.
    pub unordered_min: u32,
    /// How often it is looked for what the processor told, in milliseconds; a call of it wakes it earlier.
    pub webhook_poll_ms: u64,
    /// Who processes payments.
    pub processor: ProcessorName,
    /// Stripe.
    pub stripe: crate::stripe::Settings,
    /// When authentication is asked to be left out.
    pub exemptions: Exemptions,
    /// The built-in processor.
    pub sandbox: crate::sandbox::Settings,
}

/// Who processes payments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProcessorName {
    /// The built-in one.
    Sandbox,
    /// Stripe, or whoever speaks its API.
    Stripe,
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

    pub(crate) fn challenge_wait(&self) -> TimeDelta {
        TimeDelta::seconds(self.challenge_wait_s.into())
    }

    /// What was to happen by then counts among the payments that need this.
    pub(crate) fn needs_by(&self, needs: Needs, now: Timestamp) -> Timestamp {
        match needs {
            Needs::Expiring => now + TimeDelta::hours(self.expiring_h.into()),
            Needs::PaidWithoutOrder => now - TimeDelta::minutes(self.unordered_min.into()),
            Needs::Unknown | Needs::Unpaid | Needs::CaptureFailed | Needs::Disputed => now,
        }
    }

    pub(crate) fn resolve_after(&self) -> TimeDelta {
        TimeDelta::milliseconds(self.resolve_after_ms.into())
    }
}
