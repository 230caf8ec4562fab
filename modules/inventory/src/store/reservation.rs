use kernel::Timestamp;
use kernel::id::{OrderId, ProductId};
use platform::fault;
use platform::sql::Json;
use platform::sql::{Db, Error, Result, Tx};
use serde_json::json;
use uuid::Uuid;

use crate::domain::{Change, Hold, HoldState, Line, Part, Reserved, Wanted};

platform::statements! {
    HOLD = "insert into reservation (order_id, state, expires_at, created_at, updated_at)
            values ($1, 'held', $2, $3, $3) on conflict (order_id) do nothing";
    TOMBSTONE = "insert into reservation (order_id, state, created_at, updated_at)
                 values ($1, 'released', $2, $2) on conflict (order_id) do nothing";
    EXTEND = "update reservation set expires_at = $2, updated_at = $3
               where order_id = $1 and state = 'held'";
    COMMIT = "update reservation set state = 'committed', updated_at = $2
               where order_id = $1 and state = 'held'";
    /// An order of which a part has left the house keeps that part.
    END = "update reservation
              set state = case when exists (select 1 from reservation_line l
                                             where l.order_id = $1 and l.shipped > 0)
                               then 'shipped' else 'released' end,
                  updated_at = $2
            where order_id = $1 and state in ('held', 'committed')";
    /// The state and the deadline are looked at again under the row's lock: whoever committed or
    /// extended it meanwhile has won.
    EXPIRE = "update reservation set state = 'expired', updated_at = $2
               where order_id = $1 and state = 'held' and expires_at <= $2";
    SHIP = "update reservation set state = 'shipped', updated_at = $2
             where order_id = $1 and state = 'committed'";
    STATE = "select state from reservation where order_id = $1";
    /// Everything that changes an order's lines takes the lock of its reservation first.
    LOCK = "update reservation set updated_at = $2 where order_id = $1 returning state";
    SET_STATE = "update reservation set state = $2 where order_id = $1";
    PARTS = "select stock_id, product_id, quantity, shipped, released, returned, backordered
               from reservation_line where order_id = $1 order by stock_id";
    COUNT_PARTS =
        "update reservation_line
            set shipped = reservation_line.shipped + l.shipped,
                released = reservation_line.released + l.released,
                returned = reservation_line.returned + l.returned,
                backordered = reservation_line.backordered - l.backordered
           from (select unhex(value->>'k', '-') as k, value->>'shipped' as shipped,
                        value->>'released' as released, value->>'returned' as returned,
                        value->>'backordered' as backordered
                   from json_each($2)) l
          where order_id = $1 and stock_id = l.k",
        "update reservation_line
            set shipped = reservation_line.shipped + l.shipped,
                released = reservation_line.released + l.released,
                returned = reservation_line.returned + l.returned,
                backordered = reservation_line.backordered - l.backordered
           from jsonb_to_recordset($2) as l(k uuid, shipped bigint, released bigint,
                                            returned bigint, backordered bigint)
          where order_id = $1 and stock_id = l.k";
    NOTE_CHANGE = "insert into reservation_change (key, order_id, kind, lines, at)
                   values ($1, $2, $3, $4, $5) on conflict (key) do nothing";
    CHANGE = "select order_id, kind, lines from reservation_change where key = $1";
    FIND = "select r.order_id, r.state, l.product_id, l.quantity, l.shipped
              from reservation r left join reservation_line l on l.order_id = r.order_id
             where r.order_id = $1";
    SAVE_LINES =
        "insert into reservation_line (order_id, stock_id, product_id, quantity, backordered)
         select $1, unhex(value->>'stock_id', '-'), unhex(value->>'product_id', '-'),
                value->>'quantity', value->>'backordered'
           from json_each($2)",
        "insert into reservation_line (order_id, stock_id, product_id, quantity, backordered)
         select $1, l.stock_id, l.product_id, l.quantity, l.backordered
           from jsonb_to_recordset($2) as l(stock_id uuid, product_id uuid, quantity bigint,
                                            backordered bigint)";
    ADD_LINES =
        "insert into reservation_line (order_id, stock_id, product_id, quantity, backordered)
         select $1, unhex(value->>'stock_id', '-'), unhex(value->>'product_id', '-'),
                value->>'quantity', value->>'backordered'
           from json_each($2) where true
         on conflict (order_id, stock_id) do update
            set quantity = reservation_line.quantity + excluded.quantity,
                backordered = reservation_line.backordered + excluded.backordered",
        "insert into reservation_line (order_id, stock_id, product_id, quantity, backordered)
         select $1, l.stock_id, l.product_id, l.quantity, l.backordered
           from jsonb_to_recordset($2) as l(stock_id uuid, product_id uuid, quantity bigint,
                                            backordered bigint)
         on conflict (order_id, stock_id) do update
            set quantity = reservation_line.quantity + excluded.quantity,
                backordered = reservation_line.backordered + excluded.backordered";
    DUE = "select order_id from reservation where state = 'held' and expires_at <= $1
            order by expires_at limit $2";
    HOLDS = "select r.order_id, r.state, l.product_id, l.quantity - l.released as quantity,
                    l.shipped
               from (select order_id, state from reservation where order_id > $1
                      order by order_id limit $2) r
               left join reservation_line l on l.order_id = r.order_id
              order by r.order_id, l.product_id nulls last";
}

