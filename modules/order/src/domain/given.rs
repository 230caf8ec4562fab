//! What an order gave back, as others are told it: how much, and for which units.

use kernel::Money;
use kernel::events::{Refunded, RefundedLine};

use super::after_sale::{Change, ChangeLine, Kind};
use super::change_state::State;
use super::order::Line;

/// The units of an order's lines that the money of a change was given back for. None when it was not given in full, or for no
/// units. Together they are worth what was given at most: less may have been left of the order.
pub fn units_given(lines: &[Line], change: &Change) -> Vec<RefundedLine> {
    if change.state != State::Done {
        return vec![];
    }
    let mut left = change.refund.minor();
    let of_product = |line: &ChangeLine| {
        let ordered = lines.iter().find(|ordered| ordered.id == line.line_id)?;
        let quantity = Some(line.accepted.unwrap_or(line.quantity)).filter(|units| *units > 0)?;
        let minor = line.refund.minor().min(left);
        left -= minor;
        let amount = Money::from_minor(minor, change.refund.currency());
        Some(RefundedLine { product_id: ordered.product_id, quantity, amount })
    };
    change.lines.iter().filter_map(of_product).collect()
}

/// What the changes of an order gave back that were told so far. What an edit made it cost less is not in
/// it: that was not sold any more.
pub fn refunded(lines: &[Line], changes: &[Change]) -> Option<Refunded> {
    let gave = |change: &&Change| {
        change.state.has_ended() && change.kind != Kind::Edit && change.refund.minor() > 0
    };
    let given: Vec<&Change> = changes.iter().filter(gave).collect();
    let currency = given.first()?.refund.currency();
    let minor = given.iter().map(|change| change.refund.minor()).sum();
    let lines = given.iter().flat_map(|change| units_given(lines, change)).collect();
    Some(Refunded { amount: Money::from_minor(minor, currency), lines })
}

#[cfg(test)]
pub(super) mod tests {
    use kernel::id::{ChangeId, OrderId};
    use kernel::{Currency, Timestamp};

    use super::super::after_sale::ActorKind;
    use super::*;

    fn euros(minor: i64) -> Money {
        Money::from_minor(minor, Currency::EUR)
    }

    fn line() -> Line {
        Line::lamps(3, 400)
    }

    /// A change that gave money back: two units of the first line, one of the second.
    pub fn change(kind: Kind, state: State, refund: i64, lines: &[Line]) -> Change {
        let part = |(line, (quantity, minor)): (&Line, (i64, i64))| ChangeLine {
            line_id: line.id,
            quantity,
            reason: None,
            accepted: None,
            condition: None,
            restock: None,
            refund: euros(minor),
        };
        Change {
            id: ChangeId::new(),
            order_id: OrderId::new(),
            kind,
            state,
            by: ActorKind::Staff,
            actor: None,
            reason: None,
            answer: None,
            refund: euros(refund),
            refund_to: None,
            exchange: None,
            lines: lines.iter().zip([(2, 800), (1, 400)]).map(part).collect(),
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn units_are_told_with_no_more_than_was_given() {
        let lines = [line(), line()];
        let told = |state, refund| -> Vec<(i64, i64)> {
            let change = change(Kind::CancelPart, state, refund, &lines);
            let units = units_given(&lines, &change);
            units.iter().map(|line| (line.quantity, line.amount.minor())).collect()
        };
        assert_eq!(told(State::Done, 1_200), [(2, 800), (1, 400)]);
        // The shipping is of no line, and less may have been left of the order.
        assert_eq!(told(State::Done, 1_700), [(2, 800), (1, 400)]);
        assert_eq!(told(State::Done, 900), [(2, 800), (1, 100)]);
        assert_eq!(told(State::Done, 500), [(2, 500), (1, 0)]);
        assert_eq!(told(State::Failed, 500), []);
    }

    #[test]
    fn what_was_given_is_all_that_has_ended_but_edits() {
        let lines = [line(), line()];
        let of = |kind, state, refund| change(kind, state, refund, &lines);
        assert_eq!(refunded(&lines, &[of(Kind::Refund, State::Settling, 500)]), None);
        assert_eq!(refunded(&lines, &[of(Kind::Edit, State::Done, 500)]), None);
        let changes = [
            of(Kind::CancelPart, State::Done, 1_200),
            of(Kind::Refund, State::Failed, 50),
            of(Kind::Refund, State::Settling, 500),
            of(Kind::Edit, State::Done, 70),
        ];
        let given = refunded(&lines, &changes).unwrap();
        assert_eq!(given.amount, euros(1_250));
        assert_eq!(given.lines, units_given(&lines, &changes[0]));
    }
}
