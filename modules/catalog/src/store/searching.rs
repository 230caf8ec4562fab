//! What the search index is made from, and which building of it is wanted.

use std::collections::BTreeMap;

use kernel::Timestamp;
use platform::sql::{Db, Json, Result, Tx};
use serde_json::Value;
use uuid::Uuid;

use super::id_list;
use crate::domain::Translation;

platform::statements! {
    GENERATION = "select generation from search_generation";
    FIRST_GENERATION = "insert into search_generation (one, generation) values (true, $1)
                        on conflict (one) do nothing";
    NEXT_GENERATION = "insert into search_generation (one, generation) values (true, $1)
                       on conflict (one) do update set generation = excluded.generation";
    /// Products as they are found: a variant through its parent.
    FOUND_AS =
        "select distinct coalesce(p.parent_id, p.id) from product p
          where p.id in (select unhex(value, '-') from json_each($1))",
        "select distinct coalesce(p.parent_id, p.id) from product p
          where p.id = any(array(select cast(jsonb_array_elements_text($1) as uuid)))";
    /// The products of categories and of those below them.
    FOUND_IN =
        "select p.id from product p
          where p.category_id in
                (select c.id from category m join category c
                     on c.path = m.path or substr(c.path, 1, length(m.path) + 3) = m.path || ' > '
                  where m.id in (select unhex(value, '-') from json_each($1)))
            and p.parent_id is null",
        "select p.id from product p
          where p.category_id in
                (select c.id from category m join category c
                     on c.path = m.path or substr(c.path, 1, length(m.path) + 3) = m.path || ' > '
                  where m.id = any(array(select cast(jsonb_array_elements_text($1) as uuid))))
            and p.parent_id is null";
    PAGE = "select p.id from product p where p.parent_id is null and p.id > $1
             order by p.id limit $2";
    SOURCES =
        "select p.id, p.sku, p.name, p.description, p.brand, p.public_price as price,
                p.public_currency as currency,
                (select c.path from category c where c.id = p.category_id) as category,
                p.attributes, p.options, p.barcode, p.translations, p.status, p.shown, p.in_stock,
                p.popularity, p.created_at
           from product p
          where p.id in (select unhex(value, '-') from json_each($1)) and p.parent_id is null",
        "select p.id, p.sku, p.name, p.description, p.brand, p.public_price as price,
                p.public_currency as currency,
                (select c.path from category c where c.id = p.category_id) as category,
                p.attributes, p.options, p.barcode, p.translations, p.status, p.shown, p.in_stock,
                p.popularity, p.created_at
           from product p
          where p.id = any(array(select cast(jsonb_array_elements_text($1) as uuid)))
            and p.parent_id is null";
    VARIANTS =
        "select v.parent_id, v.sku, v.barcode, v.options, v.shown, v.in_stock from product v
          where v.parent_id in (select unhex(value, '-') from json_each($1))",
        "select v.parent_id, v.sku, v.barcode, v.options, v.shown, v.in_stock from product v
          where v.parent_id = any(array(select cast(jsonb_array_elements_text($1) as uuid)))";
    NAMES =
        "select p.id, p.sku, p.name from product p
          where p.id in (select unhex(value, '-') from json_each($1)) and p.shown
          order by p.name, p.id",
        "select p.id, p.sku, p.name from product p
          where p.id = any(array(select cast(jsonb_array_elements_text($1) as uuid)))
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
    /// What shoppers pay in the default market.
    pub price: i64,
    pub currency: String,
    pub category: Option<String>,
    pub attributes: Json<BTreeMap<String, Value>>,
    pub options: Json<BTreeMap<String, String>>,
    pub barcode: Option<String>,
    pub translations: Json<BTreeMap<String, Translation>>,
    pub status: String,
    pub shown: bool,
    pub in_stock: bool,
    pub popularity: i64,
    pub created_at: Timestamp,
    #[record(skip)]
    pub variants: Vec<Variant>,
}

/// What is indexed of a variant, with its parent.
#[derive(Debug, platform::sql::Record)]
pub(crate) struct Variant {
    pub parent_id: Uuid,
    pub sku: String,
    pub barcode: Option<String>,
    pub options: Json<BTreeMap<String, String>>,
    pub shown: bool,
    pub in_stock: bool,
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

/// The products that are found in these categories.
pub(crate) async fn found_in(db: &Db, ids: impl IntoIterator<Item = Uuid>) -> Result<Vec<Uuid>> {
    let rows: Vec<(Uuid,)> = db.query(FOUND_IN).bind(id_list(ids)).all().await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// The next products to be indexed, by id.
pub(crate) async fn page(db: &Db, after: Uuid, limit: usize) -> Result<Vec<Uuid>> {
    let rows: Vec<(Uuid,)> =
        db.query(PAGE).bind(after).bind(i64::try_from(limit).unwrap_or(i64::MAX)).all().await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// What is indexed of these products; there is nothing of a variant by itself.
pub(crate) async fn sources(db: &Db, ids: &[Uuid]) -> Result<Vec<Source>> {
    let list = id_list(ids.iter().copied());
    let mut sources: Vec<Source> = db.query(SOURCES).bind(list.clone()).all().await?;
    let mut variants: BTreeMap<Uuid, Vec<Variant>> = BTreeMap::new();
    for variant in db.query(VARIANTS).bind(list).all::<Variant>().await? {
        variants.entry(variant.parent_id).or_default().push(variant);
    }
    for source in &mut sources {
        source.variants = variants.remove(&source.id).unwrap_or_default();
    }
    Ok(sources)
}

/// The SKUs and names of these products, by name.
pub(crate) async fn names(db: &Db, ids: Vec<Uuid>) -> Result<Vec<(Uuid, String, String)>> {
    db.query(NAMES).bind(id_list(ids)).all().await
}
