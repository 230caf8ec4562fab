//! A payment as the staff sees it.

use kernel::id::{ChangeId, OrderId, PaymentId};
use kernel::ports::NextAction;
use kernel::{Money, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::payment::Payment;
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
    /// `authorizing`, `unknown`, `action_required`, `authorized`, `capturing`, `captured`,
    /// `partially_refunded`, `refunded`, `voiding`, `voided`, `declined` or `expired`.
    #[schema(example = "captured")]
    pub status: &'static str,
    /// What is to be paid.
    pub amount: Money,
    /// What was set aside, also after it was let go again.
    pub authorized: Money,
    /// What was taken, captures on their way included.
    pub captured: Money,
    /// What of it was given back, refunds on their way included.
    pub refunded: Money,
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

impl From<&Payment> for PaymentBody {
    fn from(payment: &Payment) -> Self {
        let money = |minor| Money::from_minor(minor, payment.currency());
        let card = |card: &crate::domain::payment::CardShown| CardBody {
            brand: card.brand.clone(),
            last4: card.last4.clone(),
        };
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
            captured: money(payment.captured),
            refunded: money(payment.refunded),
            card: payment.card.as_ref().map(card),
            failure: payment.decline.as_ref().map(failure),
            next_action: next_action(payment),
            created_at: payment.created_at,
            updated_at: payment.updated_at,
        }
    }
}
