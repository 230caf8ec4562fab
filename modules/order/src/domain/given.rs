//! What an order gave back, as others are told it: how much, and for which units.

use kernel::Money;
use kernel::events::{Refunded, RefundedLine};

use super::after_sale::{Change, ChangeLine, Kind};
use super::change_state::State;
use super::order::Order;

/// The units that the money of a change was given back for. None when it was not given in full, or for no
/// units. Together they are worth what was given at most: less may have been left of the order.
pub fn units_given(order: &Order, change: &Change) -> Vec<RefundedLine> {
    if change.state != State::Done {
        return vec![];
    }
    let mut left = change.refund.minor();
    let of_product = |line: &ChangeLine| {
        let ordered = order.lines.iter().find(|ordered| ordered.id == line.line_id)?;
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
pub fn refunded(order: &Order, changes: &[Change]) -> Option<Refunded> {
    let gave = |change: &&Change| {
        change.state.has_ended() && change.kind != Kind::Edit && change.refund.minor() > 0
    };
    let given: Vec<&Change> = changes.iter().filter(gave).collect();
    let minor = given.iter().map(|change| change.refund.minor()).sum();
    let amount = Money::from_minor(minor, order.totals.total.currency());
    let lines = given.iter().flat_map(|change| units_given(order, change)).collect();
    (minor > 0).then_some(Refunded { amount, lines })
}
