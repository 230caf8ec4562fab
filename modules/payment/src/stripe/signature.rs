//! How Stripe signs its calls: the header `Stripe-Signature: t={seconds since 1970},v1={hex},...`, each
//! `v1` an HMAC-SHA256 of `{t}.{body}` (docs.stripe.com/webhooks, "Verify webhook signatures manually").
//! While a secret is exchanged there are several.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The header.
pub const HEADER: &str = "stripe-signature";

fn mac(secret: &[u8], at: i64, body: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    mac.update(format!("{at}.").as_bytes());
    mac.update(body);
    Some(mac)
}

/// The header of a call that is made at `at`, in seconds since 1970.
pub fn sign(secret: &[u8], at: i64, body: &[u8]) -> Option<String> {
    let mac = mac(secret, at, body)?.finalize().into_bytes();
    Some(format!("t={at},v1={}", hex::encode(mac)))
}

/// When a call was made, as its header says; none when it says nothing or two things.
pub fn time_of(header: &str) -> Option<i64> {
    let mut times = header.split(',').filter_map(|part| part.trim().strip_prefix("t="));
    let time = times.next().filter(|_| times.next().is_none());
    time?.parse().ok()
}

/// Whether one of the signatures in a header is right; each is compared in constant time.
pub fn is_signed(secret: &[u8], at: i64, body: &[u8], header: &str) -> bool {
    header.split(',').any(|part| {
        let Some(told) = part.trim().strip_prefix("v1=") else { return false };
        let Ok(told) = hex::decode(told) else { return false };
        mac(secret, at, body).is_some_and(|mac| mac.verify_slice(&told).is_ok())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"whsec_test_secret";

    #[test]
    fn what_is_signed_is_the_time_and_the_body() {
        let signed = sign(SECRET, 1_700_000_000, b"{}").unwrap();
        assert!(is_signed(SECRET, 1_700_000_000, b"{}", &signed));
        assert!(!is_signed(b"another", 1_700_000_000, b"{}", &signed));
        assert!(!is_signed(SECRET, 1_700_000_001, b"{}", &signed));
        assert!(!is_signed(SECRET, 1_700_000_000, b"{ }", &signed));
        for header in ["", "t=1", "v1=", "v1=00", &signed.replace("v1=", "v0=")] {
            assert!(!is_signed(SECRET, 1_700_000_000, b"{}", header), "{header}");
        }
    }

    /// By another implementation: Python's `hmac`.
    #[test]
    fn a_signature_is_what_another_implementation_says() {
        let expected = "248a374f50f943a28b0f6ab50faf9a7e7e29b710fa26df9fb1618b9bf8ea9c9a";
        let signed = sign(SECRET, 1_700_000_000, br#"{"id":"evt_1"}"#).unwrap();
        assert_eq!(signed, format!("t=1700000000,v1={expected}"));
    }

    #[test]
    fn one_of_several_signatures_is_enough_and_the_time_is_told_once() {
        let (old, new) = (sign(b"old", 5, b"x").unwrap(), sign(b"new", 5, b"x").unwrap());
        let both = format!("{old},{}", new.trim_start_matches("t=5,"));
        assert_eq!(time_of(&both), Some(5));
        assert!(is_signed(b"old", 5, b"x", &both) && is_signed(b"new", 5, b"x", &both));
        for wrong in ["", "v1=00", "t=", "t=x,v1=00", "t=1,t=2,v1=00"] {
            assert_eq!(time_of(wrong), None, "{wrong}");
        }
    }
}
