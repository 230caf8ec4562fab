use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Unavailable;
use crate::id::{ChangeId, CreditAccountId, CustomerId, OrderId};
use crate::money::Money;

/// The code of a gift card, as somebody typed it. Whoever knows it can spend the card: it has no `Debug` that
/// shows it, and no `Serialize`.
#[derive(Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, max_length = 64)]
pub struct GiftCode(String);

impl GiftCode {
    /// A code that somebody typed.
    pub fn new(typed: impl Into<String>) -> Self {
        Self(typed.into())
    }

    /// What was typed.
    pub fn typed(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for GiftCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GiftCode(..)")
    }
}

/// What stored value is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum CreditKind {
    /// Whoever has its code can spend it.
    GiftCard,
    /// A customer's, in one currency.
    StoreCredit,
}

impl CreditKind {
    /// The word it is stored and answered as.
    pub const fn word(self) -> &'static str {
        match self {
            Self::GiftCard => "gift_card",
            Self::StoreCredit => "store_credit",
        }
    }

    /// What a stored word stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::GiftCard, Self::StoreCredit].into_iter().find(|kind| kind.word() == word)
    }
}

/// What a shopper wants to pay with beside a card.
#[derive(Debug, Clone, Default)]
pub struct CreditWish {
    /// Gift cards, the first one first.
    pub codes: Vec<GiftCode>,
    /// Whether what is left is paid with the customer's store credit.
    pub store_credit: bool,
}

impl CreditWish {
    /// Whether nothing is asked for.
    pub const fn is_empty(&self) -> bool {
        self.codes.is_empty() && !self.store_credit
    }
}

/// What one gift card, or the store credit, pays of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreditPart {
    /// The gift card or the store credit.
    pub account_id: CreditAccountId,
    /// Which of the two it is.
    pub kind: CreditKind,
    /// The last four characters of a gift card's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last4: Option<String>,
    /// What it pays.
    pub amount: Money,
}

/// Why a gift card or store credit does not pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CreditReason {
    /// No gift card of this code can be used. Of one that is blocked nothing else is told.
    Unknown,
    /// Its time is over.
    Expired,
    /// It is in another currency than the order.
    Currency,
    /// There is nothing left of it.
    Empty,
    /// There is less left of it than there was a moment ago.
    Spent,
    /// The order was called off before.
    OrderEnded,
}

impl CreditReason {
    /// What the shopper is told.
    pub const fn detail(self) -> &'static str {
        match self {
            Self::Unknown => "There is no gift card of this code that can be used.",
            Self::Expired => "The gift card has expired.",
            Self::Currency => "The gift card is in another currency than the order.",
            Self::Empty => "There is nothing left of the gift card.",
            Self::Spent => "There is less left of the gift card or store credit; ask for a quote.",
            Self::OrderEnded => "The order was called off; nothing was taken.",
        }
    }
}

/// Why stored value was not promised or taken.
#[derive(Debug, thiserror::Error)]
pub enum CreditError {
    /// The answer is no. Nothing was taken. The second is the place of the code that was refused, from 0.
    #[error("{}", .0.detail())]
    Refused(CreditReason, Option<usize>),
    /// Nothing is known: ask again.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Gift cards and store credit, as orders see them.
#[async_trait]
pub trait Credit: Send + Sync {
    /// What would pay an order of this total now, in the order in which it is taken; nothing is taken.
    async fn cover(
        &self,
        customer: CustomerId,
        wish: &CreditWish,
        total: Money,
    ) -> Result<Vec<CreditPart>, CreditError>;

    /// Takes these parts for the order, all or none, once for the order. After `release` it is refused.
    async fn spend(
        &self,
        order: OrderId,
        customer: CustomerId,
        parts: &[CreditPart],
    ) -> Result<(), CreditError>;

    /// Gives back whatever is still taken for an order that came to nothing, to where it was taken from. After it
    /// nothing is taken for this order, so that a late repetition of `spend` cannot.
    async fn release(&self, order: OrderId) -> Result<(), Unavailable>;

    /// Gives back of an amount what was taken for the order and not given back yet, to where it was taken from, once
    /// for each change. What it gives may be less than the amount, and nothing.
    async fn give_back(
        &self,
        order: OrderId,
        change: ChangeId,
        amount: Money,
    ) -> Result<Money, Unavailable>;

    /// What is kept of what was taken for an order, less what of the order's money became store credit, in minor
    /// units.
    async fn kept(&self, order: OrderId) -> Result<i64, Unavailable>;

    /// Makes money of an order store credit of its customer, once for each change.
    async fn refund(
        &self,
        order: OrderId,
        customer: CustomerId,
        change: ChangeId,
        amount: Money,
    ) -> Result<(), Unavailable>;
}
