//! Products that are shown together.

use kernel::id::ProductId;
use platform::sql::{Db, Error, Json, Result, Tx};
use serde_json::Value;
use uuid::Uuid;

use super::id_list;
use crate::domain::Collection;

platform::statements! {
    ALL = "select id, slug, name, description, rule, version from collection
            order by name, id limit $1";
    BY_SLUG = "select id, slug, name, description, rule, version from collection where slug = $1";
    BY_ID = "select id, slug, name, description, rule, version from collection where id = $1";
    COUNT = "select count(*) from collection";
    INSERT = "insert into collection (id, slug, name, description, rule, version, created_at,
                                      updated_at)
              values ($1, $2, $3, $4, $5, 1, $6, $6) on conflict (slug) do nothing";
    SLUG_OF_OTHER = "select id from collection where slug = $1 and id <> $2";
    UPDATE = "update collection set slug = $2, name = $3, description = $4, rule = $5,
                     version = version + 1, updated_at = $6
               where id = $1 and version = $7";
    TOUCH = "update collection set version = version + 1, updated_at = $3
              where id = $1 and version = $2 and rule is null";
    DELETE = "delete from collection where id = $1 and version = $2";
    CLEAR = "delete from collection_product where collection_id = $1";
    CHOOSE =
        "insert into collection_product (collection_id, position, product_id)
         select $1, key, unhex(value, '-') from json_each($2)",
        "insert into collection_product (collection_id, position, product_id)
         select $1, e.n, cast(e.value as uuid)
           from jsonb_array_elements_text($2) with ordinality as e(value, n)";
    CHOSEN = "select product_id from collection_product where collection_id = $1
               order by position, product_id";
    CHOSEN_SKUS = "select c.collection_id, p.sku
                     from collection_product c join product p on p.id = c.product_id
                    order by c.collection_id, c.position, p.sku";
}

#[derive(platform::sql::Record)]
struct Row {
    id: Uuid,
    slug: String,
    name: String,
    description: String,
    rule: Option<Json<Value>>,
    version: i64,
}

impl Row {
    fn collection(self) -> Result<Collection> {
        let rule = self.rule.map(|rule| serde_json::from_value(rule.0)).transpose();
        let wrong = |_| Error::Inconsistent(format!("collection {}: rule", self.slug));
        Ok(Collection {
            rule: rule.map_err(wrong)?,
            id: self.id,
            slug: self.slug,
            name: self.name,
            description: self.description,
            version: self.version,
        })
    }
}

pub(crate) async fn all(db: &Db, limit: i64) -> Result<Vec<Collection>> {
    let rows: Vec<Row> = db.query(ALL).bind(limit).all().await?;
    rows.into_iter().map(Row::collection).collect()
}

pub(crate) async fn by_slug(db: &Db, slug: &str) -> Result<Option<Collection>> {
    let row: Option<Row> = db.query(BY_SLUG).bind(slug).optional().await?;
    row.map(Row::collection).transpose()
}

pub(crate) async fn read(db: &Db, id: Uuid) -> Result<Option<Collection>> {
    let row: Option<Row> = db.query(BY_ID).bind(id).optional().await?;
    row.map(Row::collection).transpose()
}

pub(crate) async fn by_id(tx: &mut Tx, id: Uuid) -> Result<Option<Collection>> {
    let row: Option<Row> = tx.query(BY_ID).bind(id).optional().await?;
    row.map(Row::collection).transpose()
}

pub(crate) async fn count(tx: &mut Tx) -> Result<i64> {
    let (count,): (i64,) = tx.query(COUNT).one().await?;
    Ok(count)
}

/// False when another collection has the slug.
pub(crate) async fn insert(tx: &mut Tx, new: &Collection) -> Result<bool> {
    let now = tx.now();
    let inserted = tx
        .query(INSERT)
        .bind(new.id)
        .bind(new.slug.as_str())
        .bind(new.name.as_str())
        .bind(new.description.as_str())
        .bind(new.rule.as_ref().map(Json))
        .bind(now)
        .execute()
        .await?;
    Ok(inserted == 1)
}

pub(crate) async fn slug_is_taken(tx: &mut Tx, slug: &str, by_other_than: Uuid) -> Result<bool> {
    let other: Option<(Uuid,)> =
        tx.query(SLUG_OF_OTHER).bind(slug).bind(by_other_than).optional().await?;
    Ok(other.is_some())
}

/// False when it is not in its version any more.
pub(crate) async fn update(tx: &mut Tx, changed: &Collection) -> Result<bool> {
    let now = tx.now();
    let updated = tx
        .query(UPDATE)
        .bind(changed.id)
        .bind(changed.slug.as_str())
        .bind(changed.name.as_str())
        .bind(changed.description.as_str())
        .bind(changed.rule.as_ref().map(Json))
        .bind(now)
        .bind(changed.version)
        .execute()
        .await?;
    Ok(updated == 1)
}

/// Counts a change of a collection without a rule that still is in a version.
pub(crate) async fn touch(tx: &mut Tx, id: Uuid, version: i64) -> Result<bool> {
    let now = tx.now();
    Ok(tx.query(TOUCH).bind(id).bind(version).bind(now).execute().await? == 1)
}

/// False when it is not in that version any more.
pub(crate) async fn delete(tx: &mut Tx, id: Uuid, version: i64) -> Result<bool> {
    Ok(tx.query(DELETE).bind(id).bind(version).execute().await? == 1)
}

/// Makes these the products of a collection.
pub(crate) async fn choose(tx: &mut Tx, id: Uuid, products: &[ProductId]) -> Result<()> {
    tx.query(CLEAR).bind(id).execute().await?;
    if products.is_empty() {
        return Ok(());
    }
    let ids = id_list(products.iter().map(|product| product.uuid()));
    tx.query(CHOOSE).bind(id).bind(ids).execute().await.map(drop)
}

/// The products that were chosen, in their order.
pub(crate) async fn chosen(db: &Db, id: Uuid) -> Result<Vec<Uuid>> {
    let rows: Vec<(Uuid,)> = db.query(CHOSEN).bind(id).all().await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// The SKUs of the products that were chosen for any collection, in their order.
pub(crate) async fn chosen_skus(db: &Db) -> Result<Vec<(Uuid, String)>> {
    db.query(CHOSEN_SKUS).all().await
}