#[derive(platform::sql::Record)]
struct PartRow {
    stock_id: Uuid,
    product_id: Uuid,
    quantity: i64,
    shipped: i64,
    released: i64,
    returned: i64,
    backordered: i64,
}

#[derive(platform::sql::Record)]
struct ChangeRow {
    order_id: Uuid,
    kind: String,
    lines: Json<Vec<(ProductId, i64)>>,
}

#[derive(platform::sql::Record)]
struct HoldRow {
    order_id: Uuid,
    state: String,
    product_id: Option<Uuid>,
    quantity: Option<i64>,
    shipped: Option<i64>,
}

impl HoldRow {
    /// The product, its units, and how many of them left.
    fn line(&self) -> Option<(ProductId, i64, i64)> {
        let units = self.quantity.filter(|units| *units > 0)?;
        Some((self.product_id?.into(), units, self.shipped?))
    }
}

fn parse(state: &str) -> Result<HoldState> {
    state.parse().map_err(Error::Inconsistent)
}

/// Writes that the order is promised stock; false when it has a row already.
pub(crate) async fn hold(tx: &mut Tx, order: OrderId, until: Timestamp) -> Result<bool> {
    let now = tx.now();
    let new = tx.query(HOLD).bind(order.uuid()).bind(until).bind(now).execute().await?;
    Ok(new == 1)
}

/// Writes that the order ended before it reserved anything; false when it has a row already.
pub(crate) async fn tombstone(tx: &mut Tx, order: OrderId) -> Result<bool> {
    let now = tx.now();
    Ok(tx.query(TOMBSTONE).bind(order.uuid()).bind(now).execute().await? == 1)
}

/// Moves the deadline; false when the order is not held.
pub(crate) async fn extend(tx: &mut Tx, order: OrderId, until: Timestamp) -> Result<bool> {
    let now = tx.now();
    let moved = tx.query(EXTEND).bind(order.uuid()).bind(until).bind(now).execute().await?;
    Ok(moved == 1)
}

/// held -> committed; false when the order is not held.
pub(crate) async fn commit(tx: &mut Tx, order: OrderId) -> Result<bool> {
    let now = tx.now();
    Ok(tx.query(COMMIT).bind(order.uuid()).bind(now).execute().await? == 1)
}

/// held or committed -> released; false when it is neither.
pub(crate) async fn end(tx: &mut Tx, order: OrderId) -> Result<bool> {
    let now = tx.now();
    Ok(tx.query(END).bind(order.uuid()).bind(now).execute().await? == 1)
}

/// held and past its deadline -> expired; false when it is not.
pub(crate) async fn expire(tx: &mut Tx, order: OrderId) -> Result<bool> {
    let now = sweeps_at(tx.now());
    Ok(tx.query(EXPIRE).bind(order.uuid()).bind(now).execute().await? == 1)
}

