use kernel::Timestamp;
use kernel::id::{AlertId, ProductId, StockId};
use platform::guard::Changed;
use platform::sql::Json;
use platform::sql::{Db, Error, Result, Tx};
use serde_json::json;
use uuid::Uuid;

use crate::domain::{Level, Limits, Line, UNITS_MAX};

/// The most locations of one product that are listed.
const LOCATIONS_MAX: i64 = 100;

platform::guard! {
    /// The units that are promised: never more than lie there and may be owed beyond that. None that
    /// are kept back are promised anew, nor any beyond what lies there once the policy has ended.
    STOCK: "stock.reserved", table "stock", key uuid "id", used "reserved",
    limit "on_hand + backorder_max",
    keep "(safety + case policy when 'deny' then backorder_max else 0 end)", tell "on_hand"
}

platform::statements! {
    AT_LOCATION = "select id, product_id, location, on_hand, reserved, version, safety, low_at, low,
                policy, backorder_max, available_from from stock
                    where product_id = $1 and location = $2";
    LOCATIONS = "select id, product_id, location, on_hand, reserved, version, safety, low_at, low,
                policy, backorder_max, available_from from stock
                  where product_id = $1 order by location limit $2";
    OPEN = "insert into stock (id, product_id, location, on_hand, version)
            values ($1, $2, $3, $4, $5) on conflict (product_id, location) do nothing";
    /// A product that lies somewhere may lie at another location too.
    OPEN_ELSEWHERE = "insert into stock (id, product_id, location)
                      select $1, $2, $3 where exists (select 1 from stock where product_id = $2)
                          on conflict (product_id, location) do nothing";
    /// A location that is not in use takes in no units.
    ADJUST = "update stock set on_hand = on_hand + $3, version = version + 1
               where product_id = $1 and location = $2
                 and ($3 > 0 or on_hand + $3 >= reserved) and on_hand + $3 <= $4
                 and ($3 < 0 or exists (select 1 from location where code = $2 and active))
              returning id, product_id, location, on_hand, reserved, version, safety, low_at, low,
                        policy, backorder_max, available_from";
    /// What lies of some products at a location.
    AT =
        "select id, product_id, location, on_hand, reserved, version, safety, low_at, low,
                policy, backorder_max, available_from from stock
          where location = $2 and product_id in (select unhex(value, '-') from json_each($1))",
        "select id, product_id, location, on_hand, reserved, version, safety, low_at, low,
                policy, backorder_max, available_from from stock
          where location = $2
            and product_id = any(array(select cast(p as uuid) from jsonb_array_elements_text($1) as p))";
    /// Known products may lie at another location too.
    OPEN_ALL_ELSEWHERE =
        "insert into stock (id, product_id, location)
         select unhex(value->>'id', '-'), unhex(value->>'product_id', '-'), $2
           from json_each($1)
          where exists (select 1 from stock s
                         where s.product_id = unhex(value->>'product_id', '-'))
             on conflict (product_id, location) do nothing",
        "insert into stock (id, product_id, location)
         select w.id, w.product_id, $2
           from jsonb_to_recordset($1) as w(id uuid, product_id uuid)
          where exists (select 1 from stock s where s.product_id = w.product_id)
          order by w.product_id
             on conflict (product_id, location) do nothing";
    /// Units come and go, where the promises allow it and as many lie there as were seen. Locked in
    /// the order of ids, as the guard does.
    MOVE =
        "update stock set on_hand = on_hand + l.n, version = version + 1
           from (select unhex(value->>'k', '-') as k, value->>'n' as n, value->>'seen' as seen
                   from json_each($1)) l
          where stock.id = l.k and (l.n > 0 or on_hand + l.n >= reserved) and on_hand + l.n <= $2
            and on_hand = coalesce(l.seen, on_hand)
         returning id, product_id, location, on_hand, reserved, version, safety, low_at, low,
                   policy, backorder_max, available_from",
        "with l as (select w.k, w.n, w.seen
                      from jsonb_to_recordset($1) as w(k uuid, n bigint, seen bigint)),
              held as (select id as hk from stock where id in (select k from l)
                        order by id for update)
         update stock set on_hand = on_hand + l.n, version = version + 1
           from l join held on held.hk = l.k
          where stock.id = l.k and (l.n > 0 or on_hand + l.n >= reserved) and on_hand + l.n <= $2
            and on_hand = coalesce(l.seen, on_hand)
         returning id, product_id, location, on_hand, reserved, version, safety, low_at, low,
                   policy, backorder_max, available_from";
    LIMIT = "update stock set safety = $3, low_at = $4, version = version + 1
              where product_id = $1 and location = $2
             returning id, product_id, location, on_hand, reserved, version, safety, low_at, low,
                       policy, backorder_max, available_from";
    STOCK_LIST = "select id, product_id, location, on_hand, reserved, version, safety, low_at, low,
                           policy, backorder_max, available_from from stock where id > $1 order by id limit $2";
    STOCK_LOW = "select id, product_id, location, on_hand, reserved, version, safety, low_at, low,
                          policy, backorder_max, available_from from stock where low and id > $1 order by id limit $2";
    /// What crossed its mark and was not looked at yet.
    TURNING = "select id from stock
                where low <> coalesce(on_hand - reserved - safety <= low_at, false) and id > $1
                order by id limit $2";
    /// The mark is looked at again under the row's lock.
    TURN = "update stock
               set low = not low, alerts = alerts + case when low then 0 else 1 end,
                   alert_id = coalesce(alert_id, $2)
             where id = $1 and low <> coalesce(on_hand - reserved - safety <= low_at, false)
            returning alert_id, alerts, product_id, location, on_hand, reserved, safety, low_at,
                      low";
    /// Promised units leave the house. Locked in the order of ids, as the guard does.
    TAKE_OUT =
        "update stock set on_hand = on_hand - l.n, reserved = reserved - l.n, version = version + 1
           from (select unhex(value->>'k', '-') as k, value->>'n' as n from json_each($1)) l
          where stock.id = l.k and reserved >= l.n
         returning id, product_id, location, on_hand, reserved, version, safety, low_at, low,
                   policy, backorder_max, available_from",
        "with l as (select w.k, w.n from jsonb_to_recordset($1) as w(k uuid, n bigint)),
              held as (select id as hk from stock where id in (select k from l)
                        order by id for update)
         update stock
            set on_hand = on_hand - l.n, reserved = reserved - l.n, version = version + 1
           from l join held on held.hk = l.k
          where stock.id = l.k and reserved >= l.n
         returning id, product_id, location, on_hand, reserved, version, safety, low_at, low,
                   policy, backorder_max, available_from";
}

