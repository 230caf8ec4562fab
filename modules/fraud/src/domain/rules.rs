//! What a shop may say of fraud without having learnt anything: too many attempts, strange countries, proxies.

use core::net::IpAddr;

use kernel::ports::Decision;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::transaction::DAY;
use crate::settings::{Limits, Settings};

/// What attempts to pay have in common.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Shared {
    /// The account, or the guest.
    Account,
    /// The card.
    Card,
    /// Where the goods go.
    Destination,
    /// The e-mail address.
    Email,
    /// The network they come from.
    Network,
}

/// Why a decision is not `allow`, or what was noted beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "rule", rename_all = "snake_case")]
#[schema(as = FraudReason)]
pub enum Reason {
    /// The model's score reached a threshold.
    Score,
    /// There were more attempts than are usual.
    Velocity {
        /// What they have in common.
        of: Shared,
        /// Within how many seconds.
        seconds: i64,
        /// How many there were, this one included.
        attempts: u32,
    },
    /// More attempts were refused than is usual.
    Declines {
        /// What they have in common.
        of: Shared,
        /// How many were refused within an hour.
        attempts: u32,
    },
    /// It comes from another country than the one that is named.
    Country {
        /// Where it comes from, ISO 3166-1 alpha-2.
        from: String,
        /// Where the invoice or the goods go.
        to: String,
    },
    /// It comes from a network of proxies.
    Proxy,
}

/// An attempt before the one that is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Earlier {
    /// What the two have in common.
    pub of: Shared,
    /// When, in seconds since 1970.
    pub at: i64,
    /// Whether the processor refused it.
    pub is_declined: bool,
}

/// Where an attempt comes from and where it leads to.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Where it comes from.
    pub from: Option<IpAddr>,
    /// The country of that.
    pub country: Option<&'a str>,
    /// The countries that the goods and the invoice go to.
    pub to: [&'a str; 2],
}

const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;

/// The rules that strike, and what each of them asks for.
pub fn strike(
    now: i64,
    earlier: &[Earlier],
    place: &Place<'_>,
    settings: &Settings,
) -> Vec<(Decision, Reason)> {
    let Settings { rules, velocity, proxies, .. } = settings;
    let mut struck = Vec::new();
    let all = [
        (Shared::Account, velocity.account),
        (Shared::Card, velocity.card),
        (Shared::Destination, velocity.destination),
        (Shared::Email, velocity.email),
        (Shared::Network, velocity.network),
    ];
    for (of, limits) in all {
        let reason = too_many(now, earlier, of, limits);
        struck.extend(reason.map(|reason| (rules.velocity, reason)));
    }
    // Refused attempts of many cards come from one network, or one card is tried by many guests.
    for of in [Shared::Account, Shared::Card, Shared::Network] {
        let mine = earlier.iter().filter(|one| one.of == of && one.is_declined);
        let attempts = count(mine.filter(|one| one.at > now - HOUR));
        if rules.declines_max > 0 && attempts > rules.declines_max {
            struck.push((rules.declines, Reason::Declines { of, attempts }));
        }
    }
    if let Some(from) = place.country
        && let Some(to) = place.to.into_iter().find(|to| *to != from)
    {
        let reason = Reason::Country { from: from.to_owned(), to: to.to_owned() };
        struck.push((rules.country, reason));
    }
    if place.from.is_some_and(|from| proxies.iter().any(|network| network.contains(&from))) {
        struck.push((rules.proxy, Reason::Proxy));
    }
    struck
}

/// The first limit that is passed.
fn too_many(now: i64, earlier: &[Earlier], of: Shared, limits: Limits) -> Option<Reason> {
    let Limits { minute, hour, day } = limits;
    [(MINUTE, minute), (HOUR, hour), (DAY, day)].into_iter().find_map(|(seconds, most)| {
        let mine = earlier.iter().filter(|one| one.of == of && one.at > now - seconds);
        let attempts = count(mine).saturating_add(1);
        (most > 0 && attempts > most).then_some(Reason::Velocity { of, seconds, attempts })
    })
}

