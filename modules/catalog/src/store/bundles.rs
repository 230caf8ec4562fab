//! What bundles are made of.

use std::collections::HashMap;

use kernel::id::ProductId;
use platform::sql::{Error, Json, Reads, Result, Tx};
use serde_json::{Value, json};
use uuid::Uuid;

use super::id_list;
use crate::domain::{Part, PartInput, Ties};

macro_rules! of {
    ($ids:literal) => {
        concat!(
            "select b.bundle_id, b.product_id, b.quantity, p.sku, p.name, p.status,
                    coalesce(p.weight_g, u.weight_g, 0) as weight_g
               from bundle_part b join product p on p.id = b.product_id
                    left join product u on u.id = p.parent_id
              where b.bundle_id ",
            $ids,
            " order by b.bundle_id, p.sku"
        )
    };
}
macro_rules! ties {
    ($ids:literal) => {
        concat!(
            "select p.id, exists (select 1 from product v where v.parent_id = p.id) as has_variants,
                    exists (select 1 from bundle_part b where b.bundle_id = p.id) as is_bundle,
                    exists (select 1 from bundle_part b where b.product_id = p.id) as is_part
               from product p where p.id ",
            $ids
        )
    };
}
macro_rules! mark {
    ($ids:literal) => {
        concat!(
            "update product
                set bundled = exists (select 1 from bundle_part b where b.bundle_id = product.id)
                              or exists (select 1 from bundle_part b where b.product_id = product.id)
              where id ",
            $ids
        )
    };
}

platform::statements! {
    OF =
        of!("in (select unhex(value, '-') from json_each($1))"),
        of!("= any(array(select cast(jsonb_array_elements_text($1) as uuid)))");
    TIES =
        ties!("in (select unhex(value, '-') from json_each($1))"),
        ties!("= any(array(select cast(jsonb_array_elements_text($1) as uuid)))");
    CLEAR_PARTS = "delete from bundle_part where bundle_id = $1";
    INSERT_PARTS =
        "insert into bundle_part (bundle_id, product_id, quantity)
         select $1, unhex(value->>'product_id', '-'), value->>'quantity' from json_each($2)",
        "insert into bundle_part (bundle_id, product_id, quantity)
         select $1, x.product_id, x.quantity
           from jsonb_to_recordset($2) as x(product_id uuid, quantity bigint)";
    MARK =
        mark!("in (select unhex(value, '-') from json_each($1))"),
        mark!("= any(array(select cast(jsonb_array_elements_text($1) as uuid)))");
}

#[derive(platform::sql::Record)]
struct Row {
    bundle_id: Uuid,
    product_id: Uuid,
    quantity: i64,
    sku: String,
    name: String,
    status: String,
    weight_g: i64,
}

/// The parts of bundles, by bundle.
pub(crate) type Parts = HashMap<Uuid, Vec<Part>>;

/// What these products are made of, each by the SKU of its parts; those that are no bundles are left out.
pub(crate) async fn read(from: &mut dyn Reads, ids: Vec<Uuid>) -> Result<Parts> {
    // Most pages and carts have no bundles.
    if ids.is_empty() {
        return Ok(Parts::new());
    }
    let rows: Vec<Row> = from.query(OF).bind(id_list(ids)).all().await?;
    let mut parts = Parts::new();
    for row in rows {
        let wrong = |_| Error::Inconsistent(format!("product {}: status", row.product_id));
        parts.entry(row.bundle_id).or_default().push(Part {
            product_id: row.product_id.into(),
            status: row.status.parse().map_err(wrong)?,
            sku: row.sku,
            name: row.name,
            quantity: row.quantity,
            weight_g: row.weight_g,
        });
    }
    Ok(parts)
}

/// What a product is made of.
pub(crate) async fn of(tx: &mut Tx, id: ProductId) -> Result<Vec<Part>> {
    let mut parts = read(tx, vec![id.uuid()]).await?;
    Ok(parts.remove(&id.uuid()).unwrap_or_default())
}

/// What products are to bundles; of those that do not exist nothing is said.
pub(crate) async fn ties(tx: &mut Tx, ids: &[Uuid]) -> Result<HashMap<ProductId, Ties>> {
    let rows: Vec<(Uuid, bool, bool, bool)> =
        tx.query(TIES).bind(id_list(ids.iter().copied())).all().await?;
    let tied = |(id, has_variants, is_bundle, is_part): (Uuid, bool, bool, bool)| {
        (ProductId::from(id), Ties { has_variants, is_bundle, is_part })
    };
    Ok(rows.into_iter().map(tied).collect())
}

/// Makes these the parts of a product. `touched` are the product and what was or is a part of it.
pub(crate) async fn replace(
    tx: &mut Tx,
    id: ProductId,
    parts: &[PartInput],
    touched: &[Uuid],
) -> Result<()> {
    tx.query(CLEAR_PARTS).bind(id.uuid()).execute().await?;
    if !parts.is_empty() {
        let records: Vec<Value> = parts
            .iter()
            .map(|part| json!({"product_id": part.product_id, "quantity": part.quantity}))
            .collect();
        tx.query(INSERT_PARTS).bind(id.uuid()).bind(Json(records)).execute().await?;
    }
    tx.query(MARK).bind(id_list(touched.iter().copied())).execute().await.map(drop)
}
