//! Units of an order that have not left are called off; the rest of it goes on.

use kernel::events::{OrderDelivered, OrderLinesCancelled, OrderReturned, OrderShipped};
use kernel::problem::Problem;
use platform::audit::Actor;
use platform::sql::Tx;

use super::refund::{lines, new_change};
use super::ship::units;
use crate::Orders;
use crate::domain::after_sale::{Change, Kind};
use crate::domain::order::{Line, Order};
use crate::domain::share::owed;
use crate::domain::shipment::{Fulfilment, ShipmentLine, fulfilment, stands, taken};
use crate::domain::status::Status;
use crate::error::OrderError;
use crate::store::change::{self, Gone};
use crate::store::{balance, orders};

impl Orders {
    /// Calls units off and gives back what they cost. Whoever packs them at the same time moves the same
    /// row: of the two one looks again. Nothing when that leaves nothing of an order of which nothing
    /// has left: then the order itself is to be called off.
    pub(super) async fn cancel_lines(
        &self,
        tx: &mut Tx,
        order: &mut Order,
        asked: &[ShipmentLine],
        reason: &str,
        staff: &Actor,
    ) -> Result<Option<Change>, OrderError> {
        if order.status != Status::Confirmed || order.editing.is_some() {
            return Err(OrderError::state(order));
        }
        if asked.is_empty() {
            return Err(Problem::invalid("lines", "must not be empty").into());
        }
        taken(&order.lines, asked, Line::left, "have not left yet")?;
        let left: i64 = order.lines.iter().map(Line::left).sum();
        let is_all = asked.iter().map(|unit| unit.quantity).sum::<i64>() == left;
        if is_all && fulfilment(&order.lines) == Fulfilment::None {
            return Ok(None);
        }
        change::lock_order(tx, order.id).await?;
        let owed = owed(order, asked);
        let amount = owed.total(balance::left(tx, order).await?);
        let lines = lines(order, asked, &owed);
        let change = new_change(tx, order, Kind::CancelPart, amount, lines, (staff, reason));
        let seen = order.clone();
        for unit in asked {
            for line in order.lines.iter_mut().filter(|line| line.id == unit.line_id) {
                line.cancelled += unit.quantity;
            }
        }
        let told = move_on(tx, &seen, order, 1).await?;
        let gone = |unit: &ShipmentLine| {
            (unit.line_id, Gone { cancelled: unit.quantity, ..Gone::default() })
        };
        let counts: Vec<_> = asked.iter().map(gone).collect();
        if !change::count(tx, order.id, &counts).await? {
            return Err(OrderError::Stale);
        }
        let event = OrderLinesCancelled {
            order_id: order.id,
            change_id: change.id,
            customer_id: order.customer_id,
            lines: units(order, asked),
            refund: change.refund,
            reason: reason.to_owned(),
        };
        tx.emit(&event, told)?;
        tell(tx, seen.status, order, told + 1)?;
        self.settle(tx, order, &change, None).await?;
        Ok(Some(change))
    }
}

/// Moves an order to where its units say it stands, with so many events and one for each state that it
/// passes. The first of these events has the version that this returns.
pub(super) async fn move_on(
    tx: &mut Tx,
    seen: &Order,
    order: &mut Order,
    events: i64,
) -> Result<i64, OrderError> {
    let to = stands(&order.lines);
    let states = i64::try_from(passed(seen.status, to).count()).unwrap_or(0);
    let events = events + states;
    if !orders::move_on(tx, seen, to, events).await? {
        return Err(OrderError::Stale);
    }
    let first = order.version + 1;
    (order.status, order.version) = (to, order.version + events);
    Ok(first)
}

/// The states that an order comes through on its way, the last one included.
fn passed(from: Status, to: Status) -> impl Iterator<Item = Status> {
    const WAY: [Status; 4] =
        [Status::Confirmed, Status::Shipped, Status::Delivered, Status::Returned];
    let place = |status: Status| WAY.iter().position(|one| *one == status).unwrap_or_default();
    let (from, to) = (place(from), place(to));
    WAY.into_iter().enumerate().filter(move |(n, _)| *n > from && *n <= to).map(|(_, one)| one)
}

/// Tells the states that an order came through, from this version on.
pub(super) fn tell(
    tx: &mut Tx,
    from: Status,
    order: &Order,
    mut version: i64,
) -> platform::sql::Result<()> {
    let (order_id, customer_id) = (order.id, order.customer_id);
    for status in passed(from, order.status) {
        match status {
            Status::Shipped => {
                let tracking = order.shipments.last().and_then(|parcel| parcel.tracking.clone());
                tx.emit(&OrderShipped { order_id, customer_id, tracking }, version)?;
            }
            Status::Delivered => tx.emit(&OrderDelivered { order_id, customer_id }, version)?,
            Status::Returned => tx.emit(&OrderReturned { order_id, customer_id }, version)?,
            Status::Pending
            | Status::AwaitingPayment
            | Status::Confirmed
            | Status::Failed
            | Status::Cancelled => {}
        }
        version += 1;
    }
    Ok(())
}
