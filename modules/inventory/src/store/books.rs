//! The invariants of the books, as statements that find the rows that break them.

use platform::sql::{Result, Sql, Tx};
use uuid::Uuid;

platform::statements! {
    STOCK_ROWS = "select count(*) from stock";
    LINE_ROWS = "select count(*) from reservation_line";
    OVER_LIMIT = "select id, reserved, on_hand from stock
                   where on_hand < 0 or reserved < 0 or reserved > on_hand + backorder_max
                   limit 20";
    JOURNAL_OFF = "select s.id, s.on_hand, coalesce(m.on_hand, 0) from stock s
                     left join (select stock_id, cast(sum(delta_on_hand) as bigint) as on_hand,
                                       cast(sum(delta_reserved) as bigint) as reserved,
                                       count(*) as changes
                                  from movement group by stock_id) m on m.stock_id = s.id
                    where s.on_hand <> coalesce(m.on_hand, 0)
                       or s.reserved <> coalesce(m.reserved, 0)
                       or s.version <> coalesce(m.changes, 0) limit 20";
    HELD_OFF = "select s.id, s.reserved, coalesce(h.quantity, 0) from stock s
                  left join (select l.stock_id, cast(sum(l.quantity - l.shipped - l.released) as bigint)
                                   as quantity
                               from reservation_line l
                               join reservation r on r.order_id = l.order_id
                              where r.state in ('held', 'committed')
                              group by l.stock_id) h on h.stock_id = s.id
                 where s.reserved <> coalesce(h.quantity, 0) limit 20";
    /// What lies there and what orders wait for are all that is promised.
    OWED_OFF = "select s.id, s.reserved - s.on_hand, coalesce(l.backordered, 0) from stock s
                  left join (select stock_id, cast(sum(backordered) as bigint) as backordered
                               from reservation_line where backordered > 0
                              group by stock_id) l on l.stock_id = s.id
                 where coalesce(l.backordered, 0)
                       <> case when s.reserved > s.on_hand then s.reserved - s.on_hand else 0 end
                 limit 20";
    /// Per order and stock: what the journal says it holds, and that what it took out it had. A
    /// movement of an order without a line is wrong like a line without its movements.
    ORDER_OFF = "select b.order_id, cast(sum(b.owed) as bigint), cast(sum(b.reserved) as bigint)
                   from (select l.order_id, l.stock_id,
                                case when r.state in ('held', 'committed')
                                     then l.quantity - l.shipped - l.released else 0 end as owed,
                                l.returned - l.shipped as gone,
                                0 as reserved, 0 as on_hand
                           from reservation_line l
                           join reservation r on r.order_id = l.order_id
                         union all
                         select order_id, stock_id, 0, 0, delta_reserved, delta_on_hand
                           from movement where order_id is not null) b
                  group by b.order_id, b.stock_id
                 having sum(b.owed) <> sum(b.reserved) or sum(b.gone) <> sum(b.on_hand)
                  limit 20";
    UNTOLD = "select s.id, s.version, coalesce(o.version, 0) from stock s
                left join (select subject, max(last_version) as version from told group by subject) o
                  on o.subject = s.id
               where s.version <> coalesce(o.version, 0) limit 20";
    ALERTS_UNTOLD = "select s.id, s.alerts, coalesce(o.version, 0) from stock s
                       left join (select subject, max(last_version) as version
                                    from told group by subject) o on o.subject = s.alert_id
                      where s.alerts <> coalesce(o.version, 0) limit 20";
    LOCATION_ROWS = "select count(*) from location";
    LOCATIONS_UNTOLD = "select l.id, l.version, coalesce(o.version, 0) from location l
                          left join (select subject, max(last_version) as version
                                       from told group by subject) o on o.subject = l.id
                         where l.version <> coalesce(o.version, 0) limit 20";
}

/// How many rows were looked at, and the broken ones: the row, what it says, what it should say.
pub(crate) type Found = (i64, Vec<(Uuid, i64, i64)>);

async fn found(tx: &mut Tx, count: Sql, broken: Sql) -> Result<Found> {
    let (rows,): (i64,) = tx.query(count).one().await?;
    Ok((rows, tx.query(broken).all().await?))
}

/// Quantities beyond their limits: the stock, `reserved`, `on_hand`.
pub(crate) async fn over_limit(tx: &mut Tx) -> Result<Found> {
    found(tx, STOCK_ROWS, OVER_LIMIT).await
}

/// Stock that is not the sum of its journal: the stock, `on_hand`, the sum.
pub(crate) async fn journal_off(tx: &mut Tx) -> Result<Found> {
    found(tx, STOCK_ROWS, JOURNAL_OFF).await
}

/// Stock that is not promised to the orders it should be: the stock, `reserved`, the orders' sum.
pub(crate) async fn held_off(tx: &mut Tx) -> Result<Found> {
    found(tx, STOCK_ROWS, HELD_OFF).await
}

/// Stock whose orders wait for more or fewer units than are owed: the stock, the units owed, what its
/// orders wait for.
pub(crate) async fn owed_off(tx: &mut Tx) -> Result<Found> {
    found(tx, STOCK_ROWS, OWED_OFF).await
}

/// Orders whose journal does not fit their state: the order, its units, what it holds.
pub(crate) async fn order_off(tx: &mut Tx) -> Result<Found> {
    found(tx, LINE_ROWS, ORDER_OFF).await
}

/// Stock whose newest change was not told of: the stock, its version, that of its newest event.
pub(crate) async fn untold(tx: &mut Tx) -> Result<Found> {
    found(tx, STOCK_ROWS, UNTOLD).await
}

/// Locations whose newest change was not told of, in the same way.
pub(crate) async fn locations_untold(tx: &mut Tx) -> Result<Found> {
    found(tx, LOCATION_ROWS, LOCATIONS_UNTOLD).await
}

/// Stock whose newest warning was not told of, in the same way.
pub(crate) async fn alerts_untold(tx: &mut Tx) -> Result<Found> {
    found(tx, STOCK_ROWS, ALERTS_UNTOLD).await
}
