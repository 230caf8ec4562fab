//! Products, read and written.

use std::collections::{BTreeMap, HashMap};

use kernel::id::ProductId;
use kernel::{Currency, Timestamp};
use platform::sql::Json;
use platform::sql::{Db, Reads, Result, Tx};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::{ProductRow, columns, id_list, images, products};
use crate::domain::{NewProduct, Product, Status, Translation, category};

/// A variant is in the shop only with its parent.
macro_rules! with_parent {
    () => {
        "not exists (select 1 from product r where r.id = p.parent_id and not r.shown)"
    };
}

platform::statements! {
    BY_ID = concat!("select ", columns!(), " from product p where p.id = $1");
    BY_SKUS =
        concat!("select ", columns!(), " from product p
                  where p.sku in (select value from json_each($1))"),
        concat!("select ", columns!(), " from product p
                  where p.sku = any(array(select jsonb_array_elements_text($1)))");
    /// A product with its variants, itself first.
    SHOWN_BY_ID = concat!("select ", columns!(), " from product p
         where (p.id = $1 or p.parent_id = $1) and p.shown and ", with_parent!(), "
         order by case when p.id = $1 then 0 else 1 end, p.sku");
    SHOWN_BY_SKU = concat!("select ", columns!(), " from product p
         where (p.sku = $1 or p.parent_id = (select o.id from product o where o.sku = $1))
           and p.shown and ", with_parent!(), "
         order by case when p.sku = $1 then 0 else 1 end, p.sku");
    INSERT =
        concat!(platform::json_rows!(), "insert into product (id, parent_id, sku, name, description, brand, price, currency,
                category_id, attributes, options, images, status, publish_at, slug, tax_category,
                weight_g, barcode, translations, shown, public_price, public_currency,
                version, created_at, updated_at)
         select unhex(value->>'id', '-'), unhex(value->>'parent_id', '-'), value->>'sku',
                value->>'name', value->>'description', value->>'brand', value->>'price',
                value->>'currency', unhex(value->>'category_id', '-'), value->'attributes', value->'options',
                value->'images', value->>'status', value->>'publish_at', value->>'slug',
                value->>'tax_category', value->>'weight_g', value->>'barcode',
                value->'translations', value->>'shown', value->>'price', value->>'currency',
                1, $2, $2
           from given where true
         on conflict (sku) do nothing"),
        "insert into product (id, parent_id, sku, name, description, brand, price, currency,
                category_id, attributes, options, images, status, publish_at, slug, tax_category,
                weight_g, barcode, translations, shown, public_price, public_currency,
                version, created_at, updated_at)
         select x.id, x.parent_id, x.sku, x.name, x.description, x.brand, x.price, x.currency,
                x.category_id, x.attributes, x.options, x.images, x.status, x.publish_at, x.slug,
                x.tax_category, x.weight_g, x.barcode, x.translations, x.shown, x.price,
                x.currency, 1, $2, $2
           from jsonb_to_recordset($1) as x(id uuid, parent_id uuid, sku text, name text,
                description text, brand text, price bigint, currency text, category_id uuid,
                attributes jsonb, options jsonb, images jsonb, status text,
                publish_at timestamptz, slug text, tax_category text, weight_g bigint,
                barcode text, translations jsonb, shown boolean)
         on conflict (sku) do nothing";
    /// Changes products that no editor has changed since they were read.
    UPDATE =
        concat!(platform::json_rows!(), "update product set name = l.name, description = l.description, brand = l.brand,
                price = l.price, currency = l.currency, category_id = l.category_id,
                attributes = l.attributes, options = l.options, images = l.images,
                status = l.status, publish_at = l.publish_at, slug = l.slug,
                tax_category = l.tax_category, weight_g = l.weight_g, barcode = l.barcode,
                translations = l.translations, shown = l.shown,
                revision = product.revision + 1, version = product.version + 1, updated_at = $2
           from (select unhex(value->>'id', '-') as id, value->>'revision' as revision,
                        value->>'name' as name, value->>'description' as description,
                        value->>'brand' as brand, value->>'price' as price,
                        value->>'currency' as currency, unhex(value->>'category_id', '-') as category_id,
                        value->'attributes' as attributes, value->'options' as options,
                        value->'images' as images, value->>'status' as status,
                        value->>'publish_at' as publish_at, value->>'slug' as slug,
                        value->>'tax_category' as tax_category, value->>'weight_g' as weight_g,
                        value->>'barcode' as barcode, value->'translations' as translations,
                        value->>'shown' as shown
                   from given) l
          where product.id = l.id and product.revision = l.revision
         returning product.id, product.version"),
        "update product p set name = l.name, description = l.description, brand = l.brand,
                price = l.price, currency = l.currency, category_id = l.category_id,
                attributes = l.attributes, options = l.options, images = l.images,
                status = l.status, publish_at = l.publish_at, slug = l.slug,
                tax_category = l.tax_category, weight_g = l.weight_g, barcode = l.barcode,
                translations = l.translations, shown = l.shown,
                revision = p.revision + 1, version = p.version + 1, updated_at = $2
           from jsonb_to_recordset($1) as l(id uuid, revision bigint, name text,
                description text, brand text, price bigint, currency text, category_id uuid,
                attributes jsonb, options jsonb, images jsonb, status text,
                publish_at timestamptz, slug text, tax_category text, weight_g bigint,
                barcode text, translations jsonb, shown boolean)
          where p.id = l.id and p.revision = l.revision
         returning p.id, p.version";
    /// Whoever changes several products holds them in this order first, so that nobody waits for
    /// each other.
    HOLD =
        "select p.id from product p
          where p.id in (select unhex(value, '-') from json_each($1)) order by p.id",
        "select p.id from product p
          where p.id = any(array(select cast(jsonb_array_elements_text($1) as uuid)))
          order by p.id for no key update";
    STATUS = "select status from product where id = $1";
    ARCHIVE = "update product set status = 'archived', shown = false, revision = revision + 1,
                      version = version + 1, updated_at = $2
                where id = $1 and status <> 'archived' returning sku, version";
    DUE = "select p.id from product p
            where p.status = 'active' and not p.shown and p.publish_at <= $1
            order by p.publish_at, p.id limit $2";
    /// Shows what is due; whoever asks for the same product second changes nothing.
    SHOW =
        "update product set shown = true, version = version + 1
          where id in (select unhex(value, '-') from json_each($1))
            and status = 'active' and not shown returning id, sku, version",
        "update product set shown = true, version = version + 1
          where id = any(array(select cast(jsonb_array_elements_text($1) as uuid)))
            and status = 'active' and not shown returning id, sku, version";
    COUNT_SHOWN = "select count(*) from product p where p.shown and p.parent_id is null";
}

pub(crate) async fn by_id(tx: &mut Tx, id: ProductId) -> Result<Option<Product>> {
    let row: Option<ProductRow> = tx.query(BY_ID).bind(id.uuid()).optional().await?;
    row.map(ProductRow::product).transpose()
}

pub(crate) async fn read(db: &Db, id: ProductId) -> Result<Option<Product>> {
    let row: Option<ProductRow> = db.query(BY_ID).bind(id.uuid()).optional().await?;
    row.map(ProductRow::product).transpose()
}

pub(crate) async fn by_skus(tx: &mut Tx, skus: Vec<&str>) -> Result<Vec<Product>> {
    products(tx.query(BY_SKUS).bind(Json(skus)).all().await?)
}

/// The active product with this id, and its active variants after it.
pub(crate) async fn shown_by_id(from: &mut dyn Reads, id: Uuid) -> Result<Vec<Product>> {
    products(from.query(SHOWN_BY_ID).bind(id).all().await?)
}

/// The active product with this SKU, and its active variants after it.
pub(crate) async fn shown_by_sku(from: &mut dyn Reads, sku: &str) -> Result<Vec<Product>> {
    products(from.query(SHOWN_BY_SKU).bind(sku).all().await?)
}

/// A product as INSERT and UPDATE read it.
#[derive(Serialize)]
struct Written<'p> {
    id: ProductId,
    parent_id: Option<ProductId>,
    sku: &'p str,
    name: &'p str,
    description: &'p str,
    brand: &'p str,
    price: i64,
    currency: Currency,
    category_id: Option<Uuid>,
    attributes: &'p BTreeMap<String, Value>,
    options: &'p BTreeMap<String, String>,
    images: &'p [String],
    status: Status,
    publish_at: Option<Spelled>,
    slug: Option<&'p str>,
    tax_category: &'p str,
    weight_g: Option<i64>,
    barcode: Option<&'p str>,
    translations: &'p BTreeMap<String, Translation>,
    shown: bool,
    revision: i64,
}

/// Categories by path.
pub(crate) type Places = HashMap<String, Uuid>;

#[derive(Serialize)]
struct Spelled(#[serde(serialize_with = "platform::sql::spell")] Timestamp);

/// `places` are the categories of products by path.
fn written<'p>(product: &'p Product, places: &Places, now: Timestamp) -> Written<'p> {
    let content = &product.content;
    Written {
        id: product.id,
        parent_id: product.parent_id,
        sku: &content.sku,
        name: &content.name,
        description: &content.description,
        brand: &content.brand,
        price: content.price.minor(),
        currency: content.price.currency(),
        category_id: places.get(&category::path(&content.categories)).copied(),
        attributes: &content.attributes,
        options: &content.options,
        images: &content.images,
        status: content.status,
        publish_at: content.publish_at.map(Spelled),
        slug: content.slug.as_deref(),
        tax_category: &content.tax_category,
        weight_g: content.weight_g,
        barcode: content.barcode.as_deref(),
        translations: &content.translations,
        shown: product.shown_at(now),
        revision: product.revision,
    }
}

/// Holds products, so that nobody else changes them until the unit of work is over.
pub(crate) async fn hold(tx: &mut Tx, ids: impl IntoIterator<Item = Uuid>) -> Result<()> {
    let _: Vec<(Uuid,)> = tx.query(HOLD).bind(id_list(ids)).all().await?;
    Ok(())
}

/// Creates products; those whose SKU is taken are left out. Returns how many were created.
pub(crate) async fn insert(tx: &mut Tx, new: &[NewProduct], places: &Places) -> Result<u64> {
    let now = tx.now();
    let records: Vec<Written<'_>> =
        new.iter().map(|new| written(&new.product, places, now)).collect();
    let created = tx.query(INSERT).bind(Json(records)).bind(now).execute().await?;
    if created == new.len() as u64 {
        images::add_uses(tx, new.iter().map(|new| &new.product)).await?;
    }
    Ok(created)
}

/// Changes products that no editor has changed since they were read; the new versions of those.
pub(crate) async fn update(
    tx: &mut Tx,
    changed: &[&Product],
    places: &Places,
) -> Result<HashMap<Uuid, i64>> {
    let now = tx.now();
    let records: Vec<Written<'_>> =
        changed.iter().map(|product| written(product, places, now)).collect();
    let versions: Vec<(Uuid, i64)> = tx.query(UPDATE).bind(Json(records)).bind(now).all().await?;
    images::replace_uses(tx, changed).await?;
    Ok(versions.into_iter().collect())
}

/// Shows at most `limit` products whose time has come: id, SKU and new version of each.
pub(crate) async fn show_due(tx: &mut Tx, limit: i64) -> Result<Vec<(Uuid, String, i64)>> {
    let now = tx.now();
    let due: Vec<(Uuid,)> = tx.query(DUE).bind(now).bind(limit).all().await?;
    if due.is_empty() {
        return Ok(Vec::new());
    }
    let due: Vec<Uuid> = due.into_iter().map(|(id,)| id).collect();
    hold(tx, due.iter().copied()).await?;
    tx.query(SHOW).bind(id_list(due)).all().await
}

/// Whether products wait for their time and it has come.
pub(crate) async fn is_due(db: &Db, now: Timestamp) -> Result<bool> {
    let due: Option<(Uuid,)> = db.query(DUE).bind(now).bind(1_i64).optional().await?;
    Ok(due.is_some())
}

/// Takes a product out of the shop: the status it had, its SKU and new version, unless it was out
/// already.
pub(crate) async fn archive(tx: &mut Tx, id: ProductId) -> Result<Option<(String, String, i64)>> {
    let now = tx.now();
    let was: Option<(String,)> = tx.query(STATUS).bind(id.uuid()).optional().await?;
    let archived: Option<(String, i64)> =
        tx.query(ARCHIVE).bind(id.uuid()).bind(now).optional().await?;
    Ok(was.zip(archived).map(|((was,), (sku, version))| (was, sku, version)))
}

/// How many products shoppers see, variants not counted.
pub(crate) async fn count_shown(db: &Db) -> Result<i64> {
    let (count,): (i64,) = db.query(COUNT_SHOWN).one().await?;
    Ok(count)
}
