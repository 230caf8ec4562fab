//! Stripe, or whoever speaks its API: PaymentIntents that are confirmed at once and captured by hand.
//!
//! The card is what Stripe's own fields made of it, `pm_...`: no card number comes to the shop. A charge
//! is a PaymentIntent; under its metadata it knows our payment and the keys of what was done to it.
//!
//! Of an unknown outcome Stripe promises that the same key gives the same answer, for a day. That is how
//! calls are repeated. What a key cannot tell is read where Stripe is consistent: at the PaymentIntent
//! itself, its refunds and its disputes. The search, which lags behind by a minute, is asked only about an
//! authorization whose PaymentIntent nobody knows: when its key may be forgotten, a day later, and when its
//! key gives an error for ever.

mod client;
mod intent;
mod objects;
mod port;
mod settings;
mod settled;
pub(crate) mod signature;

use chrono::TimeDelta;
use kernel::id::PaymentId;
use kernel::{Clock, Timestamp};
use secrecy::SecretString;

use crate::processor::{Charge, Outcome};
use client::{Client, Form, NoAnswer};
use intent::Intent;
use objects::{AUTHORIZE, Dispute, List, PAYMENT, Refund};
pub use settings::{Secret, Settings};

/// What it is called in the path of its webhooks.
const NAME: &str = "stripe";
/// How long a payment is repeated by its key alone: Stripe forgets keys after a day.
const KEYS_LAST: TimeDelta = TimeDelta::hours(23);
/// How far the clocks of both sides may be apart, in seconds.
const CLOCKS_APART_S: i64 = 60;
/// The most objects of a page.
const PAGE: usize = 100;
/// The version of the API whose objects are read here.
pub const API_VERSION: &str = "2025-09-30.clover";
const INTENTS: &str = "/v1/payment_intents";
const METHODS: &str = "/v1/payment_methods";
/// What of a PaymentIntent is told with it.
const WITH: [&str; 2] = ["latest_charge", "payment_method"];

