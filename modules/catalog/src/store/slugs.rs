//! The addresses products have and had.

use std::collections::HashMap;

use kernel::id::ProductId;
use platform::sql::{Db, Json, Result, Tx};
use serde_json::{Value, json};
use uuid::Uuid;

platform::statements! {
    OWNERS =
        "select slug, product_id from product_slug
          where slug in (select value from json_each($1))",
        "select slug, product_id from product_slug
          where slug = any(array(select jsonb_array_elements_text($1)))";
    CLAIM =
        "insert into product_slug (slug, product_id, created_at)
         select value->>'slug', unhex(value->>'id', '-'), $2 from json_each($1) where true
         on conflict (slug) do nothing",
        "insert into product_slug (slug, product_id, created_at)
         select x.slug, x.id, $2 from jsonb_to_recordset($1) as x(slug text, id uuid)
         on conflict (slug) do nothing";
    /// Where a former or present slug leads: the product and its slug now, if it is shown.
    LEADS_TO = "select p.id, p.slug from product_slug s join product p on p.id = s.product_id
                 where s.slug = $1 and p.shown";
}

/// Whose these slugs are or were.
pub(crate) async fn owners(tx: &mut Tx, slugs: Vec<String>) -> Result<HashMap<String, ProductId>> {
    let rows: Vec<(String, Uuid)> = tx.query(OWNERS).bind(Json(slugs)).all().await?;
    Ok(rows.into_iter().map(|(slug, id)| (slug, id.into())).collect())
}

/// Gives products their slugs. The first one that another product has, or had, is answered, and
/// the unit of work must be given up.
pub(crate) async fn claim(tx: &mut Tx, wanted: &[(&str, ProductId)]) -> Result<Option<String>> {
    if wanted.is_empty() {
        return Ok(None);
    }
    // In one order, so that two who want the same slugs do not wait for each other.
    let mut ordered = wanted.to_vec();
    ordered.sort_unstable();
    let records: Vec<Value> =
        ordered.iter().map(|(slug, id)| json!({"slug": slug, "id": id})).collect();
    let now = tx.now();
    let claimed = tx.query(CLAIM).bind(Json(records)).bind(now).execute().await?;
    if claimed == wanted.len() as u64 {
        return Ok(None);
    }
    let owners = owners(tx, wanted.iter().map(|(slug, _)| (*slug).to_owned()).collect()).await?;
    let taken = wanted.iter().find(|(slug, id)| owners.get(*slug).is_none_or(|owner| owner != id));
    Ok(taken.map(|(slug, _)| (*slug).to_owned()))
}

/// The product that a slug leads to, and its slug now.
pub(crate) async fn leads_to(db: &Db, slug: &str) -> Result<Option<(Uuid, Option<String>)>> {
    db.query(LEADS_TO).bind(slug).optional().await
}
