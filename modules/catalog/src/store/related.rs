//! Products that belong to others.

use kernel::id::ProductId;
use platform::sql::{Db, Json, Result, Tx};
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
    EXISTING =
        "select p.id from product p where p.id in (select unhex(value, '-') from json_each($1))",
        "select p.id from product p
          where p.id in (select cast(jsonb_array_elements_text($1) as uuid))";
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

/// The relations of a product, in their order.
pub(crate) async fn all(db: &Db, id: ProductId) -> Result<Vec<(String, Uuid)>> {
    db.query(ALL).bind(id.uuid()).all().await
}
