//! A signed call as it came in.

use actix_web::HttpRequest;
use chrono::TimeDelta;
use kernel::Timestamp;

use super::is_signed;

/// How far the time of a call may be from now: a call that is older may have been recorded.
const WINDOW: TimeDelta = TimeDelta::minutes(5);

/// A call that came to the shop, as its sender signs calls.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    /// The event; the same each time it is told.
    pub id: &'a str,
    /// When the call was made, in seconds since 1970.
    pub at: i64,
    /// Its body.
    pub body: &'a [u8],
    /// Its signature.
    pub signature: &'a str,
}

impl<'a> Signed<'a> {
    /// What the headers of a request say; none when one is missing, there twice, or no text.
    pub fn of(request: &'a HttpRequest, body: &'a [u8]) -> Option<Self> {
        let only = |name: &str| {
            let mut values = request.headers().get_all(name);
            let value = values.next().filter(|_| values.next().is_none());
            value.and_then(|value| value.to_str().ok())
        };
        let (id, at) = (only("webhook-id")?, only("webhook-timestamp")?.parse().ok()?);
        Some(Self { id, at, body, signature: only("webhook-signature")? })
    }

    /// Whether it was made just now, as it says.
    pub fn is_of(&self, now: Timestamp) -> bool {
        let then = Timestamp::from_timestamp(self.at, 0);
        then.is_some_and(|then| (now - then).abs() <= WINDOW)
    }

    /// Whether it is signed with this secret.
    pub fn is_by(&self, secret: &[u8]) -> bool {
        is_signed(secret, self.id, self.at, self.body, self.signature)
    }
}
