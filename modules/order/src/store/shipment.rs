//! Parcels of orders.

use std::collections::BTreeSet;

use kernel::id::{LineId, OrderId, ShipmentId};
use platform::sql::{Db, Error, Json, Result, Tx};
use serde_json::json;
use uuid::Uuid;

use crate::domain::shipment::{Shipment, ShipmentLine, State};

platform::statements! {
    BOOK = "insert into shipment (id, order_id, n, state, method, booked_at, updated_at)
            values ($2, $1, 1, 'booked', $3, $4, $4) on conflict (order_id, n) do nothing";
    BOOKED = "select id, state, tracking from shipment where order_id = $1 and n = 1";
    /// Leaves a row even when nothing was booked, so that a late booking is refused.
    CANCEL = "insert into shipment (id, order_id, n, state, method, booked_at, updated_at)
              values ($2, $1, 1, 'cancelled', '', $3, $3)
              on conflict (order_id, n) do update set state = 'cancelled',
                     updated_at = excluded.updated_at
               where shipment.state = 'booked'";
    LEAVE = "update shipment set state = 'shipped', carrier = $2,
                    tracking = coalesce($3, tracking), updated_at = $4
              where order_id = $1 and n = 1 and state = 'booked' returning id";
    /// Whoever adds a parcel has the lock of the order's row.
    ADD = "insert into shipment (id, order_id, n, state, method, carrier, tracking, booked_at,
                  updated_at)
           select $2, $1, coalesce(max(n), 0) + 1, 'shipped', $3, $4, $5, $6, $6
             from shipment where order_id = $1";
    PACK =
        "insert into shipment_line (shipment_id, order_line_id, quantity)
         select $1, unhex(value->>'line_id', '-'), value->>'quantity' from json_each($2)",
        "insert into shipment_line (shipment_id, order_line_id, quantity)
         select $1, l.line_id, l.quantity
           from jsonb_to_recordset($2) as l(line_id uuid, quantity bigint)";
    END =
        "update shipment set state = $2, reason = $3, updated_at = $4
          where state = 'shipped' and id in (select unhex(value, '-') from json_each($1))",
        "update shipment set state = $2, reason = $3, updated_at = $4
          where state = 'shipped'
            and id = any(array(select cast(value as uuid) from jsonb_array_elements_text($1)))";
    /// Units that leave or come to their end, within what there is of them.
    COUNT_UNITS =
        "update order_line
            set shipped = order_line.shipped + l.shipped,
                delivered = order_line.delivered + l.delivered, lost = order_line.lost + l.lost
           from (select unhex(value->>'k', '-') as k, value->>'shipped' as shipped,
                        value->>'delivered' as delivered, value->>'lost' as lost
                   from json_each($2)) l
          where order_id = $1 and id = l.k
            and order_line.shipped + l.shipped + order_line.cancelled <= order_line.quantity
            and order_line.delivered + l.delivered + order_line.lost + l.lost
                <= order_line.shipped + l.shipped",
        "update order_line
            set shipped = order_line.shipped + l.shipped,
                delivered = order_line.delivered + l.delivered, lost = order_line.lost + l.lost
           from jsonb_to_recordset($2) as l(k uuid, shipped bigint, delivered bigint, lost bigint)
          where order_id = $1 and id = l.k
            and order_line.shipped + l.shipped + order_line.cancelled <= order_line.quantity
            and order_line.delivered + l.delivered + order_line.lost + l.lost
                <= order_line.shipped + l.shipped";
    ORDER_OF = "select order_id from shipment where id = $1";
    PARCELS =
        "select s.id, s.order_id, s.state, s.carrier, s.tracking, s.reason, l.order_line_id,
                l.quantity
           from shipment s join shipment_line l on l.shipment_id = s.id
          where s.order_id in (select unhex(value, '-') from json_each($1))
          order by s.order_id, s.n, l.order_line_id",
        "select s.id, s.order_id, s.state, s.carrier, s.tracking, s.reason, l.order_line_id,
                l.quantity
           from shipment s join shipment_line l on l.shipment_id = s.id
          where s.order_id = any(array(select cast(value as uuid) from jsonb_array_elements_text($1)))
          order by s.order_id, s.n, l.order_line_id";
    COUNT = "select count(*) from shipment";
    UNEXPLAINED = "select coalesce(o.number, 'a shipment without an order')
                     from shipment s left join orders o on o.id = s.order_id
                    where o.id is null
                       or (s.state = 'booked'
                           and o.status not in ('PENDING', 'AWAITING_PAYMENT', 'CONFIRMED'))
                       or (s.state = 'shipped' and o.status not in ('CONFIRMED', 'SHIPPED'))
                       or (s.state in ('delivered', 'lost')
                           and o.status not in ('CONFIRMED', 'SHIPPED', 'DELIVERED', 'RETURNED'))
                       or (s.state in ('booked', 'cancelled')) = exists (
                              select 1 from shipment_line l where l.shipment_id = s.id)
                    limit 20";
    /// Lines of which the parcels tell something else than the counters.
    MISPACKED = "select o.number from order_line l join orders o on o.id = l.order_id
                   left join (select p.order_line_id, sum(p.quantity) as shipped,
                                     sum(case when s.state = 'delivered' then p.quantity else 0 end)
                                     as delivered,
                                     sum(case when s.state = 'lost' then p.quantity else 0 end)
                                     as lost
                                from shipment_line p join shipment s on s.id = p.shipment_id
                               group by p.order_line_id) p on p.order_line_id = l.id
                  where l.shipped <> coalesce(p.shipped, 0)
                     or l.delivered <> coalesce(p.delivered, 0)
                     or l.lost <> coalesce(p.lost, 0)
                  limit 20";
    /// Orders whose state is not what their units say.
    MISSTATED = "select o.number from orders o
                   join (select order_id, sum(quantity - cancelled) as quantity,
                                sum(shipped) as shipped, sum(delivered + lost) as ended,
                                sum(delivered) as delivered, sum(returned) as returned
                           from order_line group by order_id) l on l.order_id = o.id
                  where (o.status in ('SHIPPED', 'DELIVERED', 'RETURNED'))
                        <> (l.shipped > 0 and l.shipped = l.quantity)
                     or (o.status in ('DELIVERED', 'RETURNED'))
                        <> (l.shipped > 0 and l.ended = l.quantity)
                     or (o.status = 'RETURNED' and (l.returned = 0 or l.returned <> l.delivered))
                     or (o.status not in ('CONFIRMED', 'SHIPPED', 'DELIVERED', 'RETURNED')
                         and l.shipped > 0)
                  limit 20";
}

