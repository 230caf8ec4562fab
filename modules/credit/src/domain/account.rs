//! A gift card or store credit, and whether it may pay.

use kernel::id::{CreditAccountId, CustomerId};
use kernel::ports::{CreditKind, CreditReason};
use kernel::{Currency, Money, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where a gift card stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = GiftCardState)]
pub enum State {
    /// It can be spent.
    Active,
    /// The staff has blocked it.
    Blocked,
    /// Its time is over, and what was left of it is the shop's.
    Expired,
}

impl State {
    /// The word it is stored as.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Blocked => "blocked",
            Self::Expired => "expired",
        }
    }

    /// What a stored word stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Active, Self::Blocked, Self::Expired].into_iter().find(|state| state.word() == word)
    }
}

/// A gift card, or a customer's store credit in one currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: CreditAccountId,
    /// Which of the two it is.
    pub kind: CreditKind,
    /// The last four characters of a gift card's code.
    pub last4: Option<String>,
    /// Whose store credit it is.
    pub customer_id: Option<CustomerId>,
    /// Its currency.
    pub currency: Currency,
    /// What came to it, less what the shop took away again.
    pub value_minor: i64,
    /// What of that pays orders.
    pub spent_minor: i64,
    /// Where it stands.
    pub state: State,
    /// When its time is over; store credit has no end.
    pub expires_at: Option<Timestamp>,
    /// How many events it has emitted.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Account {
    /// What is left, in minor units.
    pub const fn left(&self) -> i64 {
        self.value_minor - self.spent_minor
    }

    /// What is left.
    pub const fn balance(&self) -> Money {
        Money::from_minor(self.left(), self.currency)
    }

    /// Refuses what cannot pay an order of this customer in this currency now.
    pub fn check(
        &self,
        customer: CustomerId,
        currency: Currency,
        now: Timestamp,
    ) -> Result<(), CreditReason> {
        let is_theirs = self.customer_id.is_none_or(|owner| owner == customer);
        match self.state {
            State::Blocked => Err(CreditReason::Unknown),
            _ if !is_theirs => Err(CreditReason::Unknown),
            State::Expired => Err(CreditReason::Expired),
            State::Active if self.expires_at.is_some_and(|end| end <= now) => {
                Err(CreditReason::Expired)
            }
            State::Active if self.currency != currency => Err(CreditReason::Currency),
            State::Active => Ok(()),
        }
    }
}
