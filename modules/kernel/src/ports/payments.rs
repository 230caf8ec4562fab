use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Payer, Unavailable};
use crate::clock::Timestamp;
use crate::id::{ChangeId, OrderId, PaymentId};
use crate::money::Money;

/// A request to set an amount aside for an order.
#[derive(Clone)]
pub struct Authorize {
    /// The order. It has at most one live payment.
    pub order_id: OrderId,
    /// The idempotency key; it goes to the processor too.
    pub key: String,
    /// How much.
    pub amount: Money,
    /// A token from `POST /v1/payment-tokens`.
    pub token: String,
    /// Who pays; without it nobody can say how likely it is fraud.
    pub payer: Option<Payer>,
}

/// What makes an order cost more than it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DearerBy {
    /// It is edited.
    Edit,
    /// Goods of it are exchanged for dearer ones.
    Exchange,
}

/// A request to set an amount aside that an order costs more than it did.
#[derive(Clone)]
pub struct ChargeMore {
    /// The order, which is paid already.
    pub order_id: OrderId,
    /// The change that makes it dearer. It has at most one live payment.
    pub change: ChangeId,
    /// What the change is.
    pub by: DearerBy,
    /// The idempotency key; it goes to the processor too.
    pub key: String,
    /// How much.
    pub amount: Money,
    /// A token from `POST /v1/payment-tokens`.
    pub token: String,
    /// Who pays; without it nobody can say how likely it is fraud.
    pub payer: Option<Payer>,
}

/// Where a payment stands after an authorization was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Authorization {
    /// The amount is set aside.
    Authorized(PaymentId),
    /// The shopper has to authenticate at `url` before `until`.
    ActionRequired {
        /// The payment.
        payment_id: PaymentId,
        /// Where the shopper is sent.
        url: String,
        /// After this instant the payment is given up.
        until: Timestamp,
    },
}

/// Why an amount was not set aside.
#[derive(Debug, thiserror::Error)]
pub enum PaymentError {
    /// The answer is no, and stays no for this key. Nothing was charged.
    #[error("declined: {code}")]
    Declined {
        /// The processor's decline code, e.g. `insufficient_funds`.
        code: String,
        /// What the shopper may be told.
        detail: String,
    },
    /// Nothing is known: ask again with the same key.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// What came of giving money of an order back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refund {
    /// It was given back.
    Given,
    /// What is to be given back was not taken yet: ask again, when it was.
    NotTaken,
    /// The answer is no, and stays no for this key.
    Refused {
        /// What of it was given back all the same, when it was spread over several payments.
        given: Money,
        /// A stable word, e.g. `too_much`.
        code: String,
        /// What the staff is told.
        detail: String,
    },
}

/// The payment of an order, as its customer sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PaymentView {
    /// The payment.
    pub id: PaymentId,
    /// `authorized`, `captured`, ...
    pub status: String,
    /// What the shopper has to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_action: Option<NextAction>,
}

/// What the shopper has to do next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NextAction {
    /// Always `redirect`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where to send the shopper.
    pub url: String,
}

/// Payments, as checkout sees them.
#[async_trait]
pub trait Payments: Send + Sync {
    /// Sets the amount aside. Repeated with the same key it answers how that attempt stands now,
    /// which is also how a saga that waited for the shopper learns the outcome.
    async fn authorize(&self, request: Authorize) -> Result<Authorization, PaymentError>;

    /// Sets aside what a change makes an order dearer, beside what it cost before. It is answered as
    /// `authorize` is. What is set aside is taken when the order tells of the change, or with its next
    /// parcel.
    async fn charge(&self, request: ChargeMore) -> Result<Authorization, PaymentError>;

    /// Lets go of whatever `charge` did for a change that came to nothing. After it, `charge` for this
    /// change is declined.
    async fn cancel_charge(&self, order: OrderId, change: ChangeId) -> Result<(), Unavailable>;

    /// Lets go of whatever was done for the order and its changes: voids an authorization, refunds a
    /// capture, and does nothing when there was no effect. After it, `authorize` and `charge` for this
    /// order are declined, so that a late repetition cannot charge.
    async fn cancel(&self, order: OrderId) -> Result<(), Unavailable>;

    /// Gives an amount back to the way the order was paid, once for each key; spread over the payments
    /// of the order, if it has several. Repeated with the same key it answers how that stands now.
    async fn refund(&self, order: OrderId, key: &str, amount: Money)
    -> Result<Refund, Unavailable>;

    /// What was taken for an order and its changes and could still be given back, in minor units: not what is
    /// disputed, lost, or not taken yet.
    async fn kept(&self, order: OrderId) -> Result<i64, Unavailable>;

    /// The payments of these orders as they were placed, newest attempt of each.
    async fn of_orders(
        &self,
        orders: &[OrderId],
    ) -> Result<Vec<(OrderId, PaymentView)>, Unavailable>;
}