#[derive(platform::sql::Record)]
pub(super) struct Row {
    id: Uuid,
    product_id: Uuid,
    location: String,
    on_hand: i64,
    reserved: i64,
    version: i64,
    safety: i64,
    low_at: Option<i64>,
    low: bool,
    policy: String,
    backorder_max: i64,
    available_from: Option<Timestamp>,
}

impl Row {
    pub(super) fn level(self) -> Result<Level> {
        Ok(Level {
            stock_id: self.id.into(),
            product_id: self.product_id.into(),
            location: self.location,
            on_hand: self.on_hand,
            reserved: self.reserved,
            safety: self.safety,
            low_at: self.low_at,
            low: self.low,
            policy: self.policy.parse().map_err(Error::Inconsistent)?,
            backorder_max: self.backorder_max,
            available_from: self.available_from,
            available: 0,
            backordered: 0,
            backorderable: 0,
        }
        .counted())
    }

    /// With the row's version.
    pub(super) fn versioned(self) -> Result<(Level, i64)> {
        let version = self.version;
        Ok((self.level()?, version))
    }

    fn changed(&self) -> Changed {
        Changed {
            key: self.id.to_string(),
            used: self.reserved,
            limit: self.on_hand + self.backorder_max,
            told: self.on_hand,
            version: self.version,
        }
    }
}

pub(super) fn ids(products: impl Iterator<Item = ProductId>) -> Json<Vec<String>> {
    Json(products.map(|product| product.to_string()).collect())
}

fn rows(rows: Vec<Row>) -> Result<Vec<Level>> {
    rows.into_iter().map(Row::level).collect()
}

/// What lies of a product at a location.
pub(crate) async fn at_location(
    tx: &mut Tx,
    product: ProductId,
    location: &str,
) -> Result<Option<Level>> {
    let row = tx.query(AT_LOCATION).bind(product.uuid()).bind(location).optional::<Row>().await?;
    row.map(Row::level).transpose()
}

/// What lies of a product everywhere.
pub(crate) async fn locations(db: &Db, product: ProductId) -> Result<Vec<Level>> {
    db.query(LOCATIONS).bind(product.uuid()).bind(LOCATIONS_MAX).all().await.and_then(rows)
}

/// A row of stock that was opened.
pub(crate) struct Opened {
    pub stock_id: StockId,
    pub version: i64,
}

/// Opens stock of a product; none when it is there already. A row that opens empty has not changed
/// yet, so its version is 0.
pub(crate) async fn open(
    tx: &mut Tx,
    product: ProductId,
    location: &str,
    on_hand: i64,
) -> Result<Option<Opened>> {
    let opened = Opened { stock_id: StockId::new(), version: i64::from(on_hand > 0) };
    let inserted = tx
        .query(OPEN)
        .bind(opened.stock_id.uuid())
        .bind(product.uuid())
        .bind(location)
        .bind(on_hand)
        .bind(opened.version)
        .execute()
        .await?;
    Ok((inserted == 1).then_some(opened))
}