/// Why Stripe cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StripeError {
    /// There is no client.
    #[error("no HTTP client can be made")]
    Client(#[source] reqwest::Error),
    /// The address is none.
    #[error("payment.stripe.base_url: {0:?} is not a URL")]
    Url(String),
    /// Whoever listens would have the key.
    #[error(
        "payment.stripe.base_url must begin with https:// for a key that is not of the test mode"
    )]
    InTheClear,
    /// A setting that nothing works without.
    #[error("payment.stripe.{0} is needed when payment.processor is \"stripe\"")]
    Missing(&'static str),
    /// A setting that makes no sense.
    #[error("payment.stripe.{0} cannot be used as it is")]
    Unusable(&'static str),
    /// A file that cannot be read.
    #[error("payment.stripe.{setting} cannot be read")]
    File {
        /// The setting that names it.
        setting: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Stripe as the shop's processor.
pub struct Stripe {
    client: Client,
    clock: Clock,
    /// What its webhooks may be signed with: two while the secret is exchanged.
    webhook_secrets: Vec<SecretString>,
    return_url: String,
}

impl Stripe {
    /// Stripe behind these settings.
    pub fn new(settings: &Settings, clock: Clock) -> Result<Self, StripeError> {
        Ok(Self {
            client: Client::new(&settings.base_url, &settings.key()?)?,
            clock,
            webhook_secrets: settings.webhook_secrets()?,
            return_url: settings.return_url()?,
        })
    }

    /// Whether Stripe may have forgotten the key that a payment was authorized with.
    fn is_old(&self, payment: PaymentId) -> bool {
        made_at(payment).is_some_and(|at| self.clock.now() - at > KEYS_LAST)
    }

    /// A PaymentIntent; none when there is none with this id.
    async fn intent(&self, id: &str) -> Result<Option<Intent>, NoAnswer> {
        let query = expanding("expand[]", "");
        match self.client.get(&format!("{INTENTS}/{id}"), &query).await? {
            Ok(intent) => Ok(Some(intent)),
            Err(refusal) if refusal.is_missing() => Ok(None),
            Err(_) => Err(NoAnswer::Senseless("a PaymentIntent cannot be read")),
        }
    }

    /// The PaymentIntent that this key made for a payment, if the search knows it. Another key of the payment made
    /// another one, which was refused.
    async fn search(&self, payment: PaymentId, key: &str) -> Result<Option<Intent>, NoAnswer> {
        let mut query = expanding("expand[]", "data.");
        query.push(("query", format!("metadata['{PAYMENT}']:'{payment}'")));
        let path = format!("{INTENTS}/search");
        let found: List<Intent> = self.list(&path, &query).await?;
        Ok(found.data.into_iter().find(|intent| intent.knows(AUTHORIZE, key)))
    }

    async fn list<T: serde::de::DeserializeOwned>(
        &self,
        path: &str,
        query: &Form<'_>,
    ) -> Result<List<T>, NoAnswer> {
        let refused = |_| NoAnswer::Senseless("a list cannot be read");
        self.client.get(path, query).await?.map_err(refused)
    }

    /// The disputes of a PaymentIntent, the newest first.
    async fn disputes(&self, intent: &str) -> Result<Vec<Dispute>, NoAnswer> {
        let query = vec![("payment_intent", intent.to_owned()), ("limit", PAGE.to_string())];
        Ok(self.list("/v1/disputes", &query).await?.data)
    }

    /// The refunds of a PaymentIntent, the newest first.
    async fn refunds(&self, intent: &str) -> Result<Vec<Refund>, NoAnswer> {
        let mut all: Vec<Refund> = Vec::new();
        loop {
            let mut query =
                vec![("payment_intent", intent.to_owned()), ("limit", PAGE.to_string())];
            query.extend(all.last().map(|last| ("starting_after", last.id.clone())));
            let page = self.list("/v1/refunds", &query).await?;
            all.extend(page.data);
            if !page.has_more {
                return Ok(all);
            }
        }
    }

    /// What disputes took away of a PaymentIntent.
    async fn lost(&self, intent: &Intent) -> Result<i64, NoAnswer> {
        if !intent.is_disputed() {
            return Ok(0);
        }
        let mut lost = 0;
        for dispute in self.disputes(&intent.id).await? {
            if dispute.state()? == crate::domain::dispute::State::Lost {
                lost += dispute.amount;
            }
        }
        Ok(lost)
    }

    async fn charge_of(&self, intent: &Intent) -> Result<Charge, NoAnswer> {
        intent.charge(self.lost(intent).await?)
    }

    /// How the authorization of a PaymentIntent stands; none while that is not final.
    async fn stands(&self, intent: &Intent) -> Result<Option<Outcome>, NoAnswer> {
        intent.outcome(self.lost(intent).await?)
    }

    /// The PaymentIntents of payments that were made after this one, in no order. Stripe lists the newest
    /// first, and one may be made long after its payment was: all of them are read.
    async fn intents_since(&self, payment: Option<PaymentId>) -> Result<Vec<Intent>, NoAnswer> {
        let since = payment.and_then(made_at).map(|at| at.timestamp() - CLOCKS_APART_S);
        let mut all: Vec<Intent> = Vec::new();
        loop {
            let mut query = expanding("expand[]", "data.");
            query.push(("limit", PAGE.to_string()));
            query.extend(since.map(|since| ("created[gte]", since.to_string())));
            query.extend(all.last().map(|last| ("starting_after", last.id.clone())));
            let page = self.list(INTENTS, &query).await?;
            all.extend(page.data);
            if !page.has_more {
                return Ok(all);
            }
        }
    }
}

/// What is to be told with each PaymentIntent, below `at`.
fn expanding(name: &'static str, at: &str) -> Form<'static> {
    WITH.iter().map(|what| (name, format!("{at}{what}"))).collect()
}

/// When a payment was begun: its id tells (RFC 9562, section 5.7).
fn made_at(payment: PaymentId) -> Option<Timestamp> {
    let (seconds, nanos) = payment.uuid().get_timestamp()?.to_unix();
    Timestamp::from_timestamp(i64::try_from(seconds).ok()?, nanos)
}
