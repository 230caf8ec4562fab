//! What pays orders.

use kernel::Currency;
use kernel::id::{ChangeId, CreditAccountId, OrderId};
use kernel::ports::{CreditKind, CreditPart};
use platform::sql::{Db, Error, Json, Result, Tx};
use serde_json::json;
use uuid::Uuid;

platform::statements! {
    GIVEN_FOR = "select cast(coalesce(sum(amount_minor), 0) as bigint) from movement
                  where order_id = $1 and change_id = $2 and kind = 'give_back'";
    OPEN_ORDER = "insert into order_credit (order_id) values ($1) on conflict (order_id) do nothing";
    IS_RELEASED = "select released_at is not null from order_credit where order_id = $1";
    RELEASE = "insert into order_credit (order_id, released_at) values ($1, $2)
               on conflict (order_id) do update
                  set released_at = coalesce(order_credit.released_at, excluded.released_at)";
    RELEASE_KNOWN = "update order_credit set released_at = coalesce(released_at, $2) where order_id = $1";
    HOLD_ORDER = "select order_id from order_credit where order_id = $1",
        "select order_id from order_credit where order_id = $1 for update";
    KEEP_PARTS =
        "insert into order_part (order_id, account_id, place, spent_minor)
         select $1, unhex(value->>'account_id', '-'), value->>'place', value->>'minor' from json_each($2)",
        "insert into order_part (order_id, account_id, place, spent_minor)
         select $1, p.account_id, p.place, p.minor
           from jsonb_to_recordset($2) as p(account_id uuid, place bigint, minor bigint)";
    PARTS = "select p.account_id, a.kind, a.currency, p.spent_minor - p.given_minor as left_minor
               from order_part p join account a on a.id = p.account_id
              where p.order_id = $1 and p.given_minor < p.spent_minor order by p.place desc";
    GIVE_PARTS =
        "update order_part set given_minor = given_minor + l.minor
           from (select unhex(value->>'account_id', '-') as id, value->>'minor' as minor from json_each($2)) l
          where order_id = $1 and account_id = l.id and given_minor + l.minor <= spent_minor",
        "update order_part set given_minor = given_minor + l.minor
           from jsonb_to_recordset($2) as l(account_id uuid, minor bigint)
          where order_id = $1 and order_part.account_id = l.account_id and given_minor + l.minor <= spent_minor";
    KEPT = "select cast(
                coalesce((select sum(spent_minor - given_minor) from order_part where order_id = $1), 0)
                - coalesce((select sum(amount_minor) from movement where order_id = $1 and kind = 'refund'), 0)
                as bigint) as kept";
    /// What paid orders, by order, for checks across modules.
    PAID = "select order_id, cast(sum(case when kind = 'spend' then -amount_minor else 0 end) as bigint) as spent,
                   cast(sum(case when kind = 'give_back' then amount_minor else 0 end) as bigint) as given,
                   cast(sum(case when change_id is not null then amount_minor else 0 end) as bigint) as asked
              from movement where order_id > $1 group by order_id order by order_id limit $2";
}

/// What an account still pays of an order.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    /// The account.
    pub account_id: CreditAccountId,
    /// What it is.
    pub kind: CreditKind,
    /// Its currency.
    pub currency: Currency,
    /// What was taken of it and not given back, in minor units.
    pub left_minor: i64,
}

#[derive(platform::sql::Record)]
struct PartRow {
    account_id: Uuid,
    kind: String,
    currency: String,
    left_minor: i64,
}

/// Begins to take for an order. False when that was begun or forbidden before.
pub async fn open(tx: &mut Tx, order: OrderId) -> Result<bool> {
    Ok(tx.query(OPEN_ORDER).bind(order.uuid()).execute().await? == 1)
}

/// Whether nothing is taken for an order any more.
pub async fn is_released(tx: &mut Tx, order: OrderId) -> Result<bool> {
    let row: Option<(bool,)> = tx.query(IS_RELEASED).bind(order.uuid()).optional().await?;
    Ok(row.is_some_and(|(released,)| released))
}