fn count<'a>(earlier: impl Iterator<Item = &'a Earlier>) -> u32 {
    u32::try_from(earlier.count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::settings::{Rules, Thresholds, Velocity};

    const NOW: i64 = 1_800_000_000;

    pub(crate) fn settings(account: Limits) -> Settings {
        let none = Limits { minute: 0, hour: 0, day: 0 };
        Settings {
            enabled: true,
            wait_ms: 500,
            keep_days: 365,
            trim_every_ms: 60_000,
            model: "".into(),
            countries: "".into(),
            thresholds: Thresholds { challenge: 0.5, review: 0.8, deny: 0.9 },
            rules: Rules {
                velocity: Decision::Challenge,
                declines: Decision::Review,
                declines_max: 2,
                country: Decision::Challenge,
                proxy: Decision::Deny,
            },
            velocity: Velocity {
                account,
                card: none,
                destination: none,
                email: none,
                network: none,
            },
            proxies: vec!["198.51.100.0/24".parse().unwrap()],
        }
    }

    const NOWHERE: Place<'static> = Place { from: None, country: None, to: ["DE", "DE"] };

    fn earlier(of: Shared, seconds_ago: &[i64], is_declined: bool) -> Vec<Earlier> {
        seconds_ago.iter().map(|ago| Earlier { of, at: NOW - ago, is_declined }).collect()
    }

    #[test]
    fn the_window_slides() {
        let limits = Limits { minute: 3, hour: 5, day: 0 };
        let struck = |ago: &[i64]| {
            let earlier = earlier(Shared::Account, ago, false);
            strike(NOW, &earlier, &NOWHERE, &settings(limits))
                .into_iter()
                .map(|(_, why)| why)
                .next()
        };
        let velocity =
            |seconds, attempts| Some(Reason::Velocity { of: Shared::Account, seconds, attempts });
        assert_eq!(struck(&[0, 1]), None);
        assert_eq!(struck(&[0, 1, 59]), velocity(60, 4));
        assert_eq!(struck(&[0, 1, 60]), None);
        assert_eq!(struck(&[60, 70, 80, 90, 3_599]), velocity(3_600, 6));
        assert_eq!(struck(&[60, 70, 80, 90, 3_600]), None);
    }

    #[test]
    fn what_is_shared_by_others_does_not_count() {
        let limits = Limits { minute: 1, hour: 1, day: 1 };
        let others = earlier(Shared::Card, &[1, 2, 3], false);
        assert_eq!(strike(NOW, &others, &NOWHERE, &settings(limits)), []);
    }

    #[test]
    fn cards_that_are_tried_out_are_seen() {
        let none = settings(Limits { minute: 0, hour: 0, day: 0 });
        let tried = earlier(Shared::Network, &[5, 6, 7], true);
        let reason = Reason::Declines { of: Shared::Network, attempts: 3 };
        assert_eq!(strike(NOW, &tried, &NOWHERE, &none), [(Decision::Review, reason)]);
        assert_eq!(strike(NOW, &tried[1..], &NOWHERE, &none), []);
    }

    #[test]
    fn strange_countries_and_proxies_are_seen() {
        let none = settings(Limits { minute: 0, hour: 0, day: 0 });
        let from = |country, to| Place { from: None, country: Some(country), to };
        assert_eq!(strike(NOW, &[], &from("DE", ["DE", "DE"]), &none), []);
        let reason = Reason::Country { from: "FR".to_owned(), to: "DE".to_owned() };
        let struck = strike(NOW, &[], &from("FR", ["FR", "DE"]), &none);
        assert_eq!(struck, [(Decision::Challenge, reason)]);
        let proxy = Place { from: "198.51.100.7".parse().ok(), ..NOWHERE };
        assert_eq!(strike(NOW, &[], &proxy, &none), [(Decision::Deny, Reason::Proxy)]);
    }

    proptest! {
        /// Whatever comes, no limit is passed unseen and none is seen that was not passed.
        #[test]
        fn velocity_is_a_count(ago in prop::collection::vec(0..200_000_i64, 0..300), most in 1..40_u32) {
            let limits = Limits { minute: 0, hour: most, day: 0 };
            let all = earlier(Shared::Account, &ago, false);
            let young = ago.iter().filter(|ago| **ago < 3_600).count() + 1;
            let struck = !strike(NOW, &all, &NOWHERE, &settings(limits)).is_empty();
            prop_assert_eq!(struck, young > usize::try_from(most).unwrap());
        }
    }
}