/// committed -> shipped; false when it is not committed.
pub(crate) async fn ship(tx: &mut Tx, order: OrderId) -> Result<bool> {
    let now = tx.now();
    Ok(tx.query(SHIP).bind(order.uuid()).bind(now).execute().await? == 1)
}

/// How the order's promise stands, if it has one.
pub(crate) async fn state(tx: &mut Tx, order: OrderId) -> Result<Option<HoldState>> {
    let row: Option<(String,)> = tx.query(STATE).bind(order.uuid()).optional().await?;
    row.map(|(state,)| parse(&state)).transpose()
}

/// What the order reserved before. Never takes SQLite's writer.
pub(crate) async fn find(db: &Db, order: OrderId) -> Result<Option<Reserved>> {
    reserved(&db.query(FIND).bind(order.uuid()).all::<HoldRow>().await?)
}

/// What the order reserved before, as a unit of work sees it.
pub(crate) async fn find_in(tx: &mut Tx, order: OrderId) -> Result<Option<Reserved>> {
    reserved(&tx.query(FIND).bind(order.uuid()).all::<HoldRow>().await?)
}

fn reserved(rows: &[HoldRow]) -> Result<Option<Reserved>> {
    let Some(first) = rows.first() else { return Ok(None) };
    let state = parse(&first.state)?;
    let mut lines = Wanted::new();
    for (product, units, _) in rows.iter().filter_map(HoldRow::line) {
        *lines.entry(product).or_default() += units;
    }
    Ok(Some(Reserved { state, lines }))
}

/// The order's lines, in the order of their stock.
pub(crate) async fn parts(tx: &mut Tx, order: OrderId) -> Result<Vec<Part>> {
    let rows: Vec<PartRow> = tx.query(PARTS).bind(order.uuid()).all().await?;
    let part = |row: PartRow| Part {
        stock_id: row.stock_id.into(),
        product_id: row.product_id.into(),
        quantity: row.quantity,
        shipped: row.shipped,
        released: row.released,
        returned: row.returned,
        backordered: row.backordered,
    };
    Ok(rows.into_iter().map(part).collect())
}

/// Locks the order's promise: how it stands, if there is one.
pub(crate) async fn lock(tx: &mut Tx, order: OrderId) -> Result<Option<HoldState>> {
    let now = tx.now();
    let row: Option<(String,)> = tx.query(LOCK).bind(order.uuid()).bind(now).optional().await?;
    row.map(|(state,)| parse(&state)).transpose()
}

/// Says how the order's promise stands, which is locked.
pub(crate) async fn set_state(tx: &mut Tx, order: OrderId, state: HoldState) -> Result<()> {
    tx.query(SET_STATE).bind(order.uuid()).bind(state.word()).execute().await.map(drop)
}

/// Counts on the order's lines what happened to some of their units, of which so many did not lie
/// there.
pub(crate) async fn count_parts(
    tx: &mut Tx,
    order: OrderId,
    change: Change,
    lines: &[Line],
    backordered: impl Fn(&Line) -> i64,
) -> Result<()> {
    let units = |line: &Line, counted| if change == counted { line.quantity } else { 0 };
    let list: Vec<_> = lines
        .iter()
        .map(|line| {
            json!({
                "k": line.stock_id.to_string(),
                "shipped": units(line, Change::Ship),
                "released": units(line, Change::Release),
                "returned": units(line, Change::TakeBack),
                "backordered": backordered(line),
            })
        })
        .collect();
    tx.query(COUNT_PARTS).bind(order.uuid()).bind(Json(list)).execute().await.map(drop)
}

const fn change_word(change: Change) -> &'static str {
    match change {
        Change::Ship => "shipped",
        Change::Release => "released",
        Change::TakeBack => "returned",
        Change::Add => "added",
    }
}

/// Writes that this key changes a part of the order's promise; false when it has done something
/// before.
pub(crate) async fn note_change(
    tx: &mut Tx,
    key: &str,
    order: OrderId,
    change: Change,
    wanted: &Wanted,
) -> Result<bool> {
    let now = tx.now();
    let new = tx
        .query(NOTE_CHANGE)
        .bind(key)
        .bind(order.uuid())
        .bind(change_word(change))
        .bind(Json(wanted.iter().collect::<Vec<_>>()))
        .bind(now)
        .execute()
        .await?;
    Ok(new == 1)
}

