//! The tree of categories.

use std::collections::HashMap;

use platform::sql::{Db, Json, Reads, Result, Tx};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::domain::Category;

macro_rules! category {
    () => {
        "select c.id, c.parent_id, c.name, c.path, c.slug, c.description, c.position, c.version
           from category c "
    };
}

platform::statements! {
    ALL = concat!(category!(), "order by c.path limit $1");
    BY_ID = concat!(category!(), "where c.id = $1");
    /// What a shopper calls it: its slug, its path or its id.
    BY_KEY = concat!(category!(), "where c.slug = $1 or c.path = $1");
    BY_PATHS =
        "select path, id from category where path in (select value from json_each($1))",
        "select path, id from category
          where path = any(array(select jsonb_array_elements_text($1)))";
    SLUGS_TAKEN =
        "select slug from category where slug in (select value from json_each($1))",
        "select slug from category where slug = any(array(select jsonb_array_elements_text($1)))";
    COUNT = "select count(*) from category";
    INSERT =
        "insert into category (id, parent_id, name, path, slug, description, position, version,
                               created_at, updated_at)
         select unhex(value->>'id', '-'), unhex(value->>'parent_id', '-'), value->>'name',
                value->>'path', value->>'slug', value->>'description', value->>'position',
                1, $2, $2
           from json_each($1) where true on conflict (path) do nothing",
        "insert into category (id, parent_id, name, path, slug, description, position, version,
                               created_at, updated_at)
         select x.id, x.parent_id, x.name, x.path, x.slug, x.description, x.position, 1, $2, $2
           from jsonb_to_recordset($1) as x(id uuid, parent_id uuid, name text, path text,
                slug text, description text, position bigint)
         on conflict (path) do nothing";
    UPDATE = "update category set parent_id = $2, name = $3, path = $4, slug = $5,
                     description = $6, position = $7, version = version + 1, updated_at = $8
               where id = $1 and version = $9";
    /// Those below a category that was at the path `$1` and is at `$2` now.
    MOVE_BELOW = "update category set path = $2 || substr(path, length($1) + 1)
                   where substr(path, 1, length($1) + 3) = $1 || ' > '";
    DELETE = "delete from category where id = $1 and version = $2
                 and not exists (select 1 from category b where b.parent_id = category.id)
                 and not exists (select 1 from product p where p.category_id = category.id)";
    CHANGE_TREE = "update category_tree set version = version + 1";
    COUNTED = "select p.category_id, count(*) as products from product p
                where p.shown and p.parent_id is null and p.category_id is not null
                group by p.category_id";
}

/// Every category, by path.
pub(crate) async fn read_all(from: &mut dyn Reads, limit: i64) -> Result<Vec<Category>> {
    from.query(ALL).bind(limit).all().await
}

/// How many products shoppers find right in a category, by category.
pub(crate) async fn counted(from: &mut dyn Reads) -> Result<HashMap<Uuid, i64>> {
    let rows: Vec<(Uuid, i64)> = from.query(COUNTED).all().await?;
    Ok(rows.into_iter().collect())
}

pub(crate) async fn find(db: &Db, key: &str) -> Result<Option<Category>> {
    match Uuid::try_parse(key) {
        Ok(id) => db.query(BY_ID).bind(id).optional().await,
        Err(_) => db.query(BY_KEY).bind(key).optional().await,
    }
}

pub(crate) async fn by_id(tx: &mut Tx, id: Uuid) -> Result<Option<Category>> {
    tx.query(BY_ID).bind(id).optional().await
}

pub(crate) async fn count(tx: &mut Tx) -> Result<i64> {
    let (count,): (i64,) = tx.query(COUNT).one().await?;
    Ok(count)
}

/// Takes the row that whoever changes the tree holds.
pub(crate) async fn lock_tree(tx: &mut Tx) -> Result<()> {
    tx.query(CHANGE_TREE).execute().await.map(drop)
}

/// The categories at these paths, by path.
pub(crate) async fn by_paths(tx: &mut Tx, paths: &[&str]) -> Result<HashMap<String, Uuid>> {
    let rows: Vec<(String, Uuid)> = tx.query(BY_PATHS).bind(Json(paths)).all().await?;
    Ok(rows.into_iter().collect())
}

/// Which of these slugs categories have.
pub(crate) async fn slugs_taken(tx: &mut Tx, slugs: &[String]) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = tx.query(SLUGS_TAKEN).bind(Json(slugs)).all().await?;
    Ok(rows.into_iter().map(|(slug,)| slug).collect())
}

/// Creates categories, those above before those below; ones whose path is taken are left out.
pub(crate) async fn insert(tx: &mut Tx, new: &[Category]) -> Result<u64> {
    let records: Vec<Value> = new
        .iter()
        .map(|one| {
            json!({
                "id": one.id, "parent_id": one.parent_id, "name": one.name, "path": one.path,
                "slug": one.slug, "description": one.description, "position": one.position,
            })
        })
        .collect();
    let now = tx.now();
    tx.query(INSERT).bind(Json(records)).bind(now).execute().await
}

/// Changes a category that still is in its version, and the paths below it. False when it is not.
pub(crate) async fn update(tx: &mut Tx, before: &Category, after: &Category) -> Result<bool> {
    let now = tx.now();
    let updated = tx
        .query(UPDATE)
        .bind(after.id)
        .bind(after.parent_id)
        .bind(after.name.as_str())
        .bind(after.path.as_str())
        .bind(after.slug.as_str())
        .bind(after.description.as_str())
        .bind(after.position)
        .bind(now)
        .bind(before.version)
        .execute()
        .await?;
    if updated == 1 && after.path != before.path {
        let (was, is) = (before.path.as_str(), after.path.as_str());
        tx.query(MOVE_BELOW).bind(was).bind(is).execute().await?;
    }
    Ok(updated == 1)
}

/// Deletes an empty category that still is in a version; false when it is not.
pub(crate) async fn delete(tx: &mut Tx, id: Uuid, version: i64) -> Result<bool> {
    Ok(tx.query(DELETE).bind(id).bind(version).execute().await? == 1)
}
