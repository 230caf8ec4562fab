//! What happens to an order after the sale: edits, cancelled units, returns and refunds, as one kind of
//! thing.

use kernel::id::{ChangeId, CustomerId, LineId, OrderId};
use kernel::problem::{Problem, code};
use kernel::{Money, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::change_state::{Fact, State};
use super::exchange::Exchange;

/// What kind of change it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ChangeKind)]
pub enum Kind {
    /// Lines or the address are changed before anything has left.
    Edit,
    /// Units that have not left are called off.
    CancelPart,
    /// Units that arrived come back.
    Return,
    /// Money goes back, goods do not.
    Refund,
}

macro_rules! words {
    ($name:ident: $($variant:ident = $word:literal,)+) => {
        impl $name {
            /// Each of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word it is stored and answered as.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// What a stored word stands for.
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.word() == word)
            }
        }
    };
}

words! { Kind:
    Edit = "edit",
    CancelPart = "cancel_part",
    Return = "return",
    Refund = "refund",
}

words! { State:
    Requested = "requested",
    Approved = "approved",
    Received = "received",
    Settling = "settling",
    Done = "done",
    Rejected = "rejected",
    Withdrawn = "withdrawn",
    Failed = "failed",
}

words! { RefundTo:
    StoreCredit = "store_credit",
}

words! { Reason:
    Damaged = "damaged",
    WrongItem = "wrong_item",
    NotAsDescribed = "not_as_described",
    NoLongerWanted = "no_longer_wanted",
    TooLate = "too_late",
    Other = "other",
}

words! { Condition:
    Sellable = "sellable",
    Damaged = "damaged",
}

words! { ActorKind:
    Customer = "customer",
    Staff = "staff",
    Shop = "shop",
}

/// Why goods come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ReturnReason)]
pub enum Reason {
    /// It arrived damaged or does not work.
    Damaged,
    /// Something else came.
    WrongItem,
    /// It is not what the shop said it would be.
    NotAsDescribed,
    /// The customer does not want it any more.
    NoLongerWanted,
    /// It came too late.
    TooLate,
    /// Something else.
    Other,
}

/// What goods are like that came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ReturnedCondition)]
pub enum Condition {
    /// They can be sold again.
    Sellable,
    /// They cannot.
    Damaged,
}

/// Who asked for a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ChangedBy)]
pub enum ActorKind {
    /// Who ordered.
    Customer,
    /// Somebody who works in the shop.
    Staff,
    /// The shop itself.
    Shop,
}

/// Where the money of an order goes, when not to the way it was paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefundTo {
    /// It becomes store credit of whoever ordered.
    StoreCredit,
}

/// A change of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = OrderChange)]
pub struct Change {
    /// The change.
    pub id: ChangeId,
    /// Its order.
    pub order_id: OrderId,
    /// What kind of change it is.
    pub kind: Kind,
    /// Where it stands.
    pub state: State,
    /// Who asked for it.
    pub by: ActorKind,
    /// Whose account or API key, of the staff; only the staff see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<CustomerId>,
    /// Why, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why it was rejected or failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// What is given back for it; of one that failed what was given back all the same. Of an exchange that is
    /// not settled yet it is what is given back if that comes to nothing.
    pub refund: Money,
    /// Where that goes, when not to the way the order was paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refund_to: Option<RefundTo>,
    /// What is sent instead, of a return that is an exchange.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exchange: Option<Exchange>,
    /// The units it is about.
    pub lines: Vec<ChangeLine>,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

/// Units of a line that a change is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = OrderChangeLine)]
pub struct ChangeLine {
    /// The line of the order.
    pub line_id: LineId,
    /// How many of its units.
    pub quantity: i64,
    /// Why they come back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// How many are paid back, once they were inspected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted: Option<i64>,
    /// What they are like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
    /// Whether they lie in stock again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restock: Option<bool>,
    /// What is given back for them.
    pub refund: Money,
}

impl Change {
    /// As its customer sees it.
    #[must_use]
    pub fn for_the_customer(self) -> Self {
        Self { actor: None, ..self }
    }

    /// Moves it on, or says why not.
    pub fn apply(&mut self, fact: Fact) -> Result<(), Problem> {
        let Some(to) = self.state.after(fact) else {
            let detail = format!("It is {}; nothing was changed.", self.state.word());
            return Err(Problem::new(code::ORDER_STATE, detail)
                .with("change_state", self.state)
                .with("allowed", self.state.allowed()));
        };
        self.state = to;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_their_own_inverse() {
        for state in State::ALL {
            assert_eq!(State::from_word(state.word()), Some(*state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.word());
        }
        for kind in Kind::ALL {
            assert_eq!(Kind::from_word(kind.word()), Some(*kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.word());
        }
        for reason in Reason::ALL {
            assert_eq!(Reason::from_word(reason.word()), Some(*reason));
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.word());
        }
        for condition in Condition::ALL {
            assert_eq!(Condition::from_word(condition.word()), Some(*condition));
        }
        for to in RefundTo::ALL {
            assert_eq!(RefundTo::from_word(to.word()), Some(*to));
        }
        for kind in ActorKind::ALL {
            assert_eq!(ActorKind::from_word(kind.word()), Some(*kind));
        }
    }
}
