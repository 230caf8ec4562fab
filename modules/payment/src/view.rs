//! A payment as the staff sees it.

use kernel::id::{ChangeId, OrderId, PaymentId};
use kernel::ports::NextAction;
use kernel::{Money, Timestamp};
use platform::personal::Kept;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::authentication::{Authentication, Liability};
use crate::domain::dispute::{Dispute, State};
use crate::domain::payment::{CardShown, Payment};
use crate::port::next_action;

/// A payment.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Payment)]
pub struct PaymentBody {
    /// Its id.
    pub id: PaymentId,
    /// The order it pays.
    pub order_id: OrderId,
    /// What of it: `order` as it was placed, or what an `edit` or an `exchange` made it dearer.
    #[schema(example = "order")]
    pub purpose: &'static str,
    /// The change that it pays, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change_id: Option<ChangeId>,
    /// Which attempt of the order it is, from 1.
    #[schema(example = 1)]
    pub attempt: i64,
    /// `authorizing`, `unknown`, `action_required`, `authorized`, `capturing`, `capture_failed`,
    /// `partially_captured`, `captured`, `partially_refunded`, `refunded`, `disputed`, `won`, `lost`,
    /// `voiding`, `voided`, `declined`, `expired` or `reversing`.
    #[schema(example = "captured")]
    pub status: &'static str,
    /// What is to be paid.
    pub amount: Money,
    /// What was set aside, also after it was let go again.
    pub authorized: Money,
    /// What of it can still be taken.
    pub held: Money,
    /// When the processor lets go of that by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub authorized_until: Option<Timestamp>,
    /// What was taken, captures on their way included.
    pub captured: Money,
    /// What of it was given back, refunds on their way included.
    pub refunded: Money,
    /// What disputes took away of it.
    pub lost: Money,
    /// How the card's holder was authenticated.
    pub authentication: Authentication,
    /// Who bears it when the card's holder says that they did not pay: the card's `issuer`, when it authenticated them
    /// or was asked and takes no part, else the `merchant`.
    pub liability: Liability,
    /// Its newest dispute; where one payment is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dispute: Option<DisputeBody>,
    /// The card.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub card: Option<CardBody>,
    /// Why it was declined or given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureBody>,
    /// What the shopper has to do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_action: Option<NextAction>,
    /// When it was begun.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

/// What the holder of a card wants back.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PaymentDispute)]
pub struct DisputeBody {
    /// Where it stands.
    pub state: State,
    /// What it is about.
    pub amount: Money,
    /// Why, as the processor puts it.
    #[schema(example = "fraudulent")]
    pub reason: String,
    /// Who bears it by the rules of the schemes. One that the `issuer` bears is answered with the proof of
    /// authentication, and not accepted.
    pub liability: Liability,
    /// Until when it can be answered.
    #[schema(value_type = String, format = DateTime)]
    pub respond_by: Timestamp,
    /// What was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
    /// When it was opened.
    #[schema(value_type = String, format = DateTime)]
    pub opened_at: Timestamp,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub closed_at: Option<Timestamp>,
}

/// What may be shown of a card.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PaymentCard)]
pub struct CardBody {
    /// Its scheme.
    #[schema(example = "visa")]
    pub brand: String,
    /// Its last four digits.
    #[schema(example = "4242")]
    pub last4: String,
}

/// Why a payment was declined or given up.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PaymentFailure)]
pub struct FailureBody {
    /// A stable word.
    #[schema(example = "insufficient_funds")]
    pub code: String,
    /// What the shopper may be told.
    #[schema(example = "The card has not enough money.")]
    pub detail: String,
}

impl PaymentBody {
    /// With a dispute of the payment.
    #[must_use]
    pub fn disputed(self, dispute: Option<Dispute>) -> Self {
        let currency = self.amount.currency();
        let dispute = dispute.map(|dispute| DisputeBody {
            liability: dispute.liability(self.authentication),
            state: dispute.state,
            amount: Money::from_minor(dispute.amount, currency),
            reason: dispute.reason,
            respond_by: dispute.respond_by,
            evidence: dispute.evidence.and_then(said),
            opened_at: dispute.opened_at,
            closed_at: dispute.closed_at,
        });
        Self { dispute, ..self }
    }
}

impl From<&CardShown> for CardBody {
    fn from(card: &CardShown) -> Self {
        Self { brand: card.brand.clone(), last4: card.last4.clone() }
    }
}

/// What was said, once it is opened.
fn said(evidence: Kept<String>) -> Option<String> {
    match evidence {
        Kept::Plain(text) => Some(text),
        Kept::Sealed(_) => None,
    }
}

/// What is sealed is not shown: it is opened before.
impl From<&Payment> for PaymentBody {
    fn from(payment: &Payment) -> Self {
        let money = |minor| Money::from_minor(minor, payment.currency());
        let failure = |decline: &crate::domain::payment::Decline| FailureBody {
            code: decline.code.clone(),
            detail: decline.detail.clone(),
        };
        Self {
            id: payment.id,
            order_id: payment.order_id,
            purpose: payment.pays.word(),
            change_id: payment.pays.change(),
            attempt: payment.attempt,
            status: payment.status.word(),
            amount: payment.amount,
            authorized: money(payment.authorized),
            held: money(payment.held()),
            authorized_until: payment.authorized_until.filter(|_| payment.held() > 0),
            captured: money(payment.captured),
            refunded: money(payment.refunded),
            lost: money(payment.lost),
            authentication: payment.authentication,
            liability: payment.liability(),
            dispute: None,
            card: payment.shown().map(CardBody::from),
            failure: payment.decline.as_ref().map(failure),
            next_action: next_action(payment),
            created_at: payment.created_at,
            updated_at: payment.updated_at,
        }
    }
}
