//! Parcels of an order leave, arrive or get lost.
//!
//! Whoever moves a parcel takes the order's row first: of two who pack the same unit, one is refused.

use kernel::events::{
    OrderDelivered, OrderShipped, ParcelLine, ShipmentDelivered, ShipmentLost, ShipmentShipped,
};
use kernel::id::ShipmentId;
use kernel::ports::{Covered, StockLine};
use kernel::problem::{Problem, code};
use platform::fault;
use platform::sql::Tx;
use serde::Serialize;

use crate::domain::bundle::exploded;
use crate::domain::covered::check_covered;
use crate::domain::order::Order;
use crate::domain::shipment::{
    Fact, Fulfilment, Shipment, ShipmentLine, State, fulfilment, is_settled, packed,
};
use crate::domain::status::{Move, Status};
use crate::error::OrderError;
use crate::store::shipment::Count;
use crate::store::{orders, shipment};

/// A parcel that is to leave.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Parcel {
    /// What is in it; everything that is left when it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines: Option<Vec<ShipmentLine>>,
    /// Who carries it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carrier: Option<String>,
    /// The carrier's number of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracking: Option<String>,
}

/// How a parcel ended.
#[derive(Debug, Clone)]
pub enum End {
    /// It arrived.
    Delivered,
    /// It will not arrive.
    Lost {
        /// Why it counts as lost.
        reason: String,
    },
}

impl End {
    const fn fact(&self) -> Fact {
        match self {
            Self::Delivered => Fact::Arrived,
            Self::Lost { .. } => Fact::Lost,
        }
    }
}

/// A parcel leaves, of the units that are covered. The order is shipped when it was the last one.
pub(super) async fn leave(
    tx: &mut Tx,
    order: &mut Order,
    parcel: &Parcel,
    covered: &[Covered],
) -> Result<(), OrderError> {
    let shipped = order.status.after(Move::Ship).ok_or_else(|| OrderError::state(order))?;
    if order.editing.is_some() {
        return Err(OrderError::state(order));
    }
    let lines = packed(&order.lines, parcel.lines.as_deref())?;
    check_covered(&order.lines, &lines, covered)?;
    let is_first = fulfilment(&order.lines) == Fulfilment::None;
    for packed in &lines {
        for line in order.lines.iter_mut().filter(|line| line.id == packed.line_id) {
            line.shipped += packed.quantity;
        }
    }
    let is_last = fulfilment(&order.lines) == Fulfilment::Complete;
    let told = move_on(tx, order, is_last.then_some(shipped), 1).await?;
    let (carrier, tracking) = (parcel.carrier.as_deref(), parcel.tracking.as_deref());
    let booked =
        if is_first { shipment::leave(tx, order.id, carrier, tracking).await? } else { None };
    let id = match booked {
        Some(id) => id,
        // The one that was booked was called off.
        None if is_first && !fault::bug("parcel_is_not_looked_at") => {
            return Err(not_with_its_parcel(Status::Confirmed, "ship"));
        }
        None => shipment::add(tx, order.id, &order.shipping_method, carrier, tracking).await?,
    };
    shipment::pack(tx, id, &lines).await?;
    let left = |line: &ShipmentLine| Count {
        line: line.line_id,
        shipped: line.quantity,
        delivered: 0,
        lost: 0,
    };
    let counts: Vec<Count> = lines.iter().map(left).collect();
    count(tx, order, &counts).await?;
    let event = ShipmentShipped {
        shipment_id: id,
        order_id: order.id,
        customer_id: order.customer_id,
        lines: units(order, &lines),
        carrier: parcel.carrier.clone(),
        tracking: parcel.tracking.clone(),
    };
    tx.emit(&event, told)?;
    if is_last {
        let (order_id, customer_id) = (order.id, order.customer_id);
        let tracking = parcel.tracking.clone();
        tx.emit(&OrderShipped { order_id, customer_id, tracking }, told + 1)?;
    }
    order.shipments.push(Shipment {
        id,
        state: State::Shipped,
        carrier: parcel.carrier.clone(),
        tracking: parcel.tracking.clone(),
        reason: None,
        lines,
    });
    Ok(())
}

/// Every parcel that is on its way arrives, and the order with them.
pub(super) async fn deliver(tx: &mut Tx, order: &mut Order) -> Result<(), OrderError> {
    let from = order.status;
    if from.after(Move::Deliver).is_none() {
        return Err(OrderError::state(order));
    }
    let way = |parcel: &&Shipment| parcel.state.after(Fact::Arrived).is_some();
    let parcels: Vec<Shipment> = order.shipments.iter().filter(way).cloned().collect();
    if !finish(tx, order, &parcels, &End::Delivered).await? || order.status == from {
        return Err(not_with_its_parcel(from, "deliver"));
    }
    Ok(())
}