/// The parcel that is booked with an order.
#[derive(Debug, Clone, PartialEq, Eq, platform::sql::Record)]
pub struct Booked {
    /// The parcel.
    pub id: Uuid,
    /// The word of its state.
    pub state: String,
    /// The carrier's number of it.
    pub tracking: Option<String>,
}

/// How many units more of a line left, arrived and are lost.
pub struct Count {
    /// The line.
    pub line: LineId,
    /// Units that leave.
    pub shipped: i64,
    /// Units that arrive.
    pub delivered: i64,
    /// Units that are lost.
    pub lost: i64,
}

#[derive(platform::sql::Record)]
struct Row {
    id: Uuid,
    order_id: Uuid,
    state: String,
    carrier: Option<String>,
    tracking: Option<String>,
    reason: Option<String>,
    order_line_id: Uuid,
    quantity: i64,
}

/// Books the first parcel of an order, once; returns the one there is.
pub async fn book(tx: &mut Tx, order: OrderId, method: &str) -> Result<Booked> {
    let now = tx.now();
    tx.query(BOOK)
        .bind(order.uuid())
        .bind(ShipmentId::new().uuid())
        .bind(method)
        .bind(now)
        .execute()
        .await?;
    tx.query(BOOKED).bind(order.uuid()).one().await
}

/// Calls an order's booking off, if nothing has left.
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

