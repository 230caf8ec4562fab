//! What the sandbox lets go wrong: by its settings for every parcel, or by a word in an address for one, as
//! the sandbox processor's cards do. What is by chance follows from a seed.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What a line of an address begins its words with: `sandbox:repeat,reorder`.
const MAGIC: &str = "sandbox:";
/// How often a webhook is delivered that is repeated.
const COPIES: i64 = 3;
/// How many tries of a webhook fail that is to fail.
const FAILS: i64 = 2;

/// Something that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The booking is refused.
    Refuse,
    /// A command takes effect and its first answer never comes.
    LostAnswer,
    /// It is picked up as soon as it is booked.
    Gone,
    /// By the clock, it is held up once.
    Held,
    /// By the clock, it is lost.
    Vanish,
    /// The first tries to deliver a webhook fail.
    Fail,
    /// Webhooks come late.
    Late,
    /// Webhooks come several times.
    Repeat,
    /// Webhooks come in any order.
    Reorder,
}

const FAULTS: [(Fault, &str); 9] = [
    (Fault::Refuse, "refuse"),
    (Fault::LostAnswer, "lost_answer"),
    (Fault::Gone, "gone"),
    (Fault::Held, "held"),
    (Fault::Vanish, "vanish"),
    (Fault::Fail, "fail"),
    (Fault::Late, "late"),
    (Fault::Repeat, "repeat"),
    (Fault::Reorder, "reorder"),
];

/// What goes wrong with one parcel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Faults(Vec<Fault>);

/// How a webhook is delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// How long it is held back.
    pub after: TimeDelta,
    /// How often it comes.
    pub copies: i64,
    /// How many tries fail.
    pub fails: i64,
}

impl Faults {
    /// Those that a text names, and those of every parcel.
    pub fn named(text: &str, always: &[Fault]) -> Self {
        let words = text.split_whitespace().filter_map(|word| word.strip_prefix(MAGIC));
        let named = words
            .flat_map(|words| words.split(','))
            .filter_map(|word| FAULTS.iter().find(|(_, known)| *known == word));
        Self(always.iter().copied().chain(named.map(|(fault, _)| *fault)).collect())
    }

    /// Whether this goes wrong.
    pub fn has(&self, fault: Fault) -> bool {
        self.0.contains(&fault)
    }

    /// How the webhook is delivered that tells of an event. `late` is how long one is held back that
    /// comes late, and the longest for one out of its order.
    pub fn delivery(&self, seed: u64, tracking: &str, seq: i64, late: TimeDelta) -> Delivery {
        let mut after = if self.has(Fault::Late) { late } else { TimeDelta::zero() };
        if self.has(Fault::Reorder) {
            let most = u64::try_from(late.num_milliseconds()).unwrap_or_default();
            let drawn = draw(seed, tracking, seq) % (most + 1);
            after += TimeDelta::milliseconds(i64::try_from(drawn).unwrap_or_default());
        }
        Delivery {
            after,
            copies: if self.has(Fault::Repeat) { COPIES } else { 1 },
            fails: if self.has(Fault::Fail) { FAILS } else { 0 },
        }
    }
}

/// A number that follows from the seed and the event, and from nothing else.
fn draw(seed: u64, tracking: &str, seq: i64) -> u64 {
    let digest = Sha256::digest(format!("{seed}/{tracking}/{seq}"));
    digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_what_goes_wrong() {
        let faults = Faults::named("c/o sandbox:repeat,reorder,nonsense 2nd floor", &[Fault::Late]);
        assert_eq!(faults, Faults(vec![Fault::Late, Fault::Repeat, Fault::Reorder]));
        for text in ["", "12 Repeat Street", "sandbox: repeat", "sandbox:"] {
            assert_eq!(Faults::named(text, &[]), Faults::default(), "{text}");
        }
        for (fault, word) in FAULTS {
            assert_eq!(serde_json::to_value(fault).unwrap(), word);
        }
    }

    #[test]
    fn the_same_seed_lets_the_same_go_wrong() {
        let late = TimeDelta::seconds(1);
        let faults = Faults::named("sandbox:reorder,repeat,fail", &[]);
        let plan =
            |seed| (1..20).map(|seq| faults.delivery(seed, "A", seq, late)).collect::<Vec<_>>();
        assert_eq!(plan(1), plan(1));
        assert_ne!(plan(1), plan(2));
        assert!(plan(1).iter().all(|it| it.after <= late && it.copies == 3 && it.fails == 2));
        assert!(plan(1).windows(2).any(|two| two[0].after > two[1].after), "some change places");
        let plain = Delivery { after: TimeDelta::zero(), copies: 1, fails: 0 };
        assert_eq!(Faults::default().delivery(1, "A", 1, late), plain);
    }
}