/// Opens empty stock of a known product at a location where it may not lie yet.
pub(crate) async fn open_elsewhere(tx: &mut Tx, product: ProductId, location: &str) -> Result<()> {
    tx.query(OPEN_ELSEWHERE)
        .bind(StockId::new().uuid())
        .bind(product.uuid())
        .bind(location)
        .execute()
        .await
        .map(drop)
}

/// Changes what lies there, where the promises and the limit allow it; with the row's version.
pub(crate) async fn adjust(
    tx: &mut Tx,
    product: ProductId,
    location: &str,
    delta: i64,
) -> Result<Option<(Level, i64)>> {
    let row: Option<Row> = tx
        .query(ADJUST)
        .bind(product.uuid())
        .bind(location)
        .bind(delta)
        .bind(UNITS_MAX)
        .optional()
        .await?;
    row.map(Row::versioned).transpose()
}

/// Takes promised units out of the house; fewer rows than lines when some were not promised.
pub(crate) async fn take_out(tx: &mut Tx, lines: &[Line]) -> Result<Vec<Changed>> {
    let list: Vec<_> = lines
        .iter()
        .map(|line| json!({"k": line.stock_id.to_string(), "n": line.quantity}))
        .collect();
    let rows: Vec<Row> = tx.query(TAKE_OUT).bind(Json(list)).all().await?;
    Ok(rows.iter().map(Row::changed).collect())
}

/// Changes what is kept back and the mark; with the row's version.
pub(crate) async fn limit(
    tx: &mut Tx,
    product: ProductId,
    location: &str,
    limits: &Limits,
) -> Result<Option<(Level, i64)>> {
    let row: Option<Row> = tx
        .query(LIMIT)
        .bind(product.uuid())
        .bind(location)
        .bind(limits.safety)
        .bind(limits.low_at)
        .optional()
        .await?;
    row.map(Row::versioned).transpose()
}

/// A page of all stock after an id, or of that of which few units are left.
pub(crate) async fn list(
    db: &Db,
    only_low: bool,
    after: Option<StockId>,
    limit: i64,
) -> Result<Vec<Level>> {
    let after = after.map_or(Uuid::nil(), StockId::uuid);
    let text = if only_low { STOCK_LOW } else { STOCK_LIST };
    db.query(text).bind(after).bind(limit).all().await.and_then(rows)
}

/// Stock that crossed its mark and was not looked at yet.
pub(crate) async fn turning(db: &Db, limit: i64) -> Result<Vec<StockId>> {
    let ids: Vec<(Uuid,)> = db.query(TURNING).bind(Uuid::nil()).bind(limit).all().await?;
    Ok(ids.into_iter().map(|(id,)| id.into()).collect())
}

/// How a stock turned: there are few units left, or there is more again.
#[derive(platform::sql::Record)]
pub(crate) struct Turned {
    pub alert_id: Uuid,
    pub alerts: i64,
    pub product_id: Uuid,
    pub location: String,
    pub on_hand: i64,
    pub reserved: i64,
    pub safety: i64,
    pub low_at: Option<i64>,
    pub low: bool,
}

/// Notes that a stock crossed its mark, if it has; its first warning gets this id.
pub(crate) async fn turn(tx: &mut Tx, stock: StockId, alert: AlertId) -> Result<Option<Turned>> {
    tx.query(TURN).bind(stock.uuid()).bind(alert.uuid()).optional().await
}

/// What lies of some products at a location, as a unit of work sees it.
pub(crate) async fn at(
    tx: &mut Tx,
    location: &str,
    products: impl Iterator<Item = ProductId>,
) -> Result<Vec<Level>> {
    tx.query(AT).bind(ids(products)).bind(location).all().await.and_then(rows)
}

/// Opens empty stock of known products at a location where they may not lie yet.
pub(crate) async fn open_all_elsewhere(
    tx: &mut Tx,
    products: impl Iterator<Item = ProductId>,
    location: &str,
) -> Result<()> {
    let list: Vec<_> = products
        .map(|product| json!({"id": StockId::new().to_string(), "product_id": product.to_string()}))
        .collect();
    tx.query(OPEN_ALL_ELSEWHERE).bind(Json(list)).bind(location).execute().await.map(drop)
}

/// Units that come to a stock, or go when there are less than none.
pub(crate) struct Shift {
    pub stock_id: StockId,
    pub delta: i64,
    /// How many must lie there before it.
    pub seen: Option<i64>,
}

/// Moves units, with the rows' versions; fewer rows than shifts where one is not possible.
pub(crate) async fn shift(tx: &mut Tx, shifts: &[Shift]) -> Result<Vec<(Level, i64)>> {
    let list: Vec<_> = shifts
        .iter()
        .map(|it| json!({"k": it.stock_id.to_string(), "n": it.delta, "seen": it.seen}))
        .collect();
    let rows: Vec<Row> = tx.query(MOVE).bind(Json(list)).bind(UNITS_MAX).all().await?;
    rows.into_iter().map(Row::versioned).collect()
}
