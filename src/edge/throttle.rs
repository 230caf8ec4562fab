//! How often a client may come: the generic cell rate algorithm (ITU-T I.371) for each route and
//! client.

use std::fmt::Write;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use super::route::Route;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
/// The length of an IPv6 prefix that is one client, as providers give one to each line, in bits.
const IPV6_CLIENT_BITS: u32 = 64;

type Limiter = RateLimiter<u64, DashMapStateStore<u64>, DefaultClock, StateInformationMiddleware>;

/// The limits of the routes. Whoever has not come for a second is forgotten, so that memory is
/// bounded by how many requests are answered in one.
pub struct Throttle {
    /// By the number of the route.
    limits: Vec<Option<(u32, Limiter)>>,
    clock: DefaultClock,
}

/// What a client is told of its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    quota: u32,
    remaining: u32,
    /// How long it has to wait, if it came too often.
    pub wait: Option<Duration>,
}

impl Throttle {
    /// The limits of these routes, each at its number.
    pub fn new(routes: &[Route]) -> Self {
        let limit = |route: &Route| {
            let quota = NonZeroU32::new(route.per_second?)?;
            let limiter = RateLimiter::dashmap(Quota::per_second(quota));
            Some((quota.get(), limiter.with_middleware::<StateInformationMiddleware>()))
        };
        Self { limits: routes.iter().map(limit).collect(), clock: DefaultClock::default() }
    }

    /// Counts a request; nothing is told on a route without a limit.
    pub fn count(&self, route: usize, client: IpAddr) -> Option<Told> {
        let (quota, limiter) = self.limits.get(route)?.as_ref()?;
        let quota = *quota;
        Some(match limiter.check_key(&key(client)) {
            Ok(state) => Told { quota, remaining: state.remaining_burst_capacity(), wait: None },
            Err(until) => {
                let wait = until.wait_time_from(self.clock.now());
                Told { quota, remaining: 0, wait: Some(wait) }
            }
        })
    }

    /// Forgets who has not come for a while.
    pub fn forget(&self) {
        for (_, limiter) in self.limits.iter().flatten() {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
        // A gauge is a float; so many clients do not fit into memory anyway.
        #[expect(clippy::cast_precision_loss, reason = "see above")]
        metrics::gauge!("throttle_clients").set(self.clients() as f64);
    }

    /// How many clients are remembered.
    fn clients(&self) -> usize {
        self.limits.iter().flatten().map(|(_, limiter)| limiter.len()).sum()
    }
}

impl Told {
    /// Tells a client by the headers of draft-ietf-httpapi-ratelimit-headers-10, and by Retry-After
    /// (RFC 9110, section 10.2.3).
    pub fn tell(self, headers: &mut HeaderMap) {
        let Self { quota, remaining, wait } = self;
        let seconds = wait.map_or(1, |wait| wait.as_secs() + u64::from(wait.subsec_nanos() > 0));
        let mut text = String::with_capacity(32);
        let mut insert = |name, value: std::fmt::Arguments<'_>| {
            text.clear();
            if text.write_fmt(value).is_ok()
                && let Ok(value) = HeaderValue::from_str(&text)
            {
                headers.insert(name, value);
            }
        };
        insert(POLICY, format_args!("\"route\";q={quota};w=1"));
        insert(LIMIT, format_args!("\"route\";r={remaining};t={seconds}"));
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
            per_second: Some(per_second),
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
    fn a_line_of_ipv6_is_one_client_and_ipv4_written_so_is_itself() {
        let of = |text: &str| key(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    }

    #[test]
    fn clients_that_stay_away_are_forgotten() {
        let throttle = throttle(1_000);
        for n in 0..100_000_u128 {
            throttle.count(0, Ipv6Addr::from((0x2001_0db8 << 96) | (n << 64)).into());
        }
        let began = Instant::now();
        while throttle.clients() > 0 {
            assert!(began.elapsed() < Duration::from_secs(10), "{} left", throttle.clients());
            throttle.forget();
        }
    }
}
