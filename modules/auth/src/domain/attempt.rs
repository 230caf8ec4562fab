//! Guesses are counted in windows of time, by account and by client address.

use std::net::IpAddr;

use chrono::DateTime;
use kernel::Timestamp;

/// The window an instant lies in: its number since 1970, and when it ends.
pub(crate) fn window(now: Timestamp, window_s: u32) -> (i64, Timestamp) {
    let length = i64::from(window_s.max(1));
    let number = now.timestamp().div_euclid(length);
    let ends = number.saturating_add(1).saturating_mul(length);
    (number, DateTime::from_timestamp(ends, 0).unwrap_or(now))
}

/// The whole seconds until a window ends, at least one.
pub(crate) fn seconds_until(ends: Timestamp, now: Timestamp) -> u64 {
    let left_ms = (ends - now).num_milliseconds().max(1).unsigned_abs();
    left_ms.div_ceil(1_000)
}

/// Who is one client: an IPv4 address, or the /64 that a provider gives to one IPv6 customer.
pub(crate) fn client(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_ipv6_customer_is_one_client() {
        let client = |text: &str| client(text.parse().unwrap());
        assert_eq!(client("2001:db8:1:2::1"), client("2001:db8:1:2:ffff::9"));
        assert_ne!(client("2001:db8:1:2::1"), client("2001:db8:1:3::1"));
        assert_eq!(client("::ffff:192.0.2.1"), client("192.0.2.1"));
        assert_ne!(client("192.0.2.1"), client("192.0.2.2"));
    }

    proptest! {
        #[test]
        fn an_instant_lies_in_its_window(at in 0_i64..4_000_000_000, length in 1_u32..100_000) {
            let now = DateTime::from_timestamp(at, 0).unwrap();
            let (number, ends) = window(now, length);
            prop_assert!(ends > now);
            prop_assert!(ends.timestamp() - at <= i64::from(length));
            prop_assert_eq!(window(ends, length).0, number + 1);
            let wait = i64::try_from(seconds_until(ends, now)).unwrap();
            prop_assert_eq!(now.timestamp() + wait, ends.timestamp());
        }
    }
}
