//! What is read of Stripe's objects (docs.stripe.com/api), and what it means here.

use std::collections::BTreeMap;

use kernel::Timestamp;
use serde::Deserialize;

use super::client::NoAnswer;
use super::settled::Transaction;
use crate::domain::dispute::State;
use crate::processor::{Disputed, Outcome};

/// Under this name a PaymentIntent knows our payment.
pub const PAYMENT: &str = "payment";
/// Under this name it knows the key it was made with ...
pub const AUTHORIZE: &str = "authorize";
/// ... and the key of its newest capture.
pub const CAPTURE: &str = "capture";
/// Under this name a refund or a dispute knows the key of its command.
pub const COMMAND: &str = "command";

/// What the shopper is told of a refusal that is not the card's.
pub const NOT_MADE: &str = "The payment could not be made.";
/// The word for a card's holder who did not authenticate.
const NOT_AUTHENTICATED: &str = "authentication_failed";

/// What the shop notes at an object.
pub type Metadata = BTreeMap<String, String>;

/// A page of objects.
#[derive(Deserialize)]
pub struct List<T> {
    pub data: Vec<T>,
    #[serde(default)]
    pub has_more: bool,
}

/// An object, or its id alone where it was not asked for.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Expandable<T> {
    Object(Box<T>),
    #[expect(dead_code, reason = "it is there to be told apart from the object")]
    Id(String),
}

impl<T> Expandable<T> {
    /// The object, if that was told.
    pub const fn object(&self) -> Option<&T> {
        match self {
            Self::Object(object) => Some(object),
            Self::Id(_) => None,
        }
    }
}

/// Stripe's refusal.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Refusal {
    #[serde(rename = "type", default)]
    kind: String,
    code: Option<String>,
    decline_code: Option<String>,
    message: Option<String>,
    param: Option<String>,
}

impl Refusal {
    /// Whether the idempotency key was used for something else.
    pub fn is_of_key(&self) -> bool {
        self.kind == "idempotency_error"
    }

    /// Whether there is no such object.
    pub fn is_missing(&self) -> bool {
        self.code.as_deref() == Some("resource_missing")
    }

    /// The house's word for it.
    fn word(&self) -> &str {
        match (self.decline_code.as_deref(), self.code.as_deref()) {
            (Some("generic_decline"), _) => "card_declined",
            (Some(reason), _) => reason,
            (None, Some("resource_missing")) => match self.param.as_deref() {
                Some("payment_method") => "invalid_token",
                _ => "invalid_charge",
            },
            (None, Some("payment_intent_authentication_failure")) => NOT_AUTHENTICATED,
            (None, Some("charge_expired_for_capture")) => "authorization_expired",
            (None, Some("payment_intent_unexpected_state")) => "charge_state",
            (None, Some("charge_already_refunded")) => "amount_too_large",
            (None, Some(code)) => code,
            (None, None) if self.param.as_deref() == Some("amount") => "amount_too_large",
            (None, None) if self.kind.is_empty() => NOT_AUTHENTICATED,
            (None, None) => "refused",
        }
    }

    /// It as the processor's definite no. What Stripe says of a card may be told to the shopper; what it
    /// says of the shop's own calls is logged.
    pub fn declined(&self) -> Outcome {
        let code = self.word().to_owned();
        let detail = match &self.message {
            Some(message) if self.kind == "card_error" => message.clone(),
            message => {
                tracing::warn!(code, message, param = self.param, "Stripe refused a call");
                NOT_MADE.to_owned()
            }
        };
        Outcome::Declined { code, detail }
    }
}

/// A refund.
#[derive(Deserialize)]
pub struct Refund {
    pub id: String,
    status: Option<String>,
    #[serde(default)]
    pub metadata: Metadata,
}

impl Refund {
    /// Whether its money never reached the card.
    pub fn has_failed(&self) -> bool {
        matches!(self.status.as_deref(), Some("failed" | "canceled"))
    }
}

/// A dispute.
#[derive(Deserialize)]
pub struct Dispute {
    pub id: String,
    pub amount: i64,
    reason: String,
    status: String,
    created: i64,
    evidence_details: Option<Evidence>,
    #[serde(default)]
    pub metadata: Metadata,
    pub charge: Option<String>,
    pub payment_intent: Option<String>,
    /// How its money moved.
    pub balance_transactions: Option<Vec<Transaction>>,
}

#[derive(Deserialize)]
struct Evidence {
    due_by: Option<i64>,
}

impl Dispute {
    /// Where it stands. An inquiry counts as a dispute: it wants the same answer.
    pub fn state(&self) -> Result<State, NoAnswer> {
        match self.status.as_str() {
            "needs_response" | "warning_needs_response" => Ok(State::NeedsResponse),
            "under_review" | "warning_under_review" => Ok(State::UnderReview),
            "won" | "warning_closed" | "prevented" => Ok(State::Won),
            "lost" => Ok(State::Lost),
            _ => Err(NoAnswer::Senseless("the dispute stands where none is known to stand")),
        }
    }

    /// It as the shop knows disputes. Stripe does not tell when one ended: that is when it was first seen.
    pub fn disputed(&self, now: Timestamp) -> Result<Disputed, NoAnswer> {
        let state = self.state()?;
        let time = |at: i64| Timestamp::from_timestamp(at, 0).unwrap_or(now);
        let due_by = self.evidence_details.as_ref().and_then(|details| details.due_by);
        Ok(Disputed {
            id: self.id.clone(),
            amount: self.amount,
            reason: self.reason.clone(),
            state,
            respond_by: due_by.map_or(now, time),
            opened_at: time(self.created),
            closed_at: state.is_closed().then_some(now),
        })
    }
}

/// What a webhook tells.
#[derive(Deserialize)]
pub struct Event {
    pub id: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub data: EventData,
}

#[derive(Deserialize)]
pub struct EventData {
    pub object: EventObject,
}

/// The object of an event, as far as it says whose it is.
#[derive(Deserialize)]
pub struct EventObject {
    pub object: String,
    /// Of an object that belongs to a PaymentIntent.
    pub payment_intent: Option<String>,
    #[serde(default)]
    pub metadata: Metadata,
}