/// Forbids to take for an order, and holds its row.
pub async fn release(tx: &mut Tx, order: OrderId) -> Result<()> {
    let now = tx.now();
    tx.query(RELEASE).bind(order.uuid()).bind(now).execute().await.map(drop)
}

/// The same for an order that something was taken for. False for any other.
pub async fn release_known(tx: &mut Tx, order: OrderId) -> Result<bool> {
    let now = tx.now();
    Ok(tx.query(RELEASE_KNOWN).bind(order.uuid()).bind(now).execute().await? == 1)
}

/// Holds the row of an order that something was taken for. False when nothing was.
pub async fn hold(tx: &mut Tx, order: OrderId) -> Result<bool> {
    let row: Option<(Uuid,)> = tx.query(HOLD_ORDER).bind(order.uuid()).optional().await?;
    Ok(row.is_some())
}

/// Keeps what was taken for an order.
pub async fn keep(tx: &mut Tx, order: OrderId, parts: &[CreditPart]) -> Result<()> {
    let row = |(place, part): (usize, &CreditPart)| json!({"account_id": part.account_id, "place": place, "minor": part.amount.minor()});
    let rows: Vec<_> = parts.iter().enumerate().map(row).collect();
    tx.query(KEEP_PARTS).bind(order.uuid()).bind(Json(rows)).execute().await.map(drop)
}

/// What is left to give back of what was taken for an order, the last one first.
pub async fn parts(tx: &mut Tx, order: OrderId) -> Result<Vec<Part>> {
    let rows: Vec<PartRow> = tx.query(PARTS).bind(order.uuid()).all().await?;
    let part = |row: PartRow| {
        let nonsense = || Error::Inconsistent(format!("credit of order {order}: a word"));
        Ok(Part {
            account_id: row.account_id.into(),
            kind: CreditKind::from_word(&row.kind).ok_or_else(nonsense)?,
            currency: row.currency.parse().map_err(|_| nonsense())?,
            left_minor: row.left_minor,
        })
    };
    rows.into_iter().map(part).collect()
}

/// Counts what is given back of an order's parts. False when one of them was not taken.
pub async fn give(tx: &mut Tx, order: OrderId, given: &[(CreditAccountId, i64)]) -> Result<bool> {
    let row = |(id, minor): &(CreditAccountId, i64)| json!({"account_id": id, "minor": minor});
    let rows: Vec<_> = given.iter().map(row).collect();
    let query = tx.query(GIVE_PARTS).bind(order.uuid()).bind(Json(rows));
    Ok(query.execute().await? == given.len() as u64)
}

/// What is kept of what was taken for an order, less what of its money became store credit, in minor units.
pub async fn kept(db: &Db, order: OrderId) -> Result<i64> {
    let (kept,): (i64,) = db.query(KEPT).bind(order.uuid()).one().await?;
    Ok(kept)
}

/// What was given back for a change of an order, in minor units.
pub async fn given_for(tx: &mut Tx, order: OrderId, change: ChangeId) -> Result<i64> {
    let query = tx.query(GIVEN_FOR).bind(order.uuid()).bind(change.uuid());
    let (given,): (i64,) = query.one().await?;
    Ok(given)
}

/// What stored value paid of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paid {
    /// The order.
    pub order_id: OrderId,
    /// What was taken for it, in minor units.
    pub spent: i64,
    /// What of that was given back.
    pub given: i64,
    /// What changes of the order gave back or made store credit.
    pub asked: i64,
}

/// What was paid of orders after one, by order.
pub async fn paid(db: &Db, after: OrderId, limit: u32) -> Result<Vec<Paid>> {
    let query = db.query(PAID).bind(after.uuid()).bind(i64::from(limit));
    let rows: Vec<(Uuid, i64, i64, i64)> = query.all().await?;
    let paid = |(id, spent, given, asked): (Uuid, i64, i64, i64)| Paid {
        order_id: id.into(),
        spent,
        given,
        asked,
    };
    Ok(rows.into_iter().map(paid).collect())
}
