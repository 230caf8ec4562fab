//! Shipments of manual fulfilment.

use kernel::id::{OrderId, ShipmentId};
use platform::sql::{Result, Tx};
use uuid::Uuid;

platform::statements! {
    BOOK = "insert into shipment (order_id, id, state, method, booked_at, updated_at)
            values ($1, $2, 'booked', $3, $4, $4) on conflict (order_id) do nothing";
    FIND = "select id, state, tracking from shipment where order_id = $1";
    /// Leaves a row even when nothing was booked, so that a late booking is refused.
    CANCEL = "insert into shipment (order_id, id, state, method, booked_at, updated_at)
              values ($1, $2, 'cancelled', '', $3, $3)
              on conflict (order_id) do update set state = 'cancelled',
                     updated_at = excluded.updated_at
               where shipment.state = 'booked'";
    MOVE = "update shipment set state = $3, tracking = coalesce($4, tracking), updated_at = $5
             where order_id = $1 and state = $2";
    COUNT = "select count(*) from shipment";
    UNEXPLAINED = "select coalesce(o.number, 'a shipment without an order')
                     from shipment s left join orders o on o.id = s.order_id
                    where o.id is null
                       or (s.state = 'booked'
                           and o.status not in ('PENDING', 'AWAITING_PAYMENT', 'CONFIRMED'))
                       or (s.state = 'shipped' and o.status <> 'SHIPPED')
                       or (s.state = 'delivered' and o.status not in ('DELIVERED', 'RETURNED'))
                    limit 20";
}

/// A shipment's row.
#[derive(Debug, Clone, PartialEq, Eq, platform::sql::Record)]
pub struct Shipment {
    /// The shipment.
    pub id: Uuid,
    /// `booked`, `shipped`, `delivered` or `cancelled`.
    pub state: String,
    /// The carrier's number of the parcel.
    pub tracking: Option<String>,
}

/// Books a shipment for an order, once; returns the one there is.
pub async fn book(tx: &mut Tx, order: OrderId, method: &str) -> Result<Shipment> {
    let now = tx.now();
    tx.query(BOOK)
        .bind(order.uuid())
        .bind(ShipmentId::new().uuid())
        .bind(method)
        .bind(now)
        .execute()
        .await?;
    tx.query(FIND).bind(order.uuid()).one().await
}

/// Calls an order's shipment off, if it has not left.
pub async fn cancel(tx: &mut Tx, order: OrderId) -> Result<()> {
    let now = tx.now();
    tx.query(CANCEL)
        .bind(order.uuid())
        .bind(ShipmentId::new().uuid())
        .bind(now)
        .execute()
        .await
        .map(drop)
}

/// Moves a shipment on. False when it is not in the state `from`.
pub async fn move_on(
    tx: &mut Tx,
    order: OrderId,
    from: &str,
    to: &str,
    tracking: Option<&str>,
) -> Result<bool> {
    let now = tx.now();
    let moved = tx
        .query(MOVE)
        .bind(order.uuid())
        .bind(from)
        .bind(to)
        .bind(tracking)
        .bind(now)
        .execute()
        .await?;
    Ok(moved == 1)
}
