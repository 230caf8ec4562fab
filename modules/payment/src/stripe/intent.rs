//! A PaymentIntent, and how it stands as a charge of the shop.

use kernel::Timestamp;
use serde::Deserialize;

use super::client::NoAnswer;
use super::objects::{Expandable, Metadata, NOT_MADE, PAYMENT, Refusal};
use crate::domain::authentication::Authentication;
use crate::processor::{Charge, Outcome};

/// Where a PaymentIntent stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    RequiresPaymentMethod,
    RequiresAction,
    RequiresCapture,
    Canceled,
    Succeeded,
    /// Not where an answer to one of our calls leaves it: `processing`, `requires_confirmation`, or new.
    #[serde(other)]
    Other,
}

/// A PaymentIntent: one attempt of a shopper to pay.
#[derive(Deserialize)]
pub struct Intent {
    pub id: String,
    pub status: Status,
    pub currency: String,
    #[serde(default)]
    pub amount_capturable: i64,
    #[serde(default)]
    amount_received: i64,
    #[serde(default)]
    pub metadata: Metadata,
    next_action: Option<NextAction>,
    last_payment_error: Option<Refusal>,
    latest_charge: Option<Expandable<Taken>>,
    payment_method: Option<Expandable<Method>>,
}

#[derive(Deserialize)]
struct NextAction {
    redirect_to_url: Option<Redirect>,
}

#[derive(Deserialize)]
struct Redirect {
    url: Option<String>,
}

/// A charge of a PaymentIntent.
#[derive(Deserialize)]
struct Taken {
    status: String,
    amount: i64,
    #[serde(default)]
    amount_refunded: i64,
    #[serde(default)]
    disputed: bool,
    payment_method_details: Option<Method>,
}

/// A card, or what stands for one.
#[derive(Deserialize)]
pub struct Method {
    card: Option<Card>,
}

#[derive(Deserialize)]
struct Card {
    brand: Option<String>,
    last4: Option<String>,
    capture_before: Option<i64>,
    multicapture: Option<Multicapture>,
    fingerprint: Option<String>,
    three_d_secure: Option<ThreeDSecure>,
}

#[derive(Deserialize)]
struct ThreeDSecure {
    authentication_flow: Option<String>,
    result: Option<String>,
}

impl ThreeDSecure {
    /// Stripe asks for exemptions by itself, and does not tell a low value from a low risk.
    fn authentication(&self) -> Authentication {
        match (self.result.as_deref(), self.authentication_flow.as_deref()) {
            (Some("authenticated"), Some("challenge")) => Authentication::Challenged,
            (Some("authenticated"), _) => Authentication::Frictionless,
            (Some("attempt_acknowledged"), _) => Authentication::Attempted,
            (Some("exempted"), _) => Authentication::ExemptLowRisk,
            _ => Authentication::None,
        }
    }
}

impl Method {
    /// What tells its card again.
    pub fn fingerprint(self) -> Option<String> {
        self.card?.fingerprint
    }
}

#[derive(Deserialize)]
struct Multicapture {
    status: String,
}

impl Intent {
    /// The charge that holds or took money; a declined one did not.
    fn taken(&self) -> Option<&Taken> {
        let charge = self.latest_charge.as_ref()?.object()?;
        (charge.status != "failed").then_some(charge)
    }

    fn card(&self) -> Option<&Card> {
        let of_charge = self.taken().and_then(|taken| taken.payment_method_details.as_ref());
        let of_intent = || self.payment_method.as_ref().and_then(Expandable::object);
        of_charge.or_else(of_intent)?.card.as_ref()
    }

    /// Whether it was ever disputed.
    pub fn is_disputed(&self) -> bool {
        self.taken().is_some_and(|taken| taken.disputed)
    }

    /// Whether something was taken that can have been given back.
    pub const fn is_taken(&self) -> bool {
        self.amount_received > 0
    }

    /// What was given back of what was taken. Stripe counts what was let go as refunded too, but for a charge that
    /// can be captured again.
    fn refunded(&self) -> i64 {
        let Some(taken) = self.taken() else { return 0 };
        let is_open = self.status == Status::RequiresCapture || self.is_multicapture();
        let let_go = if is_open { 0 } else { taken.amount - self.amount_received };
        (taken.amount_refunded - let_go).clamp(0, self.amount_received)
    }

    /// Whether what a capture leaves can still be captured.
    pub fn is_multicapture(&self) -> bool {
        let multicapture = self.card().and_then(|card| card.multicapture.as_ref());
        multicapture.is_some_and(|it| it.status == "available")
    }

