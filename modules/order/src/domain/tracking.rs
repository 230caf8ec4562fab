//! What a carrier tells of a parcel, in whatever order it comes, and what the shop makes of it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::shipment::{Fact, State};

/// What a carrier says that happened to a parcel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// It left the house.
    PickedUp,
    /// It moves.
    InTransit,
    /// The carrier cannot go on.
    Exception,
    /// It arrived.
    Delivered,
    /// It will not arrive.
    Lost,
}

/// Why the staff has to look at a parcel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ShipmentException)]
pub enum Exception {
    /// It goes although it was called off.
    RecallRefused,
    /// The carrier cannot go on with it.
    HeldUp,
    /// The carrier tells what cannot be.
    Contradiction,
}

/// What the shop knows of a parcel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Where it stands.
    pub state: State,
    /// The number of the newest word that was heard; 0 when none was.
    pub seq: i64,
}

/// What a word changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// What has become known by it, in its order.
    pub facts: Vec<Fact>,
    /// Whether no newer word was heard before.
    pub is_newest: bool,
    /// What is wrong with it; then it changes nothing else.
    pub exception: Option<Exception>,
}

impl Word {
    /// Every word.
    pub const ALL: [Self; 5] =
        [Self::PickedUp, Self::InTransit, Self::Exception, Self::Delivered, Self::Lost];

    /// As the carrier spells it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::PickedUp => "picked_up",
            Self::InTransit => "in_transit",
            Self::Exception => "exception",
            Self::Delivered => "delivered",
            Self::Lost => "lost",
        }
    }

    /// The word of this spelling.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.word() == word)
    }

    /// What follows from it: what arrives has left, also when that is told later or never.
    const fn facts(self) -> &'static [Fact] {
        match self {
            Self::PickedUp | Self::InTransit => &[Fact::Left],
            Self::Exception => &[],
            Self::Delivered => &[Fact::Left, Fact::Arrived],
            Self::Lost => &[Fact::Left, Fact::Lost],
        }
    }
}

impl Exception {
    /// The word it is stored and told as.
    pub const fn word(self) -> &'static str {
        match self {
            Self::RecallRefused => "recall_refused",
            Self::HeldUp => "held_up",
            Self::Contradiction => "contradiction",
        }
    }
}

/// What a word with this number changes of what is known. A parcel never moves back: what is told late
/// or again adds nothing.
pub fn heard(known: Known, word: Word, seq: i64) -> Heard {
    let wrong = |exception| Heard { facts: vec![], is_newest: false, exception: Some(exception) };
    match (known.state, word) {
        (State::Cancelled, _) => return wrong(Exception::RecallRefused),
        (State::Delivered, Word::Lost) | (State::Lost, Word::Delivered) => {
            return wrong(Exception::Contradiction);
        }
        _ => {}
    }
    let (mut state, mut facts) = (known.state, Vec::new());
    for fact in word.facts() {
        if let Some(after) = state.after(*fact) {
            state = after;
            facts.push(*fact);
        }
    }
    Heard { facts, is_newest: seq > known.seq, exception: None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Everything that a parcel is after some words.
    #[derive(Debug, Clone, PartialEq)]
    struct Parcel {
        known: Known,
        word: Option<Word>,
        left: u32,
        ended: u32,
        wrong: u32,
    }

    /// Words with their numbers.
    type Words = Vec<(i64, Word)>;

    fn after(words: &[(i64, Word)], begins: State) -> Parcel {
        let known = Known { state: begins, seq: 0 };
        let mut parcel = Parcel { known, word: None, left: 0, ended: 0, wrong: 0 };
        for (seq, word) in words {
            let heard = heard(parcel.known, *word, *seq);
            for fact in heard.facts {
                parcel.known.state = parcel.known.state.after(fact).unwrap();
                parcel.left += u32::from(fact == Fact::Left);
                parcel.ended += u32::from(fact != Fact::Left);
            }
            if heard.is_newest {
                (parcel.known.seq, parcel.word) = (*seq, Some(*word));
            }
            parcel.wrong += u32::from(heard.exception.is_some());
        }
        parcel
    }

    /// What may really happen to a parcel, numbered.
    fn way() -> impl Strategy<Value = Words> {
        let on =
            prop::collection::vec(prop_oneof![Just(Word::InTransit), Just(Word::Exception)], 0..4);
        let ends = prop_oneof![Just(None), Just(Some(Word::Delivered)), Just(Some(Word::Lost))];
        (on, ends).prop_map(|(on, end)| {
            let words = std::iter::once(Word::PickedUp).chain(on).chain(end);
            (1..).zip(words).collect()
        })
    }

    fn shuffled() -> impl Strategy<Value = (Words, Words)> {
        way().prop_flat_map(|way| {
            let more = prop::collection::vec(prop::sample::select(way.clone()), 0..6);
            more.prop_flat_map(move |more| {
                let way = way.clone();
                let all: Vec<_> = way.iter().copied().chain(more).collect();
                Just(all).prop_shuffle().prop_map(move |told| (way.clone(), told))
            })
        })
    }

    proptest! {
        #[test]
        fn whatever_the_order_and_however_often_the_parcel_is_the_same((way, told) in shuffled()) {
            let (in_order, as_told) = (after(&way, State::Booked), after(&told, State::Booked));
            prop_assert_eq!(&in_order, &as_told);
            prop_assert_eq!((as_told.left, as_told.wrong), (1, 0));
            prop_assert!(as_told.ended <= 1);
        }

        #[test]
        fn what_was_called_off_stays_so_and_each_word_is_shown((way, told) in shuffled()) {
            let _ = way;
            let parcel = after(&told, State::Cancelled);
            prop_assert_eq!((parcel.known.state, parcel.left), (State::Cancelled, 0));
            prop_assert_eq!(usize::try_from(parcel.wrong).unwrap(), told.len());
        }
    }

    #[test]
    fn every_state_and_word_is_decided_and_none_leads_back() {
        let rank = |state| match state {
            State::Booked => 0,
            State::Shipped => 1,
            State::Delivered | State::Lost | State::Cancelled => 2,
        };
        for state in State::ALL {
            for word in Word::ALL {
                let parcel = after(&[(1, word)], state);
                assert!(rank(parcel.known.state) >= rank(state), "{state:?} {word:?}");
                let again = after(&[(1, word), (1, word)], state);
                assert_eq!((parcel.known, parcel.left), (again.known, again.left));
                assert_eq!(Word::from_word(word.word()), Some(word));
            }
        }
    }

    #[test]
    fn of_two_ends_the_first_stays_and_the_other_is_shown() {
        for (first, second) in [(Word::Delivered, Word::Lost), (Word::Lost, Word::Delivered)] {
            let one = after(&[(1, first)], State::Booked);
            let both = after(&[(1, first), (2, second)], State::Booked);
            assert_eq!((both.known.state, both.wrong), (one.known.state, 1));
        }
    }
}