/// The parcel that was booked with the order leaves; nothing when it is not booked any more.
pub async fn leave(
    tx: &mut Tx,
    order: OrderId,
    carrier: Option<&str>,
    tracking: Option<&str>,
) -> Result<Option<ShipmentId>> {
    let now = tx.now();
    let left: Option<(Uuid,)> = tx
        .query(LEAVE)
        .bind(order.uuid())
        .bind(carrier)
        .bind(tracking)
        .bind(now)
        .optional()
        .await?;
    Ok(left.map(|(id,)| id.into()))
}

/// One more parcel of the order leaves.
pub async fn add(
    tx: &mut Tx,
    order: OrderId,
    method: &str,
    carrier: Option<&str>,
    tracking: Option<&str>,
) -> Result<ShipmentId> {
    let (id, now) = (ShipmentId::new(), tx.now());
    tx.query(ADD)
        .bind(order.uuid())
        .bind(id.uuid())
        .bind(method)
        .bind(carrier)
        .bind(tracking)
        .bind(now)
        .execute()
        .await?;
    Ok(id)
}

/// Writes what is in a parcel.
pub async fn pack(tx: &mut Tx, shipment: ShipmentId, lines: &[ShipmentLine]) -> Result<()> {
    let list: Vec<_> = lines
        .iter()
        .map(|line| json!({"line_id": line.line_id, "quantity": line.quantity}))
        .collect();
    tx.query(PACK).bind(shipment.uuid()).bind(Json(list)).execute().await.map(drop)
}

/// Counts units of lines that left, arrived or are lost. False when there are not so many of one.
pub async fn count_units(tx: &mut Tx, order: OrderId, counts: &[Count]) -> Result<bool> {
    let list: Vec<_> = counts
        .iter()
        .map(|count| {
            json!({
                "k": count.line, "shipped": count.shipped, "delivered": count.delivered,
                "lost": count.lost,
            })
        })
        .collect();
    let counted = tx.query(COUNT_UNITS).bind(order.uuid()).bind(Json(list)).execute().await?;
    Ok(usize::try_from(counted) == Ok(counts.len()))
}

/// Ends parcels that are on their way. False when one of them is not.
pub async fn end(
    tx: &mut Tx,
    shipments: &[ShipmentId],
    state: State,
    reason: Option<&str>,
) -> Result<bool> {
    let now = tx.now();
    let ended = tx
        .query(END)
        .bind(Json(shipments))
        .bind(state.word())
        .bind(reason)
        .bind(now)
        .execute()
        .await?;
    Ok(usize::try_from(ended) == Ok(shipments.len()))
}

/// The order of a parcel, which never changes.
pub async fn order_of(db: &Db, shipment: ShipmentId) -> Result<Option<OrderId>> {
    let row: Option<(Uuid,)> = db.query(ORDER_OF).bind(shipment.uuid()).optional().await?;
    Ok(row.map(|(order,)| order.into()))
}

/// The parcels of these orders that left the house, by order, the first one first.
pub async fn of_orders(db: &Db, orders: &BTreeSet<OrderId>) -> Result<Vec<(OrderId, Shipment)>> {
    shipments(db.query(PARCELS).bind(Json(orders)).all().await?)
}

/// The parcels of an order that left the house, inside a unit of work.
pub async fn of_order(tx: &mut Tx, order: OrderId) -> Result<Vec<(OrderId, Shipment)>> {
    shipments(tx.query(PARCELS).bind(Json([order])).all().await?)
}

fn shipments(rows: Vec<Row>) -> Result<Vec<(OrderId, Shipment)>> {
    let mut all: Vec<(OrderId, Shipment)> = Vec::new();
    for row in rows {
        let id = ShipmentId::from(row.id);
        let line = ShipmentLine { line_id: row.order_line_id.into(), quantity: row.quantity };
        if let Some((_, last)) = all.last_mut()
            && last.id == id
        {
            last.lines.push(line);
            continue;
        }
        let state = State::from_word(&row.state)
            .ok_or_else(|| Error::Inconsistent(format!("shipment {id} is {}", row.state)))?;
        let Row { carrier, tracking, reason, .. } = row;
        let shipment = Shipment { id, state, carrier, tracking, reason, lines: vec![line] };
        all.push((row.order_id.into(), shipment));
    }
    Ok(all)
}