    /// Whether the command with this key left its name here.
    pub fn knows(&self, name: &str, key: &str) -> bool {
        self.metadata.get(name).is_some_and(|known| known == key)
    }

    /// It as a charge of the shop; `lost` is what disputes took away.
    pub fn charge(&self, lost: i64) -> Result<Charge, NoAnswer> {
        let reference = self.metadata.get(PAYMENT).and_then(|id| id.parse().ok());
        let card = self.card();
        let shown = |field: fn(&Card) -> &Option<String>| {
            card.and_then(|card| field(card).clone()).unwrap_or_default()
        };
        let until = card.and_then(|card| card.capture_before);
        let secured = card.and_then(|card| card.three_d_secure.as_ref());
        Ok(Charge {
            id: self.id.clone(),
            reference: reference
                .ok_or(NoAnswer::Senseless("the PaymentIntent is not the shop's"))?,
            currency: self.currency.to_ascii_uppercase(),
            authorized: self.taken().map_or(0, |taken| taken.amount),
            held: self.status == Status::RequiresCapture && self.amount_capturable > 0,
            captured: self.amount_received,
            refunded: self.refunded(),
            // What was given back cannot be lost again, though more than the rest may have been disputed.
            lost: lost.min(self.amount_received - self.refunded()),
            authentication: secured.map_or(Authentication::None, ThreeDSecure::authentication),
            authorized_until: until.and_then(|at| Timestamp::from_timestamp(at, 0)),
            brand: shown(|card| &card.brand),
            last4: shown(|card| &card.last4),
        })
    }

    /// How the authorization stands; `lost` is what disputes took away. None while that is not final.
    pub fn outcome(&self, lost: i64) -> Result<Option<Outcome>, NoAnswer> {
        Ok(match self.status {
            Status::RequiresCapture | Status::Succeeded => {
                Some(Outcome::Approved(self.charge(lost)?))
            }
            // Nothing is set aside, and nothing will be.
            Status::Canceled => Some(Outcome::Declined {
                code: "charge_canceled".to_owned(),
                detail: NOT_MADE.to_owned(),
            }),
            Status::RequiresAction => {
                let redirect = self.next_action.as_ref().and_then(|it| it.redirect_to_url.as_ref());
                let url = redirect.and_then(|redirect| redirect.url.clone());
                let url = url.ok_or(NoAnswer::Senseless("the challenge has no page"))?;
                Some(Outcome::RequiresAction { charge: self.charge(lost)?, url })
            }
            Status::RequiresPaymentMethod => {
                Some(self.last_payment_error.clone().unwrap_or_default().declined())
            }
            Status::Other => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A PaymentIntent of 10.00 euros whose charge Stripe tells so much of.
    fn intent(status: &str, received: i64, refunded: i64, multicapture: &str) -> Intent {
        let card = json!({"brand": "visa", "multicapture": {"status": multicapture}});
        let charge = json!({
            "status": "succeeded", "amount": 1_000, "amount_refunded": refunded,
            "payment_method_details": {"card": card},
        });
        let told: Value = json!({
            "id": "pi_1", "status": status, "currency": "eur", "amount_received": received,
            "metadata": {"payment": "018f0000-0000-7000-8000-000000000001"}, "latest_charge": charge,
        });
        serde_json::from_value(told).unwrap()
    }

    #[test]
    fn one_that_was_cancelled_is_no_payment() {
        for refunded in [0, 1_000] {
            let outcome = intent("canceled", 0, refunded, "unavailable").outcome(0).unwrap();
            let Some(Outcome::Declined { code, .. }) = outcome else { panic!("{outcome:?}") };
            assert_eq!(code, "charge_canceled");
        }
    }

    #[test]
    fn what_was_let_go_was_not_given_back() {
        for (status, received, told, multicapture, refunded) in [
            ("canceled", 0, 1_000, "unavailable", 0),
            ("succeeded", 700, 300, "unavailable", 0),
            ("succeeded", 700, 500, "unavailable", 200),
            ("succeeded", 1_000, 400, "unavailable", 400),
            ("requires_capture", 700, 200, "available", 200),
            ("succeeded", 700, 200, "available", 200),
        ] {
            let charge = intent(status, received, told, multicapture).charge(0).unwrap();
            assert_eq!(charge.refunded, refunded, "{status} {received} {told} {multicapture}");
        }
    }

    #[test]
    fn what_was_given_back_is_not_lost_again() {
        let charge = intent("succeeded", 1_000, 400, "unavailable").charge(1_000).unwrap();
        assert_eq!((charge.captured, charge.refunded, charge.lost), (1_000, 400, 600));
    }
}
