//! What happens to an order after the sale: edits, cancelled units, returns, exchanges and refunds,
//! as one kind of thing with one state machine.

use kernel::id::{ChangeId, CustomerId, LineId, OrderId};
use kernel::problem::{Problem, code};
use kernel::{Money, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
    /// Units come back and others go.
    Exchange,
    /// Money goes back, goods do not.
    Refund,
}

/// Where a change stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ChangeState)]
pub enum State {
    /// The customer asked for it.
    Requested,
    /// The shop agreed; the goods may be sent.
    Approved,
    /// The goods came back.
    Received,
    /// It is decided; the money is on its way.
    Settling,
    /// It is done.
    Done,
    /// The shop said no.
    Rejected,
    /// The customer does not want it any more.
    Withdrawn,
    /// The money could not be moved, or not all of it.
    Failed,
}

/// What became known of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// The shop agreed.
    Approved,
    /// The shop said no.
    Rejected,
    /// The customer changed their mind.
    Withdrawn,
    /// The goods came back.
    Received,
    /// It was decided what goes back; money has to move for it.
    Decided,
    /// The money has moved, or none had to.
    Settled,
    /// The money could not be moved.
    Refused,
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
    Exchange = "exchange",
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

impl State {
    /// Where a change stands after `fact`, or None when the fact changes nothing there: it is a
    /// repetition, or came too late. Every pair is decided here and nowhere else.
    pub const fn after(self, fact: Fact) -> Option<Self> {
        match (self, fact) {
            (Self::Requested, Fact::Approved) => Some(Self::Approved),
            // Goods that came back can still turn out not to be what was sold.
            (Self::Requested | Self::Approved | Self::Received, Fact::Rejected) => {
                Some(Self::Rejected)
            }
            (Self::Requested | Self::Approved, Fact::Withdrawn) => Some(Self::Withdrawn),
            (Self::Approved, Fact::Received) => Some(Self::Received),
            (Self::Received, Fact::Decided) => Some(Self::Settling),
            (Self::Settling, Fact::Settled) => Some(Self::Done),
            (Self::Settling, Fact::Refused) => Some(Self::Failed),
            // One step comes after the other, and once.
            (
                Self::Requested,
                Fact::Received | Fact::Decided | Fact::Settled | Fact::Refused,
            )
            | (
                Self::Approved,
                Fact::Approved | Fact::Decided | Fact::Settled | Fact::Refused,
            )
            // The shop has what came back: it cannot be withdrawn.
            | (
                Self::Received,
                Fact::Approved | Fact::Withdrawn | Fact::Received | Fact::Settled | Fact::Refused,
            )
            // What was decided is paid.
            | (
                Self::Settling,
                Fact::Approved
                | Fact::Rejected
                | Fact::Withdrawn
                | Fact::Received
                | Fact::Decided,
            )
            | (
                Self::Done | Self::Rejected | Self::Withdrawn | Self::Failed,
                Fact::Approved
                | Fact::Rejected
                | Fact::Withdrawn
                | Fact::Received
                | Fact::Decided
                | Fact::Settled
                | Fact::Refused,
            ) => None,
        }
    }

    /// Whether nothing happens to it any more.
    pub const fn has_ended(self) -> bool {
        match self {
            Self::Requested | Self::Approved | Self::Received | Self::Settling => false,
            Self::Done | Self::Rejected | Self::Withdrawn | Self::Failed => true,
        }
    }

    /// What can be asked for of a return that stands here, as the words of the API.
    pub fn allowed(self) -> Vec<&'static str> {
        [
            (Fact::Approved, "approve"),
            (Fact::Rejected, "reject"),
            (Fact::Withdrawn, "withdraw"),
            (Fact::Received, "receive"),
            (Fact::Decided, "inspect"),
        ]
        .into_iter()
        .filter(|(fact, _)| self.after(*fact).is_some())
        .map(|(_, word)| word)
        .collect()
    }
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
    /// What is given back for it; of one that failed what was given back all the same.
    pub refund: Money,
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
    use proptest::prelude::*;

    use super::*;

    const FACTS: [Fact; 7] = [
        Fact::Approved,
        Fact::Rejected,
        Fact::Withdrawn,
        Fact::Received,
        Fact::Decided,
        Fact::Settled,
        Fact::Refused,
    ];

    /// How far a change has come, whatever the table says.
    fn rank(state: State) -> u8 {
        match state {
            State::Requested => 0,
            State::Approved => 1,
            State::Received => 2,
            State::Settling => 3,
            State::Done | State::Rejected | State::Withdrawn | State::Failed => 4,
        }
    }

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
        for kind in ActorKind::ALL {
            assert_eq!(ActorKind::from_word(kind.word()), Some(*kind));
        }
    }

    #[test]
    fn a_change_never_moves_back_and_its_end_is_final() {
        for state in State::ALL.iter().copied() {
            for fact in FACTS {
                let after = state.after(fact);
                assert!(after.is_none_or(|after| rank(after) > rank(state)), "{state:?} {fact:?}");
                assert!(
                    after.is_none_or(|after| after.after(fact).is_none()),
                    "a fact counts once"
                );
            }
            let is_final = FACTS.iter().all(|fact| state.after(*fact).is_none());
            assert_eq!(state.has_ended(), is_final, "{state:?}");
        }
    }

    #[test]
    fn money_moves_only_for_what_was_decided() {
        for state in State::ALL.iter().copied() {
            let moves =
                state.after(Fact::Settled).is_some() || state.after(Fact::Refused).is_some();
            assert_eq!(moves, state == State::Settling, "{state:?}");
        }
    }

    proptest! {
        /// The model knows a return by what was done with it, and not by a state.
        #[test]
        fn whatever_comes_in_whatever_order_a_return_is_what_was_done(
            facts in prop::collection::vec(0..FACTS.len(), 0..24),
        ) {
            let mut state = State::Requested;
            let mut done: Vec<Fact> = Vec::new();
            for fact in facts.into_iter().map(|n| FACTS[n]) {
                let was = |one: Fact| done.contains(&one);
                let is_over = was(Fact::Rejected) || was(Fact::Withdrawn) || was(Fact::Settled)
                    || was(Fact::Refused);
                let is_possible = !is_over && !was(fact) && match fact {
                    Fact::Approved => true,
                    Fact::Rejected => !was(Fact::Decided),
                    Fact::Withdrawn => !was(Fact::Received),
                    Fact::Received => was(Fact::Approved),
                    Fact::Decided => was(Fact::Received),
                    Fact::Settled | Fact::Refused => was(Fact::Decided),
                };
                prop_assert_eq!(state.after(fact).is_some(), is_possible, "{:?} {:?}", state, fact);
                if let Some(after) = state.after(fact) {
                    state = after;
                    done.push(fact);
                }
            }
        }
    }
}
