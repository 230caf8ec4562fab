//! Uploaded images, and which products name them.

use kernel::Timestamp;
use kernel::id::ImageId;
use platform::sql::{Db, Error, Json, Result, Tx};
use serde_json::{Value, json};
use uuid::Uuid;

use super::id_list;
use crate::domain::{Image, ImageType, Product, Variant, uploaded};

/// The columns of an [`ImageRow`].
macro_rules! columns {
    () => {
        "id, sha256, kind, width, height, bytes, alt, version, created_at, updated_at, variants"
    };
}

platform::statements! {
    BY_ID = concat!("select ", columns!(), " from image where id = $1");
    BY_SHA256 = concat!("select ", columns!(), " from image where sha256 = $1");
    /// The newest first.
    LIST = concat!("select ", columns!(), " from image where id < $1 order by id desc limit $2");
    INSERT = concat!("insert into image (", columns!(), ")
         values ($1, $2, $3, $4, $5, $6, $7, 1, $8, $8, $9) on conflict (sha256) do nothing");
    DESCRIBE = "update image set alt = $3, version = version + 1, updated_at = $4
                 where id = $1 and version = $2";
    /// Waits for whoever is naming an image, and keeps others from it until the commit. On SQLite
    /// there is one writer.
    HOLD_USES = "select cast(0 as bigint)", "lock table product_image in share mode";
    USER = "select p.sku from image i join product_image u on u.sha256 = i.sha256
              join product p on p.id = u.product_id where i.id = $1 limit 1";
    DELETE = "delete from image where id = $1";
    CLEAR_USES =
        "delete from product_image
          where product_id in (select unhex(value, '-') from json_each($1))",
        "delete from product_image
          where product_id = any(array(select cast(jsonb_array_elements_text($1) as uuid)))";
    INSERT_USES =
        "insert into product_image (sha256, product_id)
         select value->>'sha256', unhex(value->>'id', '-') from json_each($1) where true
         on conflict (sha256, product_id) do nothing",
        "insert into product_image (sha256, product_id)
         select x.sha256, x.id from jsonb_to_recordset($1) as x(sha256 text, id uuid)
         on conflict (sha256, product_id) do nothing";
}

#[derive(platform::sql::Record)]
struct ImageRow {
    id: Uuid,
    sha256: String,
    kind: String,
    width: i64,
    height: i64,
    bytes: i64,
    alt: String,
    version: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
    variants: Json<Vec<Variant>>,
}

impl ImageRow {
    fn image(self) -> Result<Image> {
        let wrong = |what: &str| Error::Inconsistent(format!("image {}: {what}", self.id));
        Ok(Image {
            kind: ImageType::of_word(&self.kind).ok_or_else(|| wrong("kind"))?,
            width: u32::try_from(self.width).map_err(|_| wrong("width"))?,
            height: u32::try_from(self.height).map_err(|_| wrong("height"))?,
            id: self.id.into(),
            sha256: self.sha256,
            bytes: self.bytes,
            alt: self.alt,
            variants: self.variants.0,
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

pub(crate) async fn by_id(db: &Db, id: ImageId) -> Result<Option<Image>> {
    let row: Option<ImageRow> = db.query(BY_ID).bind(id.uuid()).optional().await?;
    row.map(ImageRow::image).transpose()
}

pub(crate) async fn by_id_in(tx: &mut Tx, id: ImageId) -> Result<Option<Image>> {
    let row: Option<ImageRow> = tx.query(BY_ID).bind(id.uuid()).optional().await?;
    row.map(ImageRow::image).transpose()
}

pub(crate) async fn by_sha256(db: &Db, sha256: &str) -> Result<Option<Image>> {
    let row: Option<ImageRow> = db.query(BY_SHA256).bind(sha256).optional().await?;
    row.map(ImageRow::image).transpose()
}

/// The newest images before one, or of all.
pub(crate) async fn list(db: &Db, before: Option<Uuid>, limit: i64) -> Result<Vec<Image>> {
    let before = before.unwrap_or(Uuid::max());
    let rows: Vec<ImageRow> = db.query(LIST).bind(before).bind(limit).all().await?;
    rows.into_iter().map(ImageRow::image).collect()
}

/// False when the same image is there already.
pub(crate) async fn insert(tx: &mut Tx, image: &Image) -> Result<bool> {
    let inserted = tx
        .query(INSERT)
        .bind(image.id.uuid())
        .bind(image.sha256.as_str())
        .bind(image.kind.word())
        .bind(i64::from(image.width))
        .bind(i64::from(image.height))
        .bind(image.bytes)
        .bind(image.alt.as_str())
        .bind(image.created_at)
        .bind(Json(&image.variants))
        .execute()
        .await?;
    Ok(inserted == 1)
}

/// False when the image is not in `version` any more.
pub(crate) async fn describe(tx: &mut Tx, id: ImageId, version: i64, alt: &str) -> Result<bool> {
    let now = tx.now();
    let query = tx.query(DESCRIBE).bind(id.uuid()).bind(version).bind(alt).bind(now);
    Ok(query.execute().await? == 1)
}

/// The SKU of a product that names an image. Until the commit no further one will.
pub(crate) async fn user(tx: &mut Tx, id: ImageId) -> Result<Option<String>> {
    let _: Option<(i64,)> = tx.query(HOLD_USES).optional().await?;
    let user: Option<(String,)> = tx.query(USER).bind(id.uuid()).optional().await?;
    Ok(user.map(|(sku,)| sku))
}

/// False when it was not there.
pub(crate) async fn delete(tx: &mut Tx, id: ImageId) -> Result<bool> {
    Ok(tx.query(DELETE).bind(id.uuid()).execute().await? == 1)
}

/// Notes which uploaded images new products name.
pub(crate) async fn add_uses(tx: &mut Tx, of: impl Iterator<Item = &Product>) -> Result<()> {
    let uses: Vec<Value> = of
        .flat_map(|product| {
            let named = product.content.images.iter().filter_map(|address| uploaded(address));
            named.map(|sha256| json!({"sha256": sha256, "id": product.id}))
        })
        .collect();
    if !uses.is_empty() {
        tx.query(INSERT_USES).bind(Json(uses)).execute().await?;
    }
    Ok(())
}

/// Notes which uploaded images changed products name now.
pub(crate) async fn replace_uses(tx: &mut Tx, changed: &[&Product]) -> Result<()> {
    let ids = id_list(changed.iter().map(|product| product.id.uuid()));
    tx.query(CLEAR_USES).bind(ids).execute().await?;
    add_uses(tx, changed.iter().copied()).await
}
