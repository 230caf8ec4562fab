//! What shoppers paid, and from when to when.

use std::collections::HashMap;

use kernel::id::ProductId;
use kernel::{Money, Timestamp};
use platform::sql::{Db, Json, Result, Tx};
use serde_json::{Value, json};
use uuid::Uuid;

use super::id_list;
use super::pricing::currency;
use crate::domain::{Applied, LOWEST_WINDOW, Repriced};

platform::statements! {
    /// Prices that apply, or did in the time that counts.
    APPLIED =
        "select product_id, market, amount, currency, from_at, until_at, lowest_before
           from price_history
          where product_id in (select unhex(value, '-') from json_each($1))
            and (until_at is null or until_at > $2) order by from_at",
        "select product_id, market, amount, currency, from_at, until_at, lowest_before
           from price_history
          where product_id = any(array(select cast(jsonb_array_elements_text($1) as uuid)))
            and (until_at is null or until_at > $2) order by from_at";
    PRESENT = "select amount, currency, lowest_before from price_history
                where product_id = $1 and market = $2 and until_at is null";
    HISTORY = "select product_id, market, amount, currency, from_at, until_at, lowest_before
                 from price_history
                where product_id = $1 and market = $2 and from_at < $3
                order by from_at desc limit $4";
    /// What began at the very moment that it ends at never was.
    FORGET =
        "delete from price_history
          where until_at is null and from_at >= $2
            and (product_id, market) in (select unhex(value->>'id', '-'), value->>'market'
                                           from json_each($1))",
        "delete from price_history
          where until_at is null and from_at >= $2
            and (product_id, market) in (select x.id, x.market
                                           from jsonb_to_recordset($1) as x(id uuid, market text))";
    END =
        "update price_history set until_at = $2
          where until_at is null
            and (product_id, market) in (select unhex(value->>'id', '-'), value->>'market'
                                           from json_each($1))",
        "update price_history set until_at = $2
          where until_at is null
            and (product_id, market) in (select x.id, x.market
                                           from jsonb_to_recordset($1) as x(id uuid, market text))";
    BEGIN =
        "insert into price_history (product_id, market, amount, currency, from_at, lowest_before)
         select unhex(value->>'id', '-'), value->>'market', value->>'amount',
                value->>'currency', $2, value->>'lowest' from json_each($1) where true
         on conflict (product_id, market, from_at)
         do update set amount = excluded.amount, currency = excluded.currency, until_at = null,
                       lowest_before = excluded.lowest_before",
        "insert into price_history (product_id, market, amount, currency, from_at, lowest_before)
         select x.id, x.market, x.amount, x.currency, $2, x.lowest
           from jsonb_to_recordset($1) as x(id uuid, market text, amount bigint, currency text,
                lowest bigint)
         on conflict (product_id, market, from_at)
         do update set amount = excluded.amount, currency = excluded.currency, until_at = null,
                       lowest_before = excluded.lowest_before";
    TRIM = "delete from price_history where (product_id, market, from_at) in
               (select product_id, market, from_at from price_history
                 where until_at < $1 order by until_at limit $2)";
}

/// What every shopper of a market pays for one unit, and the lowest price of the 30 days before.
pub(crate) async fn present(
    db: &Db,
    id: Uuid,
    market: &str,
) -> Result<Option<(Money, Option<Money>)>> {
    let row: Option<(i64, String, Option<i64>)> =
        db.query(PRESENT).bind(id).bind(market).optional().await?;
    row.map(|(amount, code, lowest)| {
        let currency = currency(&code, id)?;
        let lowest = lowest.map(|lowest| Money::from_minor(lowest, currency));
        Ok((Money::from_minor(amount, currency), lowest))
    })
    .transpose()
}

#[derive(platform::sql::Record)]
struct AppliedRow {
    product_id: Uuid,
    market: String,
    amount: i64,
    currency: String,
    from_at: Timestamp,
    until_at: Option<Timestamp>,
    lowest_before: Option<i64>,
}

impl AppliedRow {
    fn applied(self) -> Result<Applied> {
        let currency = currency(&self.currency, self.product_id)?;
        Ok(Applied {
            market: self.market,
            price: Money::from_minor(self.amount, currency),
            from: self.from_at,
            until: self.until_at,
            lowest_before: self.lowest_before,
        })
    }
}

/// The prices a product had in a market before an instant, the newest first.
pub(crate) async fn history(
    db: &Db,
    id: ProductId,
    market: &str,
    before: Timestamp,
    limit: i64,
) -> Result<Vec<Applied>> {
    let query = db.query(HISTORY).bind(id.uuid()).bind(market).bind(before).bind(limit);
    let rows: Vec<AppliedRow> = query.all().await?;
    rows.into_iter().map(AppliedRow::applied).collect()
}

/// The prices that apply to products, or did in the time that counts.
pub(crate) async fn applied(tx: &mut Tx, ids: &[Uuid]) -> Result<HashMap<Uuid, Vec<Applied>>> {
    let since = tx.now() - LOWEST_WINDOW;
    let query = tx.query(APPLIED).bind(id_list(ids.iter().copied())).bind(since);
    let rows: Vec<AppliedRow> = query.all().await?;
    let mut by_id: HashMap<Uuid, Vec<Applied>> = HashMap::new();
    for row in rows {
        by_id.entry(row.product_id).or_default().push(row.applied()?);
    }
    Ok(by_id)
}

/// Ends and begins prices of products.
pub(crate) async fn write<'r>(
    tx: &mut Tx,
    repriced: impl Iterator<Item = (Uuid, &'r Repriced)>,
) -> Result<()> {
    let now = tx.now();
    let (mut ended, mut begun) = (Vec::new(), Vec::new());
    for (id, come) in repriced {
        ended.extend(come.ended.iter().map(|market| json!({"id": id, "market": market})));
        begun.extend(come.begun.iter().map(|one| {
            json!({
                "id": id, "market": one.market, "amount": one.price.minor(),
                "currency": one.price.currency(), "lowest": one.lowest_before,
            })
        }));
    }
    let write: [(_, Vec<Value>); 3] = [(FORGET, ended.clone()), (END, ended), (BEGIN, begun)];
    for (sql, records) in write {
        if !records.is_empty() {
            tx.query(sql).bind(Json(records)).bind(now).execute().await?;
        }
    }
    Ok(())
}

/// Deletes prices that ended before an instant: how many.
pub(crate) async fn trim(tx: &mut Tx, ended_before: Timestamp, limit: i64) -> Result<u64> {
    tx.query(TRIM).bind(ended_before).bind(limit).execute().await
}
