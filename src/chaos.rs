//! Orders of chaos: which faults, when and where. They are signed, and one is obeyed once.
//!
//! An order is a signed note (C2SP's signed-note, as the checkpoints of the log are) whose text begins with a line of its
//! own, so that nothing else that was ever signed is one.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{SecondsFormat, TimeDelta};
use kernel::id::EventId;
use kernel::{Clock, Timestamp};
use platform::chaos::{self, Experiment, Fault, Underway};
use uuid::Uuid;
use verifier::Key;

/// The longest time that faults are let happen.
pub const LENGTH_MAX: TimeDelta = TimeDelta::hours(1);
/// The first line of each order.
const KIND: &str = "stoa chaos/v1";
/// Every node.
const ALL: &str = "all";

/// Which faults, when and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// What it is known by; it is obeyed once.
    pub id: Uuid,
    /// The node that it is for; none is all of them.
    pub node: Option<String>,
    /// When it was signed.
    pub signed: Timestamp,
    /// When the faults begin.
    pub from: Timestamp,
    /// When they end.
    pub until: Timestamp,
    /// What chance follows from.
    pub seed: u64,
    /// What goes wrong, each kind once.
    pub faults: Vec<Fault>,
}

/// Why an order is not obeyed.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Nobody may give one.
    #[error("chaos.public_key is empty: nobody may order faults here")]
    Nobody,
    /// Nobody who may give one has signed it.
    #[error("it is not signed by the key of chaos.public_key")]
    Unsigned,
    /// It cannot be read.
    #[error("it is no order of chaos: {0}")]
    Unreadable(String),
    /// It is for somebody else.
    #[error("it is for {0}, and this is {1}")]
    Elsewhere(String, String),
    /// It would last too long, or not at all.
    #[error("it must end after it begins, and within an hour of that")]
    TooLong,
    /// It has ended.
    #[error("it ended at {0}")]
    Over(Timestamp),
    /// Whether it was obeyed before is not known.
    #[error(
        "it was signed before this node started, which may have obeyed it then: sign a new one"
    )]
    BeforeStart,
    /// It was obeyed before.
    #[error("it was obeyed before: sign a new one")]
    Used,
    /// Another one is obeyed.
    #[error("{0}: stop it first")]
    Underway(#[from] Underway),
}

impl Order {
    /// A new order, as of now.
    pub fn new(
        node: Option<String>,
        from: Option<Timestamp>,
        length: TimeDelta,
        seed: u64,
        faults: Vec<Fault>,
    ) -> Result<Self, Refusal> {
        let signed = Clock::system().now();
        let from = from.unwrap_or(signed);
        let until = from.checked_add_signed(length).ok_or(Refusal::TooLong)?;
        let id = EventId::new().uuid();
        let order = Self { id, node, signed, from, until, seed, faults };
        order.refuse_senseless()?;
        Ok(order)
    }

    fn refuse_senseless(&self) -> Result<(), Refusal> {
        let length = self.until - self.from;
        if length <= TimeDelta::zero() || length > LENGTH_MAX {
            return Err(Refusal::TooLong);
        }
        let kinds: BTreeSet<_> = self.faults.iter().map(|fault| fault.kind).collect();
        if kinds.len() != self.faults.len() || kinds.is_empty() {
            let why = "it names a fault at least, and each kind once";
            return Err(Refusal::Unreadable(why.to_owned()));
        }
        Ok(())
    }

    fn read(text: &str) -> Result<Self, Refusal> {
        let wrong = |why: &dyn fmt::Display| Refusal::Unreadable(why.to_string());
        let mut lines = text.lines();
        if lines.next() != Some(KIND) {
            return Err(wrong(&format!("it does not begin with {KIND:?}")));
        }
        let mut word = |name: &str| {
            let line = lines.next().and_then(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.ok_or_else(|| wrong(&format!("it does not say {name:?}")))
        };
        let id = word("id")?.parse().map_err(|error| wrong(&error))?;
        let node = word("node")?;
        let mut time = |name| word(name)?.parse().map_err(|error| wrong(&error));
        let (signed, from, until) = (time("signed")?, time("from")?, time("until")?);
        let seed = word("seed")?.parse().map_err(|error| wrong(&error))?;
        let faults = lines.map(|line| line.parse().map_err(|error| wrong(&error)));
        let faults = faults.collect::<Result<Vec<Fault>, _>>()?;
        let node = (node != ALL).then(|| node.to_owned());
        let order = Self { id, node, signed, from, until, seed, faults };
        order.refuse_senseless()?;
        Ok(order)
    }
}

/// The text that is signed.
impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, node, signed, from, until, seed, faults } = self;
        let node = node.as_deref().unwrap_or(ALL);
        writeln!(f, "{KIND}\nid {id}\nnode {node}")?;
        for (name, time) in [("signed", signed), ("from", from), ("until", until)] {
            writeln!(f, "{name} {}", time.to_rfc3339_opts(SecondsFormat::Micros, true))?;
        }
        writeln!(f, "seed {seed}")?;
        faults.iter().try_for_each(|fault| writeln!(f, "{fault}"))
    }
}