/// Whether it was this that the key did before.
pub(crate) async fn is_change(
    tx: &mut Tx,
    key: &str,
    order: OrderId,
    change: Change,
    wanted: &Wanted,
) -> Result<bool> {
    let row: Option<ChangeRow> = tx.query(CHANGE).bind(key).optional().await?;
    Ok(row.is_some_and(|row| {
        let Json(lines) = row.lines;
        row.order_id == order.uuid()
            && row.kind == change_word(change)
            && lines.into_iter().eq(wanted.clone())
    }))
}

/// What a key promised to the order beyond what it had; no lines when it was taken back before it did.
pub(crate) async fn added(tx: &mut Tx, key: &str, order: OrderId) -> Result<Option<Wanted>> {
    let row: Option<ChangeRow> = tx.query(CHANGE).bind(key).optional().await?;
    let is_ours =
        |row: &ChangeRow| row.order_id == order.uuid() && row.kind == change_word(Change::Add);
    Ok(row.filter(is_ours).map(|row| row.lines.0.into_iter().collect()))
}

/// Writes lines, some of which the order may have already: these become longer. Each comes with how many of
/// its units do not lie there yet.
pub(crate) async fn add_lines(
    tx: &mut Tx,
    order: OrderId,
    lines: impl Iterator<Item = (&Line, i64)>,
) -> Result<()> {
    tx.query(ADD_LINES).bind(order.uuid()).bind(Json(listed(lines))).execute().await.map(drop)
}

/// Writes lines, each with how many of its units do not lie there yet.
pub(crate) async fn save_lines(
    tx: &mut Tx,
    order: OrderId,
    lines: impl Iterator<Item = (&Line, i64)>,
) -> Result<()> {
    tx.query(SAVE_LINES).bind(order.uuid()).bind(Json(listed(lines))).execute().await.map(drop)
}

fn listed<'a>(lines: impl Iterator<Item = (&'a Line, i64)>) -> Vec<serde_json::Value> {
    let listed = |(line, backordered): (&Line, i64)| {
        json!({
            "stock_id": line.stock_id.to_string(),
            "product_id": line.product_id.to_string(),
            "quantity": line.quantity,
            "backordered": backordered,
        })
    };
    lines.map(listed).collect()
}

/// Held orders past their deadline, the longest overdue first.
pub(crate) async fn due(db: &Db, now: Timestamp, limit: i64) -> Result<Vec<OrderId>> {
    let rows: Vec<(Uuid,)> = db.query(DUE).bind(sweeps_at(now)).bind(limit).all().await?;
    Ok(rows.into_iter().map(|(order,)| order.into()).collect())
}

fn sweeps_at(now: Timestamp) -> Timestamp {
    if fault::bug("sweeper_is_early") { now + chrono::TimeDelta::hours(1) } else { now }
}

/// A page of what orders were promised.
pub(crate) async fn holds(db: &Db, after: Option<OrderId>, limit: u32) -> Result<Vec<Hold>> {
    let after = after.map_or(Uuid::nil(), OrderId::uuid);
    let rows: Vec<HoldRow> = db.query(HOLDS).bind(after).bind(i64::from(limit)).all().await?;
    let mut holds: Vec<Hold> = Vec::new();
    for row in rows {
        let order_id = OrderId::from(row.order_id);
        if holds.last().is_none_or(|hold| hold.order_id != order_id) {
            let (state, lines, shipped) = (parse(&row.state)?, Vec::new(), Vec::new());
            holds.push(Hold { order_id, state, lines, shipped });
        }
        let (Some(hold), Some((product, units, left))) = (holds.last_mut(), row.line()) else {
            continue;
        };
        match (hold.lines.last_mut(), hold.shipped.last_mut()) {
            // The same product from another location.
            (Some((last, sum)), Some(all_left)) if *last == product => {
                *sum += units;
                *all_left += left;
            }
            _ => {
                hold.lines.push((product, units));
                hold.shipped.push(left);
            }
        }
    }
    Ok(holds)
}
