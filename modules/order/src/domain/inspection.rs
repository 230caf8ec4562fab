//! What the goods of a return are like, and what of them is paid back.

use kernel::events::ReturnedLine;
use kernel::id::LineId;
use kernel::ports::StockLine;
use kernel::problem::Problem;

use super::after_sale::{Change, ChangeLine, Condition};
use super::bundle::exploded;
use super::order::Order;
use super::shipment::ShipmentLine;

/// What was found of a line of a return.
#[derive(Debug, Clone)]
pub struct Inspected {
    /// The line of the order.
    pub line_id: LineId,
    /// How many units are paid back.
    pub accepted: i64,
    /// What they are like.
    pub condition: Condition,
    /// Whether they lie in stock again.
    pub restock: bool,
}

/// Keeps what was found of each line of a return, each named once.
pub fn note(change: &mut Change, found: &[Inspected]) -> Result<(), Problem> {
    for (n, one) in found.iter().enumerate() {
        let field = |name: &str| format!("lines[{n}].{name}");
        let line = change.lines.iter_mut().find(|line| line.line_id == one.line_id);
        let Some(line) = line.filter(|line| line.accepted.is_none()) else {
            return Err(Problem::invalid(
                field("line_id"),
                "must be a line of the return, named once",
            ));
        };
        if !(0..=line.quantity).contains(&one.accepted) {
            let message = format!("must be 0 to {}", line.quantity);
            return Err(Problem::invalid(field("accepted"), message));
        }
        if one.restock && one.condition == Condition::Damaged {
            return Err(Problem::invalid(field("restock"), "must not be so of damaged goods"));
        }
        (line.accepted, line.condition) = (Some(one.accepted), Some(one.condition));
        line.restock = Some(one.restock);
    }
    if change.lines.iter().any(|line| line.accepted.is_none()) {
        return Err(Problem::invalid("lines", "must name every line of the return"));
    }
    Ok(())
}

/// The units that are paid back.
pub fn accepted(change: &Change) -> Vec<ShipmentLine> {
    let is_accepted = |line: &ChangeLine| {
        let quantity = line.accepted.filter(|units| *units > 0)?;
        Some(ShipmentLine { line_id: line.line_id, quantity })
    };
    change.lines.iter().filter_map(is_accepted).collect()
}

/// The same as events tell it: by product, of bundles their parts, and whether they lie in stock again.
pub fn came_back(order: &Order, change: &Change) -> Vec<ReturnedLine> {
    let came_back = |restock: bool| {
        let units = |line: &ChangeLine| {
            let ordered = order.lines.iter().find(|ordered| ordered.id == line.line_id)?;
            Some(ordered.units(line.accepted?))
        };
        let such = change.lines.iter().filter(|line| line.restock == Some(restock));
        let all = exploded(such.filter_map(units)).into_iter();
        all.map(move |StockLine { product_id, quantity }| ReturnedLine {
            product_id,
            quantity,
            restock,
        })
    };
    came_back(true).chain(came_back(false)).collect()
}

#[cfg(test)]
mod tests {
    use kernel::id::{ChangeId, OrderId};
    use kernel::{Currency, Money, Timestamp};

    use super::super::after_sale::{ActorKind, Kind};
    use super::super::change_state::State;
    use super::*;

    /// A return of three units of one line and one of another.
    fn a_return() -> (Change, [LineId; 2]) {
        let ids = [LineId::new(), LineId::new()];
        let none = Money::zero(Currency::EUR);
        let line = |line_id, quantity| ChangeLine {
            line_id,
            quantity,
            reason: None,
            accepted: None,
            condition: None,
            restock: None,
            refund: none,
        };
        let change = Change {
            id: ChangeId::new(),
            order_id: OrderId::new(),
            kind: Kind::Return,
            state: State::Received,
            by: ActorKind::Customer,
            actor: None,
            reason: None,
            answer: None,
            refund: none,
            refund_to: None,
            exchange: None,
            lines: vec![line(ids[0], 3), line(ids[1], 1)],
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
        };
        (change, ids)
    }

    fn found(line_id: LineId, accepted: i64, condition: Condition, restock: bool) -> Inspected {
        Inspected { line_id, accepted, condition, restock }
    }

    #[test]
    fn only_accepted_units_are_paid_back() {
        let (mut change, [one, other]) = a_return();
        let all =
            [found(one, 2, Condition::Sellable, true), found(other, 0, Condition::Damaged, false)];
        note(&mut change, &all).unwrap();
        let accepted = accepted(&change);
        let units: Vec<_> = accepted.iter().map(|unit| (unit.line_id, unit.quantity)).collect();
        assert_eq!(units, [(one, 2)]);
    }

    #[test]
    fn every_line_is_named_once_and_by_what_it_can_be() {
        let (change, [one, other]) = a_return();
        let good = |line| found(line, 1, Condition::Sellable, true);
        let wrong = [
            (vec![good(one)], "lines"),
            (vec![good(one), good(one)], "lines[1].line_id"),
            (vec![good(one), good(LineId::new())], "lines[1].line_id"),
            (vec![found(one, 4, Condition::Sellable, true), good(other)], "lines[0].accepted"),
            (vec![found(one, -1, Condition::Sellable, true), good(other)], "lines[0].accepted"),
            (vec![found(one, 1, Condition::Damaged, true), good(other)], "lines[0].restock"),
        ];
        for (found, field) in wrong {
            let refused = note(&mut change.clone(), &found).unwrap_err();
            assert!(refused.detail.starts_with(&format!("{field}:")), "{field}: {refused:?}");
        }
    }
}
