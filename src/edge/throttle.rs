//! How often a client may come: the generic cell rate algorithm (ITU-T I.371) for each route and
//! client, and for each API key that has a rate of its own.

use std::collections::HashMap;
use std::fmt::Write;
use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use platform::redis::{Rate, Redis};
use uuid::Uuid;

use super::route::Route;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
/// The length of an IPv6 prefix that is one client, as providers give one to each line, in bits.
const IPV6_CLIENT_BITS: u32 = 64;

/// So many requests a second of each, all at once if it likes.
struct Limit<K: Hash + Eq + Clone> {
    /// What it is called in the headers.
    name: &'static str,
    quota: NonZeroU32,
    limiter: RateLimiter<K, DashMapStateStore<K>, DefaultClock, StateInformationMiddleware>,
}

impl<K: Hash + Eq + Clone> Limit<K> {
    fn new(name: &'static str, quota: NonZeroU32) -> Self {
        let limiter = RateLimiter::dashmap(Quota::per_second(quota)).with_middleware();
        Self { name, quota, limiter }
    }

    fn count(&self, whose: &K) -> Told {
        let (remaining, wait) = match self.limiter.check_key(whose) {
            Ok(state) => (state.remaining_burst_capacity(), None),
            Err(until) => (0, Some(until.wait_time_from(self.limiter.clock().now()))),
        };
        Told { name: self.name, quota: self.quota.get(), remaining, wait }
    }

    fn forget(&self) {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
    }
}

/// The limits of the routes. Whoever has not come for a second is forgotten, so that memory is
/// bounded by how many requests are answered in one.
pub struct Throttle {
    /// By the number of the route.
    limits: Vec<Option<Limit<u64>>>,
    /// What the routes are called where nodes count together.
    names: Vec<String>,
}

impl Throttle {
    /// The limits of these routes, each at its number.
    pub fn new(routes: &[Route]) -> Self {
        let limit = |route: &Route| Some(Limit::new("route", NonZeroU32::new(route.per_second?)?));
        let name = |route: &Route| format!("rate:{}{}", route.methods.join(","), route.prefix);
        let (limits, names) = routes.iter().map(|route| (limit(route), name(route))).unzip();
        Self { limits, names }
    }

    /// Counts a request; nothing is told on a route without a limit.
    pub fn count(&self, route: usize, client: IpAddr) -> Option<Told> {
        Some(self.limits.get(route)?.as_ref()?.count(&key(client)))
    }

    /// What a client on a route is called where nodes count together.
    pub fn name(&self, route: usize, client: IpAddr) -> String {
        let route = self.names.get(route).map_or("", String::as_str);
        format!("{route}:{:x}", key(client))
    }

    /// Forgets who has not come for a while.
    pub fn forget(&self) {
        self.limits.iter().flatten().for_each(Limit::forget);
        // A gauge is a float; so many clients do not fit into memory anyway.
        #[expect(clippy::cast_precision_loss, reason = "see above")]
        metrics::gauge!("throttle_clients").set(self.clients() as f64);
    }

    /// How many clients are remembered.
    fn clients(&self) -> usize {
        self.limits.iter().flatten().map(|limit| limit.limiter.len()).sum()
    }
}

/// The limits of API keys that have a rate of their own, one for each rate.
#[derive(Default)]
pub struct KeyRates(RwLock<HashMap<NonZeroU32, Arc<Limit<Uuid>>>>);

impl KeyRates {
    /// Counts a request of a key.
    pub fn count(&self, key: Uuid, rate: NonZeroU32) -> Told {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&rate).cloned();
        let limit = known.unwrap_or_else(|| {
            let mut limits = self.0.write().unwrap_or_else(PoisonError::into_inner);
            limits.entry(rate).or_insert_with(|| Arc::new(Limit::new("key", rate))).clone()
        });
        limit.count(&key)
    }

    /// Forgets keys that have not come for a while.
    pub fn forget(&self) {
        let mut limits = self.0.write().unwrap_or_else(PoisonError::into_inner);
        limits.retain(|_, limit| {
            limit.forget();
            !limit.limiter.is_empty()
        });
    }
}

/// What a client is told of its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    name: &'static str,
    quota: u32,
    remaining: u32,
    /// How long it has to wait, if it came too often.
    pub wait: Option<Duration>,
}

