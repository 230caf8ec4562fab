//! Where a parcel of the sandbox stands, and what may become of it.

use kernel::ports::Standing;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::behaviour::{Fault, Faults};

/// Where a parcel stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ConsignmentState)]
pub enum State {
    /// It is expected.
    Booked,
    /// It left the merchant's house.
    PickedUp,
    /// It is on its way.
    InTransit,
    /// The carrier cannot go on.
    Exception,
    /// It arrived.
    Delivered,
    /// It will not arrive.
    Lost,
    /// It was called off.
    Cancelled,
}

/// What becomes of a parcel, as the webhooks tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ConsignmentEvent)]
pub enum Event {
    /// It left the merchant's house.
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

/// Something that happens to a parcel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewConsignmentEvent, example = json!({"event": "picked_up"}))]
pub struct Happens {
    /// What.
    pub event: Event,
    /// What there is to say of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 200)]
    pub detail: Option<String>,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Booked,
        Self::PickedUp,
        Self::InTransit,
        Self::Exception,
        Self::Delivered,
        Self::Lost,
        Self::Cancelled,
    ];

    /// The state after an event, or None when that cannot happen there. Every pair is decided here.
    pub const fn after(self, event: Event) -> Option<Self> {
        match (self, event) {
            (Self::Booked, Event::PickedUp) => Some(Self::PickedUp),
            (Self::PickedUp | Self::InTransit | Self::Exception, Event::InTransit) => {
                Some(Self::InTransit)
            }
            (Self::PickedUp | Self::InTransit, Event::Exception) => Some(Self::Exception),
            (Self::PickedUp | Self::InTransit | Self::Exception, Event::Delivered) => {
                Some(Self::Delivered)
            }
            (Self::PickedUp | Self::InTransit | Self::Exception, Event::Lost) => Some(Self::Lost),
            // It has to be picked up first, ...
            (
                Self::Booked,
                Event::InTransit | Event::Exception | Event::Delivered | Event::Lost,
            )
            // ... once; ...
            | (Self::PickedUp | Self::InTransit | Self::Exception, Event::PickedUp)
            | (Self::Exception, Event::Exception)
            // ... and its end is final.
            | (
                Self::Delivered | Self::Lost | Self::Cancelled,
                Event::PickedUp | Event::InTransit | Event::Exception | Event::Delivered | Event::Lost,
            ) => None,
        }
    }

    /// What the clock lets happen next to a parcel that has been through `seq` events.
    pub fn next(self, faults: &Faults, seq: i64) -> Option<Event> {
        match self {
            Self::Booked => Some(Event::PickedUp),
            Self::PickedUp | Self::Exception => Some(Event::InTransit),
            Self::InTransit if faults.has(Fault::Vanish) => Some(Event::Lost),
            // Held up once, then it goes on.
            Self::InTransit if faults.has(Fault::Held) && seq == 2 => Some(Event::Exception),
            Self::InTransit => Some(Event::Delivered),
            Self::Delivered | Self::Lost | Self::Cancelled => None,
        }
    }

    /// As the port tells it.
    pub const fn standing(self) -> Standing {
        match self {
            Self::Booked => Standing::Booked,
            Self::PickedUp | Self::InTransit | Self::Exception => Standing::UnderWay,
            Self::Delivered => Standing::Delivered,
            Self::Lost => Standing::Lost,
            Self::Cancelled => Standing::CalledOff,
        }
    }

    /// The word it is stored and answered as.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Booked => "booked",
            Self::PickedUp => "picked_up",
            Self::InTransit => "in_transit",
            Self::Exception => "exception",
            Self::Delivered => "delivered",
            Self::Lost => "lost",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state of a stored word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }
}

impl Event {
    /// The word of the webhooks.
    pub const fn word(self) -> &'static str {
        match self {
            Self::PickedUp => "picked_up",
            Self::InTransit => "in_transit",
            Self::Exception => "exception",
            Self::Delivered => "delivered",
            Self::Lost => "lost",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_brings_every_parcel_to_an_end() {
        let faults = |text: &str| Faults::named(text, &[]);
        for (text, end) in
            [("", State::Delivered), ("held", State::Delivered), ("vanish", State::Lost)]
        {
            let (mut state, mut seq) = (State::Booked, 0);
            while let Some(event) = state.next(&faults(&format!("sandbox:{text}")), seq) {
                state = state.after(event).unwrap();
                seq += 1;
                assert!(seq < 10, "{text}");
            }
            assert_eq!(state, end, "{text}");
        }
    }

    #[test]
    fn words_are_their_own_inverse() {
        for state in State::ALL {
            assert_eq!(State::from_word(state.word()), Some(state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.word());
        }
    }
}
