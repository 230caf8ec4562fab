use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use kernel::ports::Decision;
use serde::Deserialize;

use crate::domain::features::PAST_MAX;

/// How payments are scored: section `[fraud]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Whether they are scored at all.
    pub enabled: bool,
    /// How long a decision is waited for, in milliseconds; later the shopper has to authenticate.
    pub wait_ms: u64,
    /// The file of a model of `stoa fraud train`; empty is the model of the program.
    pub model: PathBuf,
    /// A MaxMind DB that knows the countries of addresses; empty knows none.
    pub countries: PathBuf,
    /// From which score on what is done.
    pub thresholds: Thresholds,
    /// What is done when a rule strikes.
    pub rules: Rules,
    /// How many attempts to pay are usual.
    pub velocity: Velocity,
    /// How many days decisions are kept.
    pub keep_days: u32,
    /// How often it is looked for decisions that are older, in milliseconds.
    pub trim_every_ms: u64,
    /// Networks of proxies and anonymizers.
    pub proxies: Vec<IpNet>,
}

/// The least score for each decision, 0 to 1. What is above 1 is never reached.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// The shopper has to authenticate.
    pub challenge: f64,
    /// The staff looks at it.
    pub review: f64,
    /// It is refused.
    pub deny: f64,
}

impl Thresholds {
    /// What a score leads to.
    pub(crate) fn decide(&self, score: f64) -> Decision {
        if score >= self.deny {
            Decision::Deny
        } else if score >= self.review {
            Decision::Review
        } else if score >= self.challenge {
            Decision::Challenge
        } else {
            Decision::Allow
        }
    }
}

/// What is done when a rule strikes; `allow` notes it and does nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// More attempts than are usual.
    pub velocity: Decision,
    /// More refused attempts than somebody makes who mistypes: stolen cards are tried like that.
    pub declines: Decision,
    /// How many refused attempts within an hour are still usual; 0 sets no limit.
    pub declines_max: u32,
    /// The address is of another country than the invoice or the goods go to.
    pub country: Decision,
    /// The address is a proxy's.
    pub proxy: Decision,
}

/// How many attempts to pay are usual, by what they share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Velocity {
    /// Of an account, or of a guest.
    pub account: Limits,
    /// With a card.
    pub card: Limits,
    /// To an address.
    pub destination: Limits,
    /// With an e-mail address.
    pub email: Limits,
    /// From a network; those of one's own house and machine are not counted.
    pub network: Limits,
}

/// How many attempts are usual within a time; 0 sets no limit. No more than [`PAST_MAX`] before one are counted,
/// so that a limit cannot be above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Within a minute.
    pub minute: u32,
    /// Within an hour.
    pub hour: u32,
    /// Within a day.
    pub day: u32,
}

impl Settings {
    /// Whether every limit can be exceeded by what is counted.
    pub(crate) fn counts_far_enough(&self) -> bool {
        let Velocity { account, card, destination, email, network } = self.velocity;
        let each = [account, card, destination, email, network];
        let mut limits = each.iter().flat_map(|of| [of.minute, of.hour, of.day]);
        let counts = |limit: u32| usize::try_from(limit).unwrap_or(usize::MAX);
        // The attempt itself counts too, but is not refused yet.
        limits.all(|limit| counts(limit) <= PAST_MAX) && counts(self.rules.declines_max) < PAST_MAX
    }

    pub(crate) fn wait(&self) -> Duration {
        Duration::from_millis(self.wait_ms)
    }
}
