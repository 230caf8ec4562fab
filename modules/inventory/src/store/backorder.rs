//! Units that are promised beyond what lies there: how many may be, and who waits for them.

use kernel::Timestamp;
use kernel::id::{OrderId, ProductId, StockId};
use platform::sql::{Db, Json, Result, Tx};
use serde_json::json;
use uuid::Uuid;

use super::stock::Row;
use crate::domain::{Given, Level, Promised, StockPolicy, Waiting};

platform::statements! {
    /// As many as are promised beyond what lies there may stay so.
    SET_POLICY = "update stock
                     set policy = $3, backorder_max = $4, available_from = $5, version = version + 1
                   where product_id = $1 and location = $2 and reserved <= on_hand + $4
                  returning id, product_id, location, on_hand, reserved, version, safety, low_at,
                            low, policy, backorder_max, available_from";
    /// Preorders whose day has come.
    ENDING = "select id from stock where policy = 'preorder' and available_from <= $1
               order by available_from limit $2";
    /// The day is looked at again under the row's lock. What is owed stays owed.
    END_PREORDER = "update stock
                       set policy = 'deny', available_from = null, version = version + 1
                     where id = $1 and policy = 'preorder' and available_from <= $2
                    returning id, product_id, location, on_hand, reserved, version, safety, low_at,
                              low, policy, backorder_max, available_from";
    WAITING =
        "select stock_id, order_id, backordered from reservation_line
          where stock_id in (select unhex(value, '-') from json_each($1)) and backordered > 0
          order by stock_id, order_id",
        "select stock_id, order_id, backordered from reservation_line
          where stock_id = any(array(select cast(p as uuid) from jsonb_array_elements_text($1) as p))
            and backordered > 0
          order by stock_id, order_id";
    /// Whoever changes what a line waits for holds the row of its stock.
    SET_COVERED =
        "update reservation_line set backordered = backordered - l.n
           from (select unhex(value->>'o', '-') as o, unhex(value->>'s', '-') as s,
                        value->>'n' as n
                   from json_each($1)) l
          where order_id = l.o and stock_id = l.s",
        "update reservation_line set backordered = backordered - l.n
           from jsonb_to_recordset($1) as l(o uuid, s uuid, n bigint)
          where order_id = l.o and stock_id = l.s";
    /// The rows are locked already.
    TOLD =
        "update stock set version = version + l.n
           from (select unhex(value->>'k', '-') as k, value->>'n' as n from json_each($1)) l
          where stock.id = l.k",
        "update stock set version = version + l.n
           from jsonb_to_recordset($1) as l(k uuid, n bigint)
          where stock.id = l.k";
    PROMISED = "select l.product_id, l.shipped, l.quantity - l.shipped - l.released as open,
                       l.backordered, s.available_from
                  from reservation_line l join stock s on s.id = l.stock_id
                 where l.order_id = $1";
}

/// Says what may be promised beyond what lies there, with the row's version; none where more than that
/// is promised already.
pub(crate) async fn set_policy(
    tx: &mut Tx,
    product: ProductId,
    location: &str,
    policy: &StockPolicy,
) -> Result<Option<(Level, i64)>> {
    let row: Option<Row> = tx
        .query(SET_POLICY)
        .bind(product.uuid())
        .bind(location)
        .bind(policy.policy.word())
        .bind(policy.backorder_max)
        .bind(policy.available_from)
        .optional()
        .await?;
    row.map(Row::versioned).transpose()
}

/// Stock whose preorders end, the longest overdue first.
pub(crate) async fn ending(db: &Db, now: Timestamp, limit: i64) -> Result<Vec<StockId>> {
    let ids: Vec<(Uuid,)> = db.query(ENDING).bind(now).bind(limit).all().await?;
    Ok(ids.into_iter().map(|(id,)| id.into()).collect())
}

/// Ends the preorders of a stock, with the row's version; none when its day has not come.
pub(crate) async fn end_preorder(tx: &mut Tx, stock: StockId) -> Result<Option<(Level, i64)>> {
    let now = tx.now();
    let row: Option<Row> = tx.query(END_PREORDER).bind(stock.uuid()).bind(now).optional().await?;
    row.map(Row::versioned).transpose()
}

#[derive(platform::sql::Record)]
struct WaitingRow {
    stock_id: Uuid,
    order_id: Uuid,
    backordered: i64,
}

/// The orders that wait for units of some stock, the oldest first.
pub(crate) async fn waiting(
    tx: &mut Tx,
    stocks: impl Iterator<Item = StockId>,
) -> Result<Vec<Waiting>> {
    let list: Vec<String> = stocks.map(|stock| stock.to_string()).collect();
    let rows: Vec<WaitingRow> = tx.query(WAITING).bind(Json(list)).all().await?;
    let waiting = |row: WaitingRow| Waiting {
        stock_id: row.stock_id.into(),
        order_id: row.order_id.into(),
        units: row.backordered,
    };
    Ok(rows.into_iter().map(waiting).collect())
}

/// Takes what they got from what orders wait for.
pub(crate) async fn set_covered(tx: &mut Tx, given: &[Given]) -> Result<()> {
    let line = |it: &Given| json!({"o": it.order_id.to_string(), "s": it.stock_id.to_string(), "n": it.units});
    let list: Vec<_> = given.iter().map(line).collect();
    tx.query(SET_COVERED).bind(Json(list)).execute().await.map(drop)
}

/// Moves the versions of locked rows of stock by what is told of them.
pub(crate) async fn told(tx: &mut Tx, events: &[(StockId, i64)]) -> Result<()> {
    let list: Vec<_> =
        events.iter().map(|(stock, n)| json!({"k": stock.to_string(), "n": n})).collect();
    tx.query(TOLD).bind(Json(list)).execute().await.map(drop)
}

#[derive(platform::sql::Record)]
struct PromisedRow {
    product_id: Uuid,
    shipped: i64,
    open: i64,
    backordered: i64,
    available_from: Option<Timestamp>,
}

/// How the units of an order stand, stock by stock.
pub(crate) async fn promised(db: &Db, order: OrderId) -> Result<Vec<Promised>> {
    let rows: Vec<PromisedRow> = db.query(PROMISED).bind(order.uuid()).all().await?;
    let promised = |row: PromisedRow| Promised {
        product_id: row.product_id.into(),
        shipped: row.shipped,
        covered: row.open - row.backordered,
        from: row.available_from,
    };
    Ok(rows.into_iter().map(promised).collect())
}