impl Told {
    /// What all nodes together say of whoever this one admits. While Redis does not answer each node has the whole limit.
    pub async fn over_all_nodes(self, redis: Option<&Redis>, who: impl FnOnce() -> String) -> Self {
        let (Some(redis), None, Some(quota)) = (redis, self.wait, NonZeroU32::new(self.quota))
        else {
            return self;
        };
        match redis.count(&who(), quota).await {
            Some(Rate { remaining, wait }) => Self { remaining, wait, ..self },
            None => self,
        }
    }

    /// Tells a client by the headers of draft-ietf-httpapi-ratelimit-headers-10, and by Retry-After
    /// (RFC 9110, section 10.2.3).
    pub fn tell(self, headers: &mut HeaderMap) {
        let Self { name, quota, remaining, wait } = self;
        let up = |wait: Duration| wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        // The wait may have passed since it was decided; "at once" would invite the next refusal.
        let seconds = wait.map_or(1, up).max(1);
        let mut text = String::with_capacity(32);
        let mut insert = |header, value: std::fmt::Arguments<'_>| {
            text.clear();
            if text.write_fmt(value).is_ok()
                && let Ok(value) = HeaderValue::from_str(&text)
            {
                headers.insert(header, value);
            }
        };
        insert(POLICY, format_args!("\"{name}\";q={quota};w=1"));
        insert(LIMIT, format_args!("\"{name}\";r={remaining};t={seconds}"));
        if wait.is_some() {
            insert(RETRY_AFTER, format_args!("{seconds}"));
        }
    }
}

/// What stands for a client: its IPv4 address, or the network of its IPv6 address.
fn key(client: IpAddr) -> u64 {
    match client.to_canonical() {
        IpAddr::V4(address) => u64::from(address.to_bits()),
        // The networks of addresses that are in use begin with other bits than zeros.
        IpAddr::V6(address) => (address.to_bits() >> (128 - IPV6_CLIENT_BITS)) as u64,
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};
    use std::time::Instant;

    use super::super::route::Access;
    use super::*;

    fn throttle(per_second: u32) -> Throttle {
        let route = Route {
            prefix: "/".to_owned(),
            methods: Vec::new(),
            access: Access::Optional,
            permission: None,
            step_up: false,
            per_second: Some(per_second),
            cache: None,
            essential: false,
            body_max: 1,
            timeout_ms: 1,
        };
        Throttle::new(&[route])
    }

    #[test]
    fn each_client_has_a_limit_of_its_own() {
        let throttle = throttle(3);
        let [ada, bob] = [1, 2].map(|n| IpAddr::from(Ipv4Addr::from(n)));
        let told = |client| throttle.count(0, client).unwrap();
        assert_eq!([ada, ada, ada].map(|client| told(client).remaining), [2, 1, 0]);
        assert!(told(ada).wait.is_some());
        assert!(told(bob).wait.is_none());
        assert_eq!(throttle.count(1, ada), None, "a route without a limit tells nothing");
    }

    #[test]
    fn each_key_has_its_rate_and_is_forgotten_when_it_stays_away() {
        let (rates, rate) = (KeyRates::default(), NonZeroU32::new(2).unwrap());
        let [one, other] = [Uuid::from_u128(1), Uuid::from_u128(2)];
        assert_eq!([one, one].map(|key| rates.count(key, rate).remaining), [1, 0]);
        assert!(rates.count(one, rate).wait.is_some());
        assert!(rates.count(other, rate).wait.is_none());
        let began = Instant::now();
        while !rates.0.read().unwrap().is_empty() {
            assert!(began.elapsed() < Duration::from_mins(1));
            rates.forget();
        }
    }

    #[test]
    fn a_line_of_ipv6_is_one_client_and_ipv4_written_so_is_itself() {
        let of = |text: &str| key(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    }

    #[test]
    fn a_million_clients_that_stay_away_are_forgotten() {
        let throttle = throttle(1_000);
        for n in 0..1_000_000_u128 {
            throttle.count(0, Ipv6Addr::from((0x2001_0db8 << 96) | (n << 64)).into());
        }
        let began = Instant::now();
        while throttle.clients() > 0 {
            assert!(began.elapsed() < Duration::from_mins(1), "{} left", throttle.clients());
            throttle.forget();
        }
    }
}
