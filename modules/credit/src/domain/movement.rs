//! What came to an account or went, and what it is for.

use kernel::Timestamp;
use kernel::id::{ChangeId, CreditAccountId, CreditMovementId, OrderId};
use serde::Serialize;
use utoipa::ToSchema;

/// What a movement is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CreditMovementKind)]
pub enum Kind {
    /// The shop gave it away.
    Issue,
    /// It pays a part of an order.
    Spend,
    /// What paid an order came back.
    GiveBack,
    /// Money of an order became store credit.
    Refund,
    /// It was left when the card's time was over.
    Expire,
    /// The staff corrected what is left.
    Adjust,
}

impl Kind {
    const ALL: [Self; 6] =
        [Self::Issue, Self::Spend, Self::GiveBack, Self::Refund, Self::Expire, Self::Adjust];

    /// The word it is stored as.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Issue => "issue",
            Self::Spend => "spend",
            Self::GiveBack => "give_back",
            Self::Refund => "refund",
            Self::Expire => "expire",
            Self::Adjust => "adjust",
        }
    }

    /// What a stored word stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// A movement that is to be written.
#[derive(Debug, Clone)]
pub struct NewMovement {
    /// The account.
    pub account_id: CreditAccountId,
    /// What it is for.
    pub kind: Kind,
    /// Above zero it came, below it went; in minor units.
    pub amount_minor: i64,
    /// The order that it pays, or whose money it was.
    pub order_id: Option<OrderId>,
    /// The change of the order that it came back for.
    pub change_id: Option<ChangeId>,
    /// What it is known by: there is one of each key.
    pub key: String,
    /// Why, in the staff's words.
    pub reason: Option<String>,
}

/// A movement that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    /// Its id.
    pub id: CreditMovementId,
    /// The account.
    pub account_id: CreditAccountId,
    /// What it is for.
    pub kind: Kind,
    /// Above zero it came, below it went; in minor units.
    pub amount_minor: i64,
    /// The order that it pays, or whose money it was.
    pub order_id: Option<OrderId>,
    /// The change of the order that it came back for.
    pub change_id: Option<ChangeId>,
    /// Why, in the staff's words.
    pub reason: Option<String>,
    /// When.
    pub at: Timestamp,
}