/// Obeys orders of one key.
pub struct Switch {
    key: Option<Key>,
    node: String,
    /// The clock that no fault moves.
    clock: Clock,
    since: Timestamp,
    used: Mutex<BTreeSet<Uuid>>,
}

impl Switch {
    /// A switch that obeys the key that the settings name, on a node that starts now.
    pub fn new(public_key: &str, node: &str) -> Result<Self, verifier::Fault> {
        let key = if public_key.is_empty() { None } else { Some(Key::read(public_key)?) };
        let clock = Clock::system();
        let since = clock.now();
        Ok(Self { key, node: node.to_owned(), clock, since, used: Mutex::default() })
    }

    /// The node that it is the switch of.
    pub fn node(&self) -> &str {
        &self.node
    }

    /// An order that may be obeyed here and now.
    pub fn read(&self, note: &[u8]) -> Result<Order, Refusal> {
        let key = self.key.as_ref().ok_or(Refusal::Nobody)?;
        let text = key.signed(note, "order").map_err(|_| Refusal::Unsigned)?;
        let order = Order::read(text)?;
        if let Some(node) = order.node.as_ref().filter(|node| **node != self.node) {
            return Err(Refusal::Elsewhere(node.clone(), self.node.clone()));
        }
        if order.until <= self.clock.now() {
            return Err(Refusal::Over(order.until));
        }
        if order.signed < self.since {
            return Err(Refusal::BeforeStart);
        }
        if self.used().contains(&order.id) {
            return Err(Refusal::Used);
        }
        Ok(order)
    }

    /// Obeys an order, once.
    pub fn obey(&self, order: &Order) -> Result<Arc<Experiment>, Refusal> {
        let mut used = self.used();
        if used.contains(&order.id) {
            return Err(Refusal::Used);
        }
        let now = self.clock.now();
        let from = order.from.max(now);
        let wait = (from - now).to_std().unwrap_or_default();
        let length = (order.until - from).to_std().map_err(|_| Refusal::Over(order.until))?;
        let experiment = Experiment::new(order.id, &order.faults, order.seed, wait, length);
        let experiment = chaos::begin(experiment)?;
        used.insert(order.id);
        Ok(experiment)
    }

    fn used(&self) -> std::sync::MutexGuard<'_, BTreeSet<Uuid>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order() -> Order {
        let faults = ["errors=5", "clock=-90s"].map(|fault| fault.parse().unwrap()).to_vec();
        Order::new(None, None, TimeDelta::minutes(10), 7, faults).unwrap()
    }

    #[test]
    fn an_order_is_read_as_it_is_written() {
        for node in [None, Some("node-1".to_owned())] {
            let order = Order { node, ..order() };
            assert_eq!(Order::read(&order.to_string()).unwrap(), order);
        }
    }

    #[test]
    fn an_order_that_makes_no_sense_is_refused() {
        let text = order().to_string();
        let wrong = [
            text.replace("chaos/v1", "chaos/v2"),
            text.replace("seed 7", "seed x"),
            text.replace("errors=5", "errors=5000"),
            text.replace("errors=5", "clock=+1s"),
            text.replace("node all\n", ""),
            format!("{text}\n"),
            text.replace("errors=5\n", "").replace("clock=-90000ms\n", ""),
        ];
        for wrong in wrong {
            assert!(Order::read(&wrong).is_err(), "{wrong}");
        }
        let backwards = Order { until: order().from, ..order() };
        assert!(matches!(Order::read(&backwards.to_string()), Err(Refusal::TooLong)));
    }
}