/// One parcel comes to its end, and the order when it was the last one.
pub(super) async fn end(
    tx: &mut Tx,
    order: &mut Order,
    shipment: ShipmentId,
    end: &End,
) -> Result<(), OrderError> {
    let parcel = order.shipments.iter().find(|parcel| parcel.id == shipment).cloned();
    let parcel = parcel.ok_or(OrderError::NotFound)?;
    let (status, allowed) = (order.status, order.allowed());
    let is_possible = parcel.state.after(end.fact()).is_some();
    if !is_possible || !finish(tx, order, std::slice::from_ref(&parcel), end).await? {
        let detail = format!("The parcel is {}; nothing was changed.", parcel.state.word());
        return Err(Problem::new(code::ORDER_STATE, detail)
            .with("order_status", status)
            .with("shipment_state", parcel.state)
            .with("allowed", allowed)
            .into());
    }
    Ok(())
}

/// Ends parcels. False when one of them is not on its way.
async fn finish(
    tx: &mut Tx,
    order: &mut Order,
    parcels: &[Shipment],
    end: &End,
) -> Result<bool, OrderError> {
    let ids: Vec<ShipmentId> = parcels.iter().map(|parcel| parcel.id).collect();
    if ids.is_empty() {
        return Ok(false);
    }
    let (state, reason) = match end {
        End::Delivered => (State::Delivered, None),
        End::Lost { reason } => (State::Lost, Some(reason.as_str())),
    };
    let mut counts = Vec::new();
    for line in &mut order.lines {
        let inside = parcels.iter().flat_map(|parcel| &parcel.lines);
        let units: i64 =
            inside.filter(|inside| inside.line_id == line.id).map(|inside| inside.quantity).sum();
        if units == 0 {
            continue;
        }
        let (delivered, lost) = if reason.is_none() { (units, 0) } else { (0, units) };
        line.delivered += delivered;
        line.lost += lost;
        counts.push(Count { line: line.id, shipped: 0, delivered, lost });
    }
    let delivered = order.status.after(Move::Deliver).filter(|_| is_settled(&order.lines));
    let mut told = move_on(tx, order, delivered, parcels.len()).await?;
    if !shipment::end(tx, &ids, state, reason).await? {
        return Ok(false);
    }
    count(tx, order, &counts).await?;
    for parcel in parcels {
        tell(tx, order, parcel, end, told)?;
        told += 1;
    }
    if delivered.is_some() {
        let (order_id, customer_id) = (order.id, order.customer_id);
        tx.emit(&OrderDelivered { order_id, customer_id }, told)?;
    }
    for parcel in order.shipments.iter_mut().filter(|parcel| ids.contains(&parcel.id)) {
        (parcel.state, parcel.reason) = (state, reason.map(str::to_owned));
    }
    Ok(true)
}

/// Takes the order's row, with an event for each parcel and one for a new status. The first of these
/// events has the version that this returns.
async fn move_on(
    tx: &mut Tx,
    order: &mut Order,
    to: Option<Status>,
    parcels: usize,
) -> Result<i64, OrderError> {
    let events = i64::try_from(parcels).unwrap_or(i64::MAX) + i64::from(to.is_some());
    let to = to.unwrap_or(order.status);
    if !orders::move_on(tx, order, to, events).await? {
        return Err(OrderError::Stale);
    }
    let told = order.version + 1;
    (order.status, order.version) = (to, order.version + events);
    Ok(told)
}

async fn count(tx: &mut Tx, order: &Order, counts: &[Count]) -> Result<(), OrderError> {
    let is_counted = shipment::count_units(tx, order.id, counts).await?;
    if is_counted { Ok(()) } else { Err(OrderError::Stale) }
}

/// An order moves only with its parcels.
fn not_with_its_parcel(status: Status, what: &str) -> OrderError {
    // What arrived of it is not known here.
    let allowed = status.allowed().into_iter().filter(|word| ![what, "return"].contains(word));
    let detail = "The state of its parcel does not allow this; nothing was changed.";
    Problem::new(code::ORDER_STATE, detail)
        .with("order_status", status)
        .with("allowed", allowed.collect::<Vec<_>>())
        .into()
}

fn tell(
    tx: &mut Tx,
    order: &Order,
    parcel: &Shipment,
    end: &End,
    version: i64,
) -> platform::sql::Result<()> {
    let (shipment_id, order_id, customer_id) = (parcel.id, order.id, order.customer_id);
    let lines = units(order, &parcel.lines);
    match end {
        End::Delivered => {
            let event = ShipmentDelivered { shipment_id, order_id, customer_id, lines };
            tx.emit(&event, version)
        }
        End::Lost { reason } => {
            let reason = reason.clone();
            let event = ShipmentLost { shipment_id, order_id, customer_id, lines, reason };
            tx.emit(&event, version)
        }
    }
}

/// The units of lines as events tell them: by product, and of bundles their parts.
pub(super) fn units(order: &Order, lines: &[ShipmentLine]) -> Vec<ParcelLine> {
    let inside = |inside: &ShipmentLine| {
        let line = order.lines.iter().find(|line| line.id == inside.line_id)?;
        Some(line.units(inside.quantity))
    };
    let parcel = |StockLine { product_id, quantity }| ParcelLine { product_id, quantity };
    exploded(lines.iter().filter_map(inside)).into_iter().map(parcel).collect()
}
