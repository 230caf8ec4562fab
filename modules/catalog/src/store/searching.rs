//! What the search index is made from, and which building of it is wanted.

use std::collections::BTreeMap;

use platform::sql::Json;
use platform::sql::{Db, Result, Tx};
use serde_json::Value;
use uuid::Uuid;

use super::id_list;

platform::statements! {
    GENERATION = "select generation from search_generation";
    FIRST_GENERATION = "insert into search_generation (one, generation) values (true, $1)
                        on conflict (one) do nothing";
    NEXT_GENERATION = "insert into search_generation (one, generation) values (true, $1)
                       on conflict (one) do update set generation = excluded.generation";
    /// The products that shoppers find: a variant is found through its parent.
    FOUND_AS =
        "select distinct coalesce(p.parent_id, p.id) from product p
          where p.id in (select unhex(value, '-') from json_each($1))",
        "select distinct coalesce(p.parent_id, p.id) from product p
          where p.id in (select cast(jsonb_array_elements_text($1) as uuid))";
    PAGE = "select p.id from product p
             where p.parent_id is null and p.shown and p.id > $1
             order by p.id limit $2";
    SOURCES =
        "select p.id, p.sku, p.name, p.description, p.brand, p.price, p.currency,
                (select c.path from category c where c.id = p.category_id) as category,
                p.attributes from product p
          where p.id in (select unhex(value, '-') from json_each($1)) and p.shown",
        "select p.id, p.sku, p.name, p.description, p.brand, p.price, p.currency,
                (select c.path from category c where c.id = p.category_id) as category,
                p.attributes from product p
          where p.id in (select cast(jsonb_array_elements_text($1) as uuid))
            and p.shown";
    VARIANT_SKUS =
        "select v.parent_id, v.sku from product v
          where v.parent_id in (select unhex(value, '-') from json_each($1))
            and v.shown",
        "select v.parent_id, v.sku from product v
          where v.parent_id in (select cast(jsonb_array_elements_text($1) as uuid))
            and v.shown";
    NAMES =
        "select p.id, p.sku, p.name from product p
          where p.id in (select unhex(value, '-') from json_each($1)) and p.shown
          order by p.name, p.id",
        "select p.id, p.sku, p.name from product p
          where p.id in (select cast(jsonb_array_elements_text($1) as uuid))
            and p.shown
          order by p.name, p.id";
}

/// What is indexed of a product.
#[derive(Debug, platform::sql::Record)]
pub(crate) struct Source {
    pub id: Uuid,
    pub sku: String,
    pub name: String,
    pub description: String,
    pub brand: String,
    pub price: i64,
    pub currency: String,
    pub category: Option<String>,
    pub attributes: Json<BTreeMap<String, Value>>,
    #[record(skip)]
    pub variant_skus: Vec<String>,
}

/// The wanted building of the index; the first one is decided here.
pub(crate) async fn generation(db: &Db) -> Result<Uuid> {
    if let Some((generation,)) = db.query(GENERATION).optional().await? {
        return Ok(generation);
    }
    let mut tx = db.begin("catalog.search_generation").await?;
    tx.query(FIRST_GENERATION).bind(Uuid::now_v7()).execute().await?;
    let (generation,): (Uuid,) = tx.query(GENERATION).one().await?;
    tx.commit().await?;
    Ok(generation)
}

/// Asks for another building of the index.
pub(crate) async fn next_generation(tx: &mut Tx) -> Result<()> {
    tx.query(NEXT_GENERATION).bind(Uuid::now_v7()).execute().await.map(drop)
}

/// As which products these are found.
pub(crate) async fn found_as(db: &Db, ids: impl IntoIterator<Item = Uuid>) -> Result<Vec<Uuid>> {
    let rows: Vec<(Uuid,)> = db.query(FOUND_AS).bind(id_list(ids)).all().await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// The next products to be indexed, by id.
pub(crate) async fn page(db: &Db, after: Uuid, limit: i64) -> Result<Vec<Uuid>> {
    let rows: Vec<(Uuid,)> = db.query(PAGE).bind(after).bind(limit).all().await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// What is indexed of these products; those that are not active are left out.
pub(crate) async fn sources(db: &Db, ids: &[Uuid]) -> Result<Vec<Source>> {
    let list = id_list(ids.iter().copied());
    let mut sources: Vec<Source> = db.query(SOURCES).bind(list.clone()).all().await?;
    let variants: Vec<(Uuid, String)> = db.query(VARIANT_SKUS).bind(list).all().await?;
    let mut skus: BTreeMap<Uuid, Vec<String>> = BTreeMap::new();
    for (parent, sku) in variants {
        skus.entry(parent).or_default().push(sku);
    }
    for source in &mut sources {
        source.variant_skus = skus.remove(&source.id).unwrap_or_default();
    }
    Ok(sources)
}

/// The SKUs and names of these products, by name.
pub(crate) async fn names(db: &Db, ids: Vec<Uuid>) -> Result<Vec<(Uuid, String, String)>> {
    db.query(NAMES).bind(id_list(ids)).all().await
}
