//! Products, read and written.

use kernel::id::ProductId;
use platform::sql::Json;
use platform::sql::{Db, Result, Tx};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{ProductRow, columns, id_list, images, products};
use crate::domain::{NewProduct, Product};

/// A variant is in the shop only with its parent.
macro_rules! with_parent {
    () => {
        "not exists (select 1 from product r where r.id = p.parent_id and r.status <> 'active')"
    };
}

platform::statements! {
    BY_ID = concat!("select ", columns!(), " from product p where p.id = $1");
    BY_SKUS =
        concat!("select ", columns!(), " from product p
                  where p.sku in (select value from json_each($1))"),
        concat!("select ", columns!(), " from product p
                  where p.sku in (select jsonb_array_elements_text($1))");
    /// A product with its variants, itself first.
    SHOWN_BY_ID = concat!("select ", columns!(), " from product p
         where (p.id = $1 or p.parent_id = $1) and p.status = 'active' and ", with_parent!(), "
         order by case when p.id = $1 then 0 else 1 end, p.sku");
    SHOWN_BY_SKU = concat!("select ", columns!(), " from product p
         where (p.sku = $1 or p.parent_id = (select o.id from product o where o.sku = $1))
           and p.status = 'active' and ", with_parent!(), "
         order by case when p.sku = $1 then 0 else 1 end, p.sku");
    OFFERS =
        concat!("select p.id, p.sku, p.name, p.price, p.currency,
                (p.status = 'active' and ", with_parent!(), "
                 and not exists (select 1 from product v where v.parent_id = p.id)) as sellable
           from product p where p.id in (select unhex(value, '-') from json_each($1))"),
        concat!("select p.id, p.sku, p.name, p.price, p.currency,
                (p.status = 'active' and ", with_parent!(), "
                 and not exists (select 1 from product v where v.parent_id = p.id)) as sellable
           from product p
          where p.id in (select cast(jsonb_array_elements_text($1) as uuid))");
    INSERT =
        "insert into product (id, parent_id, sku, name, description, brand, price, currency,
                categories, attributes, options, images, status, version, created_at, updated_at)
         select unhex(value->>'id', '-'), unhex(value->>'parent_id', '-'), value->>'sku',
                value->>'name', value->>'description', value->>'brand', value->>'price',
                value->>'currency', value->'categories', value->'attributes', value->'options',
                value->'images', value->>'status', 1, $2, $2
           from json_each($1) where true
         on conflict (sku) do nothing",
        "insert into product (id, parent_id, sku, name, description, brand, price, currency,
                categories, attributes, options, images, status, version, created_at, updated_at)
         select x.id, x.parent_id, x.sku, x.name, x.description, x.brand, x.price, x.currency,
                x.categories, x.attributes, x.options, x.images, x.status, 1, $2, $2
           from jsonb_to_recordset($1) as x(id uuid, parent_id uuid, sku text, name text,
                description text, brand text, price bigint, currency text, categories jsonb,
                attributes jsonb, options jsonb, images jsonb, status text)
         on conflict (sku) do nothing";
    /// Changes products that still are in the version they were read in.
    UPDATE =
        "update product set name = l.name, description = l.description, brand = l.brand,
                price = l.price, currency = l.currency, categories = l.categories,
                attributes = l.attributes, options = l.options, images = l.images,
                status = l.status, version = product.version + 1, updated_at = $2
           from (select unhex(value->>'id', '-') as id, value->>'version' as version,
                        value->>'name' as name, value->>'description' as description,
                        value->>'brand' as brand, value->>'price' as price,
                        value->>'currency' as currency, value->'categories' as categories,
                        value->'attributes' as attributes, value->'options' as options,
                        value->'images' as images, value->>'status' as status
                   from json_each($1)) l
          where product.id = l.id and product.version = l.version",
        "update product p set name = l.name, description = l.description, brand = l.brand,
                price = l.price, currency = l.currency, categories = l.categories,
                attributes = l.attributes, options = l.options, images = l.images,
                status = l.status, version = p.version + 1, updated_at = $2
           from jsonb_to_recordset($1) as l(id uuid, version bigint, name text,
                description text, brand text, price bigint, currency text, categories jsonb,
                attributes jsonb, options jsonb, images jsonb, status text)
          where p.id = l.id and p.version = l.version";
    ARCHIVE = "update product set status = 'archived', version = version + 1, updated_at = $2
                where id = $1 and status <> 'archived' returning sku, version";
    CLEAR_CATEGORIES =
        "delete from product_category
          where product_id in (select unhex(value, '-') from json_each($1))",
        "delete from product_category
          where product_id in (select cast(jsonb_array_elements_text($1) as uuid))";
    INSERT_CATEGORIES =
        "insert into product_category (category, product_id)
         select value->>'category', unhex(value->>'id', '-') from json_each($1) where true
         on conflict (category, product_id) do nothing",
        "insert into product_category (category, product_id)
         select x.category, x.id from jsonb_to_recordset($1) as x(category text, id uuid)
         on conflict (category, product_id) do nothing";
    SET_STOCK = "update product set inventory_count = $2 where id = $1";
    CLEAR_STOCK = "update product set inventory_count = 0 where inventory_count <> 0";
    COUNT_SHOWN = "select count(*) from product p where p.status = 'active' and p.parent_id is null";
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
pub(crate) async fn shown_by_id(db: &Db, id: Uuid) -> Result<Vec<Product>> {
    products(db.query(SHOWN_BY_ID).bind(id).all().await?)
}

/// The active product with this SKU, and its active variants after it.
pub(crate) async fn shown_by_sku(db: &Db, sku: &str) -> Result<Vec<Product>> {
    products(db.query(SHOWN_BY_SKU).bind(sku).all().await?)
}

#[derive(platform::sql::Record)]
pub(crate) struct OfferRow {
    pub id: Uuid,
    pub sku: String,
    pub name: String,
    pub price: i64,
    pub currency: String,
    pub sellable: bool,
}

pub(crate) async fn offers(db: &Db, ids: &[ProductId]) -> Result<Vec<OfferRow>> {
    db.query(OFFERS).bind(id_list(ids.iter().map(|id| id.uuid()))).all().await
}

fn record(product: &Product) -> Value {
    let content = &product.content;
    json!({
        "id": product.id, "parent_id": product.parent_id, "sku": content.sku,
        "name": content.name, "description": content.description, "brand": content.brand,
        "price": content.price.minor(), "currency": content.price.currency(),
        "categories": content.categories, "attributes": content.attributes,
        "options": content.options, "images": content.images, "status": content.status,
        "version": product.version,
    })
}

/// Creates products; those whose SKU is taken are left out. Returns how many were created.
pub(crate) async fn insert(tx: &mut Tx, new: &[NewProduct]) -> Result<u64> {
    let records: Vec<Value> = new.iter().map(|new| record(&new.product)).collect();
    let now = tx.now();
    let created = tx.query(INSERT).bind(Json(records)).bind(now).execute().await?;
    if created == new.len() as u64 {
        add_categories(tx, new.iter().map(|new| &new.product)).await?;
        images::add_uses(tx, new.iter().map(|new| &new.product)).await?;
    }
    Ok(created)
}

/// Changes products that still have the version they were read in. Returns how many did.
pub(crate) async fn update(tx: &mut Tx, changed: &[&Product]) -> Result<u64> {
    let records: Vec<Value> = changed.iter().map(|product| record(product)).collect();
    let now = tx.now();
    let updated = tx.query(UPDATE).bind(Json(records)).bind(now).execute().await?;
    if updated == changed.len() as u64 {
        images::replace_uses(tx, changed).await?;
    }
    Ok(updated)
}

/// Makes the categories of products what the products say.
pub(crate) async fn replace_categories(tx: &mut Tx, changed: &[&Product]) -> Result<()> {
    if changed.is_empty() {
        return Ok(());
    }
    let ids = id_list(changed.iter().map(|product| product.id.uuid()));
    tx.query(CLEAR_CATEGORIES).bind(ids).execute().await?;
    add_categories(tx, changed.iter().copied()).await
}

async fn add_categories(tx: &mut Tx, of: impl Iterator<Item = &Product>) -> Result<()> {
    let mut records = Vec::new();
    for product in of {
        for category in &product.content.categories {
            records.push(json!({"category": category, "id": product.id}));
        }
    }
    if !records.is_empty() {
        tx.query(INSERT_CATEGORIES).bind(Json(records)).execute().await?;
    }
    Ok(())
}

/// Takes a product out of the shop; its SKU and new version, unless it was out already.
pub(crate) async fn archive(tx: &mut Tx, id: ProductId) -> Result<Option<(String, i64)>> {
    let now = tx.now();
    tx.query(ARCHIVE).bind(id.uuid()).bind(now).optional().await
}

/// Notes how many units of a product can be promised.
pub(crate) async fn set_stock(tx: &mut Tx, id: ProductId, available: i64) -> Result<u64> {
    tx.query(SET_STOCK).bind(id.uuid()).bind(available).execute().await
}

/// Forgets all stock, before it is heard of anew.
pub(crate) async fn clear_stock(tx: &mut Tx) -> Result<()> {
    tx.query(CLEAR_STOCK).execute().await.map(drop)
}

/// How many products shoppers see, variants not counted.
pub(crate) async fn count_shown(db: &Db) -> Result<i64> {
    let (count,): (i64,) = db.query(COUNT_SHOWN).one().await?;
    Ok(count)
}
