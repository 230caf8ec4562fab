use core::net::IpAddr;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Unavailable;
use crate::address::Address;
use crate::id::{CustomerId, OrderId};
use crate::money::Money;

/// Who pays an order, and where its goods go. It has no `Debug`: addresses are in no log.
#[derive(Clone, Serialize, Deserialize)]
pub struct Payer {
    /// The account, or what stands for a guest.
    pub customer_id: CustomerId,
    /// Where letters about the order go, if the order names it.
    pub email: Option<String>,
    /// Where the order was placed from, if that is known.
    pub from: Option<IpAddr>,
    /// Where the goods go.
    pub ships_to: Address,
    /// Where the invoice goes, when that is elsewhere.
    pub bills_to: Option<Address>,
}

/// An attempt to pay an order.
#[derive(Clone)]
pub struct Attempt {
    /// The idempotency key of the attempt: it is decided once.
    pub key: String,
    /// The order.
    pub order_id: OrderId,
    /// How much.
    pub amount: Money,
    /// What stands for the card.
    pub token: String,
    /// What tells the card again behind another token; None where nobody says that.
    pub fingerprint: Option<String>,
    /// Who pays.
    pub payer: Payer,
}

/// What is done with an attempt to pay, from harmless to harsh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// The processor is asked.
    Allow,
    /// The processor is asked to let the shopper authenticate.
    Challenge,
    /// The processor is asked to let the shopper authenticate, and the staff looks at it.
    Review,
    /// The processor is not asked.
    Deny,
}

/// What was found of an attempt to pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assessed {
    /// What is done with it.
    pub decision: Decision,
    /// How likely it is fraud, in millionths; None when nobody knows.
    pub score_ppm: Option<i64>,
}

/// Knows how likely an attempt to pay is fraud.
#[async_trait]
pub trait Risk: Send + Sync {
    /// Decides about an attempt before a processor hears of it. Repeated with the same key it answers the
    /// same. Who gets no answer lets the shopper authenticate.
    async fn assess(&self, attempt: &Attempt) -> Result<Assessed, Unavailable>;
}
