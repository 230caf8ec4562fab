//! How calls between systems are signed: Standard Webhooks 1.0, HMAC-SHA256 over
//! `{id}.{timestamp}.{body}`.

pub mod queue;
mod signed;
mod target;

pub use signed::Signed;
pub use target::{CallError, Target, TargetError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// How a signature of this kind begins.
const VERSION: &str = "v1,";

fn mac(secret: &[u8], id: &str, timestamp: i64, body: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    Some(mac)
}

/// The header `webhook-signature`. `timestamp` is in seconds since 1970.
pub fn sign(secret: &[u8], id: &str, timestamp: i64, body: &[u8]) -> Option<String> {
    let mac = mac(secret, id, timestamp, body)?;
    Some(format!("{VERSION}{}", STANDARD.encode(mac.finalize().into_bytes())))
}

/// Whether one of the signatures in a header is right; each is compared in constant time.
pub fn is_signed(secret: &[u8], id: &str, timestamp: i64, body: &[u8], header: &str) -> bool {
    header.split(' ').any(|signature| {
        let Some(told) = signature.strip_prefix(VERSION) else { return false };
        let Ok(told) = STANDARD.decode(told) else { return false };
        mac(secret, id, timestamp, body).is_some_and(|mac| mac.verify_slice(&told).is_ok())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: [u8; 32] = [7; 32];

    #[test]
    fn what_is_signed_is_the_id_the_time_and_the_body() {
        let signed = sign(&SECRET, "a", 1_700_000_000, b"{}").unwrap();
        let is = |secret: &[u8], id, at, body: &[u8], header: &str| {
            is_signed(secret, id, at, body, header)
        };
        assert!(is(&SECRET, "a", 1_700_000_000, b"{}", &signed));
        assert!(is(&SECRET, "a", 1_700_000_000, b"{}", &format!("v1,AAAA {signed}")));
        assert!(!is(&[8; 32], "a", 1_700_000_000, b"{}", &signed));
        assert!(!is(&SECRET, "b", 1_700_000_000, b"{}", &signed));
        assert!(!is(&SECRET, "a", 1_700_000_001, b"{}", &signed));
        assert!(!is(&SECRET, "a", 1_700_000_000, b"{ }", &signed));
        for header in ["", "v1,", "v1,AAAA", signed.trim_start_matches("v1,"), "v2,AAAA"] {
            assert!(!is(&SECRET, "a", 1_700_000_000, b"{}", header), "{header}");
        }
    }
}
