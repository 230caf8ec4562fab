//! What was sold, and how popular that makes a product.

use std::collections::BTreeMap;

use platform::sql::{Db, Json, Result, Tx};
use serde_json::{Value, json};
use uuid::Uuid;

platform::statements! {
    /// Units by product, a variant's with its parent.
    SOLD =
        "insert into product_sold (product_id, day, units)
         select coalesce(p.parent_id, p.id), $2, sum(value->>'units')
           from json_each($1) join product p on p.id = unhex(value->>'id', '-')
          group by 1
         on conflict (product_id, day) do update set units = product_sold.units + excluded.units",
        "insert into product_sold (product_id, day, units)
         select coalesce(p.parent_id, p.id), $2, cast(sum(x.units) as bigint)
           from jsonb_to_recordset($1) as x(id uuid, units bigint)
           join product p on p.id = x.id
          group by 1
         on conflict (product_id, day) do update set units = product_sold.units + excluded.units";
    FORGET = "delete from product_sold";
    FORGET_OLD = "delete from product_sold where day < $1";
    /// What sold lately counts more: a week fourfold, a month twice.
    RANKED =
        "select p.id, p.popularity,
                cast(coalesce((select sum(s.units * case when s.day > $1 - 7 then 4
                                                  when s.day > $1 - 30 then 2 else 1 end)
                            from product_sold s
                           where s.product_id = p.id and s.day > $1 - 90), 0) as bigint) as sold
           from product p
          where p.id in (select r.id from product r where r.popularity > 0 and r.id > $2
                         union select s.product_id from product_sold s where s.product_id > $2)
          order by p.id limit $3";
    /// Gives products that still have a rank another one.
    RANK =
        "update product set popularity = l.rank, version = version + 1
           from (select unhex(value->>'id', '-') as id, value->>'was' as was,
                        value->>'rank' as rank from json_each($1)) l
          where product.id = l.id and product.popularity = l.was
         returning product.id, product.sku, product.version",
        "update product p set popularity = l.rank, version = p.version + 1
           from jsonb_to_recordset($1) as l(id uuid, was bigint, rank bigint)
          where p.id = l.id and p.popularity = l.was
         returning p.id, p.sku, p.version";
}

/// Counts what was sold on a day.
pub(crate) async fn sold(tx: &mut Tx, day: i64, units: &BTreeMap<Uuid, i64>) -> Result<()> {
    let records: Vec<Value> =
        units.iter().map(|(id, units)| json!({"id": id, "units": units})).collect();
    tx.query(SOLD).bind(Json(records)).bind(day).execute().await.map(drop)
}

/// Forgets all sales, before they are heard of anew.
pub(crate) async fn forget(tx: &mut Tx) -> Result<()> {
    tx.query(FORGET).execute().await.map(drop)
}

/// Forgets the sales before a day.
pub(crate) async fn forget_before(tx: &mut Tx, day: i64) -> Result<()> {
    tx.query(FORGET_OLD).bind(day).execute().await.map(drop)
}

/// The next products behind `after` that were sold or have a rank: id, rank, weighted units.
pub(crate) async fn ranked(
    db: &Db,
    today: i64,
    after: Uuid,
    limit: i64,
) -> Result<Vec<(Uuid, i64, i64)>> {
    db.query(RANKED).bind(today).bind(after).bind(limit).all().await
}

/// Gives products another rank, `(id, was, rank)`: id, SKU and new version of those that had it.
pub(crate) async fn rank(
    tx: &mut Tx,
    ranks: &[(Uuid, i64, i64)],
) -> Result<Vec<(Uuid, String, i64)>> {
    super::products::hold(tx, ranks.iter().map(|(id, _, _)| *id)).await?;
    let records: Vec<Value> =
        ranks.iter().map(|(id, was, rank)| json!({"id": id, "was": was, "rank": rank})).collect();
    tx.query(RANK).bind(Json(records)).all().await
}
