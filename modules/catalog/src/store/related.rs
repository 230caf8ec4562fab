//! Products that belong to others.

use std::collections::HashMap;

use kernel::id::ProductId;
use platform::sql::{Error, Json, Reads, Result, Tx};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::domain::Relation;

platform::statements! {
    CLEAR = "delete from product_relation where product_id = $1";
    INSERT =
        "insert into product_relation (product_id, kind, position, related_id)
         select $1, value->>'kind', key, unhex(value->>'product_id', '-') from json_each($2)",
        "insert into product_relation (product_id, kind, position, related_id)
         select $1, e.value->>'kind', e.n, cast(e.value->>'product_id' as uuid)
           from jsonb_array_elements($2) with ordinality as e(value, n)";
    CLEAR_ALL =
        "delete from product_relation
          where product_id in (select unhex(value, '-') from json_each($1))",
        "delete from product_relation
          where product_id = any(array(select cast(jsonb_array_elements_text($1) as uuid)))";
    INSERT_ALL =
        concat!(platform::json_rows!(),
        "insert into product_relation (product_id, kind, position, related_id)
         select unhex(value->>'of', '-'), value->>'kind', value->>'position',
                unhex(value->>'product_id', '-') from given"),
        "insert into product_relation (product_id, kind, position, related_id)
         select x.of, x.kind, x.position, x.product_id
           from jsonb_to_recordset($1) as x(of uuid, kind text, position bigint, product_id uuid)";
    OF =
        "select product_id, kind, related_id from product_relation
          where product_id in (select unhex(value, '-') from json_each($1))
          order by product_id, kind, position, related_id",
        "select product_id, kind, related_id from product_relation
          where product_id = any(array(select cast(jsonb_array_elements_text($1) as uuid)))
          order by product_id, kind, position, related_id";
    TOUCH_ALL =
        "update product set revision = revision + 1, version = version + 1, updated_at = $2
          where id in (select unhex(value, '-') from json_each($1)) returning id, sku, version",
        "update product set revision = revision + 1, version = version + 1, updated_at = $2
          where id = any(array(select cast(jsonb_array_elements_text($1) as uuid)))
         returning id, sku, version";
    EXISTING =
        "select p.id from product p where p.id in (select unhex(value, '-') from json_each($1))",
        "select p.id from product p
          where p.id = any(array(select cast(jsonb_array_elements_text($1) as uuid)))";
    ALL = "select kind, related_id from product_relation where product_id = $1
            order by kind, position, related_id";
    TOUCH = "update product set revision = revision + 1, version = version + 1, updated_at = $3
              where id = $1 and revision = $2 returning sku, version";
}

/// Counts a change of the product that an editor knows by `revision`: its SKU and new version.
pub(crate) async fn touch(
    tx: &mut Tx,
    id: ProductId,
    revision: i64,
) -> Result<Option<(String, i64)>> {
    let now = tx.now();
    tx.query(TOUCH).bind(id.uuid()).bind(revision).bind(now).optional().await
}

/// Which of these products exist.
pub(crate) async fn existing(tx: &mut Tx, ids: Vec<ProductId>) -> Result<Vec<Uuid>> {
    let ids = super::id_list(ids.into_iter().map(ProductId::uuid));
    let rows: Vec<(Uuid,)> = tx.query(EXISTING).bind(ids).all().await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Makes these the relations of a product.
pub(crate) async fn replace(tx: &mut Tx, id: ProductId, relations: &[Relation]) -> Result<()> {
    tx.query(CLEAR).bind(id.uuid()).execute().await?;
    if relations.is_empty() {
        return Ok(());
    }
    let records: Vec<Value> = relations
        .iter()
        .map(|one| json!({"kind": one.kind, "product_id": one.product_id}))
        .collect();
    tx.query(INSERT).bind(id.uuid()).bind(Json(records)).execute().await.map(drop)
}

/// Makes these the relations of products, which the unit of work holds.
pub(crate) async fn replace_all(tx: &mut Tx, all: Vec<(ProductId, &[Relation])>) -> Result<()> {
    let ids = super::id_list(all.iter().map(|(id, _)| id.uuid()));
    tx.query(CLEAR_ALL).bind(ids).execute().await?;
    let records = all.iter().flat_map(|(of, relations)| {
        relations.iter().enumerate().map(move |(position, one)| {
            let (kind, id) = (one.kind, one.product_id);
            json!({"of": of, "kind": kind, "position": position, "product_id": id})
        })
    });
    tx.query(INSERT_ALL).bind(Json(records.collect::<Vec<_>>())).execute().await.map(drop)
}

/// Counts a change of products: id, SKU and new version of each.
pub(crate) async fn touch_all(
    tx: &mut Tx,
    ids: impl IntoIterator<Item = ProductId>,
) -> Result<Vec<(Uuid, String, i64)>> {
    let (now, ids) = (tx.now(), super::id_list(ids.into_iter().map(ProductId::uuid)));
    tx.query(TOUCH_ALL).bind(ids).bind(now).all().await
}

/// The relations of products, by kind and in their order.
pub(crate) async fn of(
    tx: &mut Tx,
    ids: impl IntoIterator<Item = ProductId>,
) -> Result<HashMap<ProductId, Vec<Relation>>> {
    let ids = super::id_list(ids.into_iter().map(ProductId::uuid));
    let rows: Vec<(Uuid, String, Uuid)> = tx.query(OF).bind(ids).all().await?;
    let mut all: HashMap<ProductId, Vec<Relation>> = HashMap::new();
    for (id, kind, other) in rows {
        all.entry(id.into()).or_default().push(relation(&kind, other)?);
    }
    Ok(all)
}

/// A relation as it is stored.
fn relation(kind: &str, other: Uuid) -> Result<Relation> {
    let wrong = |error| Error::Inconsistent(format!("relation to {other}: {error}"));
    Ok(Relation { kind: kind.parse().map_err(wrong)?, product_id: other.into() })
}

/// The relations of a product, in their order.
pub(crate) async fn all(from: &mut dyn Reads, id: ProductId) -> Result<Vec<Relation>> {
    let rows: Vec<(String, Uuid)> = from.query(ALL).bind(id.uuid()).all().await?;
    rows.into_iter().map(|(kind, other)| relation(&kind, other)).collect()
}
