//! Parcels of an order: what can leave, what becomes of it, and what that makes of the order.

use kernel::Problem;
use kernel::id::{LineId, ShipmentId};
use kernel::problem::code;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::order::Line;
use super::status::Status;

/// Where a parcel stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ShipmentState)]
pub enum State {
    /// The carrier expects it.
    Booked,
    /// It left the house.
    Shipped,
    /// It arrived.
    Delivered,
    /// It will not arrive.
    Lost,
    /// It was called off before it left.
    Cancelled,
}

/// What became known of a parcel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// It left the house.
    Left,
    /// It arrived.
    Arrived,
    /// It went missing.
    Lost,
    /// It was called off.
    CalledOff,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 5] =
        [Self::Booked, Self::Shipped, Self::Delivered, Self::Lost, Self::Cancelled];

    /// Where a parcel stands after `fact`, or None when the fact changes nothing there: it is a
    /// repetition, or came too late. Every pair is decided here and nowhere else.
    pub const fn after(self, fact: Fact) -> Option<Self> {
        match (self, fact) {
            (Self::Booked, Fact::Left) => Some(Self::Shipped),
            (Self::Booked, Fact::CalledOff) => Some(Self::Cancelled),
            (Self::Shipped, Fact::Arrived) => Some(Self::Delivered),
            (Self::Shipped, Fact::Lost) => Some(Self::Lost),
            // It never left, so it can neither arrive nor get lost.
            (Self::Booked, Fact::Arrived | Fact::Lost)
            // What left is not called off, and does not leave again.
            | (Self::Shipped, Fact::Left | Fact::CalledOff)
            // The end of a parcel is final.
            | (
                Self::Delivered | Self::Lost | Self::Cancelled,
                Fact::Left | Fact::Arrived | Fact::Lost | Fact::CalledOff,
            ) => None,
        }
    }

    /// The word it is stored and answered as.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Booked => "booked",
            Self::Shipped => "shipped",
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

/// Units of one line of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ShipmentLine {
    /// The line of the order.
    pub line_id: LineId,
    /// How many of its units.
    #[schema(minimum = 1, maximum = 10000)]
    pub quantity: i64,
}

/// A parcel that left the house.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Shipment {
    /// The parcel.
    pub id: ShipmentId,
    /// Where it stands.
    pub state: State,
    /// Who carries it, when that was said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carrier: Option<String>,
    /// The carrier's number of it, when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracking: Option<String>,
    /// Why it counts as lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What is in it.
    pub lines: Vec<ShipmentLine>,
}

/// How much of an order has left the house.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fulfilment {
    /// Nothing.
    None,
    /// Some units.
    Partial,
    /// Every unit that was not called off.
    Complete,
}

/// How much of these lines has left the house.
pub fn fulfilment(lines: &[Line]) -> Fulfilment {
    if lines.iter().all(|line| line.shipped == 0) {
        Fulfilment::None
    } else if lines.iter().all(|line| line.left() == 0) {
        Fulfilment::Complete
    } else {
        Fulfilment::Partial
    }
}

/// Whether every unit that left is known to have arrived or to be lost.
pub fn is_settled(lines: &[Line]) -> bool {
    lines.iter().all(|line| line.delivered + line.lost == line.shipped)
}

/// Where an order stands whose checkout has ended well, by what became of its units.
pub fn stands(lines: &[Line]) -> Status {
    let sum = |units: fn(&Line) -> i64| lines.iter().map(units).sum::<i64>();
    let (returned, delivered) = (sum(|line| line.returned), sum(|line| line.delivered));
    match fulfilment(lines) {
        Fulfilment::None | Fulfilment::Partial => Status::Confirmed,
        Fulfilment::Complete if !is_settled(lines) => Status::Shipped,
        Fulfilment::Complete if returned > 0 && returned == delivered => Status::Returned,
        Fulfilment::Complete => Status::Delivered,
    }
}

/// The units of a request that can be taken from these lines, or the field that is wrong: lines of the
/// order, named once, and of each at most what `left` says, for which `what` is the word.
pub fn taken(
    lines: &[Line],
    asked: &[ShipmentLine],
    left: impl Fn(&Line) -> i64,
    what: &str,
) -> Result<(), Problem> {
    for (n, ask) in asked.iter().enumerate() {
        let known = lines.iter().find(|line| line.id == ask.line_id);
        let is_twice = asked[..n].iter().any(|before| before.line_id == ask.line_id);
        let field = |name: &str| format!("lines[{n}].{name}");
        let Some(line) = known.filter(|_| !is_twice) else {
            let message = "must be a line of the order, named once";
            return Err(Problem::invalid(field("line_id"), message));
        };
        if ask.quantity < 1 {
            return Err(Problem::invalid(field("quantity"), "must be at least 1"));
        }
        if ask.quantity > left(line) {
            let detail = format!("Of {} only {} {what}.", line.sku, left(line));
            return Err(Problem::new(code::ORDER_STATE, detail)
                .with("line_id", line.id)
                .with("left", left(line)));
        }
    }
    Ok(())
}

