//! Where a change of an order stands, and what moves it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
