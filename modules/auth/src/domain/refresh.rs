//! Refresh tokens: opaque, rotated on use, and one that comes back ends the session.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use kernel::Timestamp;
use secrecy::{ExposeSecret, SecretBox};
use sha2::{Digest, Sha256};

/// 256 secret bits. They leave the process only in their cookie; storage knows their SHA-256.
pub(crate) struct RefreshToken(SecretBox<[u8; 32]>);

impl RefreshToken {
    pub(crate) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(SecretBox::new(Box::new(bytes)))
    }

    /// The token of a cookie's value; None when it cannot be one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        bytes.try_into().ok().map(Self::from_bytes)
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        self.0.expose_secret()
    }

    /// The cookie's value.
    pub(crate) fn reveal(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes())
    }

    /// What is stored. A fast hash is enough for 256 random bits.
    pub(crate) fn hash(&self) -> String {
        hex::encode(Sha256::digest(self.bytes()))
    }
}

/// What to do with a refresh token of a live session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is the newest: give its successor.
    Rotate,
    /// It was used a moment ago, as two tabs do: give the same successor again.
    SameChild,
    /// It is an old one, so two parties have it: end the session.
    Reused,
}

/// Judges a token by its generation in the session, whose newest was given out at `rotated_at`.
pub(crate) fn judge(
    presented: i64,
    newest: i64,
    rotated_at: Timestamp,
    now: Timestamp,
    grace: TimeDelta,
) -> Verdict {
    if presented == newest {
        Verdict::Rotate
    } else if presented == newest - 1 && now - rotated_at < grace {
        Verdict::SameChild
    } else {
        Verdict::Reused
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_immediate_parent_has_grace() {
        let at = |s: i64| DateTime::from_timestamp(1_800_000_000 + s, 0).unwrap();
        let grace = TimeDelta::seconds(10);
        assert_eq!(judge(5, 5, at(0), at(99), grace), Verdict::Rotate);
        assert_eq!(judge(4, 5, at(0), at(9), grace), Verdict::SameChild);
        assert_eq!(judge(4, 5, at(0), at(10), grace), Verdict::Reused);
        assert_eq!(judge(3, 5, at(0), at(0), grace), Verdict::Reused);
        assert_eq!(judge(4, 5, at(0), at(0), TimeDelta::zero()), Verdict::Reused);
    }

    #[test]
    fn what_is_no_token_is_none() {
        for text in ["", "a", "not base64!", &"A".repeat(42), &"A".repeat(44), &"A".repeat(10_000)]
        {
            assert!(RefreshToken::parse(text).is_none(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_token_survives_its_cookie(bytes: [u8; 32]) {
            let token = RefreshToken::from_bytes(bytes);
            let read = RefreshToken::parse(&token.reveal()).unwrap();
            prop_assert_eq!(read.bytes(), &bytes);
            prop_assert_eq!(read.hash().len(), 64);
            prop_assert!(!token.hash().contains(&token.reveal()));
        }
    }
}