/// What is in the next parcel of an order: what was asked for, or everything that is left.
pub fn packed(
    lines: &[Line],
    asked: Option<&[ShipmentLine]>,
) -> Result<Vec<ShipmentLine>, Problem> {
    let Some(asked) = asked else {
        let rest = lines.iter().filter(|line| line.left() > 0);
        return Ok(rest
            .map(|line| ShipmentLine { line_id: line.id, quantity: line.left() })
            .collect());
    };
    taken(lines, asked, Line::left, "have not left yet")?;
    if asked.is_empty() {
        return Err(Problem::invalid(
            "lines",
            "must not be empty; leave it out for all that is left",
        ));
    }
    Ok(asked.to_vec())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FACTS: [Fact; 4] = [Fact::Left, Fact::Arrived, Fact::Lost, Fact::CalledOff];

    fn line(quantity: i64, shipped: i64) -> Line {
        Line { shipped, ..Line::lamps(quantity, 100) }
    }

    #[test]
    fn a_parcel_never_moves_back() {
        let rank = |state| match state {
            State::Booked => 0,
            State::Shipped => 1,
            State::Delivered | State::Lost | State::Cancelled => 2,
        };
        for state in State::ALL {
            for fact in FACTS {
                if let Some(after) = state.after(fact) {
                    assert!(rank(after) > rank(state), "{state:?} {fact:?}");
                    assert_eq!(after.after(fact), None, "a fact counts once");
                }
            }
            assert_eq!(State::from_word(state.word()), Some(state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.word());
        }
    }

    #[test]
    fn fulfilment_is_what_the_lines_say() {
        let of = |lines: &[(i64, i64)]| {
            let lines: Vec<Line> = lines.iter().map(|(all, left)| line(*all, *left)).collect();
            fulfilment(&lines)
        };
        assert_eq!(of(&[(2, 0), (1, 0)]), Fulfilment::None);
        assert_eq!(of(&[(2, 0), (1, 1)]), Fulfilment::Partial);
        assert_eq!(of(&[(2, 1), (1, 1)]), Fulfilment::Partial);
        assert_eq!(of(&[(2, 2), (1, 1)]), Fulfilment::Complete);
    }

    #[test]
    fn a_parcel_has_only_what_is_left() {
        let lines = [line(3, 1), line(1, 1)];
        let ask = |n: usize, quantity| ShipmentLine { line_id: lines[n].id, quantity };
        assert_eq!(packed(&lines, None).unwrap(), [ask(0, 2)]);
        assert_eq!(packed(&lines, Some(&[ask(0, 2)])).unwrap(), [ask(0, 2)]);
        let refused = |asked: &[ShipmentLine]| packed(&lines, Some(asked)).unwrap_err();
        assert_eq!(refused(&[ask(0, 3)]).code, code::ORDER_STATE.word);
        assert_eq!(refused(&[ask(1, 1)]).extra["left"], 0);
        let stranger = ShipmentLine { line_id: LineId::new(), quantity: 1 };
        for asked in [&[][..], &[ask(0, 0)], &[ask(0, 1), ask(0, 1)], &[stranger]] {
            assert_eq!(refused(asked).code, code::INVALID_VALUE.word, "{asked:?}");
        }
    }

    proptest! {
        #[test]
        fn however_an_order_is_split_no_unit_leaves_twice(
            quantities in prop::collection::vec(1..6_i64, 1..4),
            asked in prop::collection::vec((0..4_usize, 1..6_i64), 0..12),
        ) {
            let mut lines: Vec<Line> = quantities.iter().map(|all| line(*all, 0)).collect();
            for (n, quantity) in asked {
                let Some(line) = lines.get(n) else { continue };
                let ask = ShipmentLine { line_id: line.id, quantity };
                let fits = quantity <= line.quantity - line.shipped;
                let packed = packed(&lines, Some(&[ask]));
                prop_assert_eq!(packed.is_ok(), fits);
                if fits {
                    lines[n].shipped += quantity;
                }
            }
            for rest in packed(&lines, None).unwrap() {
                lines.iter_mut().find(|line| line.id == rest.line_id).unwrap().shipped += rest.quantity;
            }
            prop_assert_eq!(fulfilment(&lines), Fulfilment::Complete);
            prop_assert!(packed(&lines, None).unwrap().is_empty());
        }
    }
}
