//! Price lists and their prices.

use std::collections::HashMap;

use kernel::id::ProductId;
use kernel::{Currency, Money, Timestamp};
use platform::sql::{Db, Error, Json, Result, Tx};
use serde_json::{Value, json};
use uuid::Uuid;

use super::id_list;
use crate::domain::{Listed, PRICE_LISTS_MAX, PriceList, TIERS_MAX};

macro_rules! list {
    ($tail:literal) => {
        concat!(
            "select l.id, l.code, l.name, l.currency, l.market, l.customer_group, l.priority,
                    l.valid_from, l.valid_until, l.version from price_list l ",
            $tail
        )
    };
}

macro_rules! keys {
    (sqlite) => {
        "(select unhex(value->>'id', '-') as id, value->>'quantity' as quantity,
                 value->>'amount' as amount from json_each($2))"
    };
    (postgres) => {
        "jsonb_to_recordset($2) as x(id uuid, quantity bigint, amount bigint)"
    };
}

platform::statements! {
    ALL = list!("order by l.code limit $1");
    BY_ID = list!("where l.id = $1");
    COUNT = "select count(*) from price_list";
    INSERT =
        "insert into price_list (id, code, name, currency, market, customer_group, priority,
                                 valid_from, valid_until, seen_at, version, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1, $10, $10)
         on conflict (code) do nothing";
    UPDATE = "update price_list set code = $2, name = $3, market = $4, customer_group = $5,
                     priority = $6, valid_from = $7, valid_until = $8, seen_at = $9,
                     version = version + 1, updated_at = $9
               where id = $1 and version = $10
                 and not exists (select 1 from price_list o where o.code = $2 and o.id <> $1)";
    DELETE = "delete from price_list where id = $1 and version = $2";
    DELETE_ENTRIES = "delete from price_list_entry where list_id = $1";
    /// Who writes prices of a list holds its row, so that the list stays.
    TOUCH = "update price_list set updated_at = $2 where id = $1";
    /// Lists whose validity began or ended since that was looked for last.
    CHANGED = "select id from price_list
                where (valid_from > seen_at and valid_from <= $1)
                   or (valid_until > seen_at and valid_until <= $1)
                order by id limit $2";
    /// Of nodes that look at once, one finds a list.
    SEE =
        "update price_list set seen_at = $2
          where id in (select unhex(value, '-') from json_each($1))
            and ((valid_from > seen_at and valid_from <= $2)
              or (valid_until > seen_at and valid_until <= $2)) returning id",
        "update price_list set seen_at = $2
          where id = any(array(select cast(jsonb_array_elements_text($1) as uuid)))
            and ((valid_from > seen_at and valid_from <= $2)
              or (valid_until > seen_at and valid_until <= $2)) returning id";
    PRODUCTS =
        "select id, sku from product
          where id in (select unhex(value, '-') from json_each($1))
             or sku in (select value from json_each($2))",
        "select id, sku from product
          where id = any(array(select cast(jsonb_array_elements_text($1) as uuid)))
             or sku = any(array(select jsonb_array_elements_text($2)))";
    PRICES =
        // Crossed, so that SQLite looks each key up and does not go through the list for it.
        concat!("select e.product_id, e.min_quantity, e.amount
                   from ", keys!(sqlite), " x cross join price_list_entry e
                  where e.list_id = $1 and e.product_id = x.id and e.min_quantity = x.quantity"),
        concat!("select e.product_id, e.min_quantity, e.amount from price_list_entry e
                   join ", keys!(postgres), " on x.id = e.product_id and x.quantity = e.min_quantity
                  where e.list_id = $1");
    PUT =
        concat!("insert into price_list_entry (list_id, product_id, min_quantity, amount)
                 select $1, x.id, x.quantity, x.amount from ", keys!(sqlite), " x where true
                 on conflict (list_id, product_id, min_quantity)
                 do update set amount = excluded.amount"),
        concat!("insert into price_list_entry (list_id, product_id, min_quantity, amount)
                 select $1, x.id, x.quantity, x.amount from ", keys!(postgres), "
                 on conflict (list_id, product_id, min_quantity)
                 do update set amount = excluded.amount");
    REMOVE =
        concat!("delete from price_list_entry where list_id = $1
                    and (product_id, min_quantity) in (select x.id, x.quantity from ", keys!(sqlite), " x)"),
        concat!("delete from price_list_entry where list_id = $1
                    and (product_id, min_quantity) in (select x.id, x.quantity from ", keys!(postgres), ")");
    TOO_MANY_TIERS =
        "select e.product_id from price_list_entry e
          where e.list_id = $1 and e.product_id in (select unhex(value, '-') from json_each($2))
          group by e.product_id having count(*) > $3",
        "select e.product_id from price_list_entry e
          where e.list_id = $1
            and e.product_id = any(array(select cast(jsonb_array_elements_text($2) as uuid)))
          group by e.product_id having count(*) > $3";
    TAKE = "delete from price_list_entry
             where list_id = $1 and product_id = $2 and min_quantity = $3 returning amount";
    PAGE = "select e.product_id, p.sku, e.min_quantity, e.amount
              from price_list_entry e join product p on p.id = e.product_id
             where e.list_id = $1 and (e.product_id, e.min_quantity) > ($2, $3)
             order by e.product_id, e.min_quantity limit $4";
    /// Products that a list can have prices for, by id.
    BASE_PRICES = "select p.id, p.price from product p left join category c on c.id = p.category_id
                    where p.id > $1 and p.currency = $2 and p.status <> 'archived'
                      and (cast($3 as text) is null or c.path = $3
                           or substr(c.path, 1, length($3) + 3) = $3 || ' > ')
                    order by p.id limit $4";
}

#[derive(platform::sql::Record)]
struct Row {
    id: Uuid,
    code: String,
    name: String,
    currency: String,
    market: Option<String>,
    customer_group: Option<String>,
    priority: i64,
    valid_from: Option<Timestamp>,
    valid_until: Option<Timestamp>,
    version: i64,
}

impl Row {
    fn list(self) -> Result<PriceList> {
        let currency = self.currency.parse();
        let wrong = |_| Error::Inconsistent(format!("price list {}: currency", self.code));
        Ok(PriceList {
            currency: currency.map_err(wrong)?,
            id: self.id,
            code: self.code,
            name: self.name,
            market: self.market,
            customer_group: self.customer_group,
            priority: self.priority,
            valid_from: self.valid_from,
            valid_until: self.valid_until,
            version: self.version,
        })
    }
}

/// Every list, by code.
pub(crate) async fn read_all(db: &Db) -> Result<Vec<PriceList>> {
    let rows: Vec<Row> = db.query(ALL).bind(PRICE_LISTS_MAX).all().await?;
    rows.into_iter().map(Row::list).collect()
}

pub(crate) async fn find(db: &Db, id: Uuid) -> Result<Option<PriceList>> {
    let row: Option<Row> = db.query(BY_ID).bind(id).optional().await?;
    row.map(Row::list).transpose()
}

pub(crate) async fn by_id(tx: &mut Tx, id: Uuid) -> Result<Option<PriceList>> {
    let row: Option<Row> = tx.query(BY_ID).bind(id).optional().await?;
    row.map(Row::list).transpose()
}

pub(crate) async fn count(tx: &mut Tx) -> Result<i64> {
    let (count,): (i64,) = tx.query(COUNT).one().await?;
    Ok(count)
}

/// False when another list has the code.
pub(crate) async fn insert(tx: &mut Tx, new: &PriceList) -> Result<bool> {
    let now = tx.now();
    let inserted = tx
        .query(INSERT)
        .bind(new.id)
        .bind(new.code.as_str())
        .bind(new.name.as_str())
        .bind(new.currency.code())
        .bind(new.market.as_deref())
        .bind(new.customer_group.as_deref())
        .bind(new.priority)
        .bind(new.valid_from)
        .bind(new.valid_until)
        .bind(now)
        .execute()
        .await?;
    Ok(inserted == 1)
}

/// False when it is not in the version any more that it was read in, or its new code is taken.
pub(crate) async fn update(tx: &mut Tx, changed: &PriceList) -> Result<bool> {
    let now = tx.now();
    let updated = tx
        .query(UPDATE)
        .bind(changed.id)
        .bind(changed.code.as_str())
        .bind(changed.name.as_str())
        .bind(changed.market.as_deref())
        .bind(changed.customer_group.as_deref())
        .bind(changed.priority)
        .bind(changed.valid_from)
        .bind(changed.valid_until)
        .bind(now)
        .bind(changed.version)
        .execute()
        .await?;
    Ok(updated == 1)
}

/// Deletes a list with its prices. False when it is not in the version any more.
pub(crate) async fn delete(tx: &mut Tx, id: Uuid, version: i64) -> Result<bool> {
    touch(tx, id).await?;
    tx.query(DELETE_ENTRIES).bind(id).execute().await?;
    Ok(tx.query(DELETE).bind(id).bind(version).execute().await? == 1)
}

/// Holds a list, so that nobody else writes prices of it or deletes it. False when it is gone.
pub(crate) async fn touch(tx: &mut Tx, id: Uuid) -> Result<bool> {
    let now = tx.now();
    Ok(tx.query(TOUCH).bind(id).bind(now).execute().await? == 1)
}

/// Whether the validity of a list has begun or ended and nobody has seen to it.
pub(crate) async fn has_changed(db: &Db, now: Timestamp) -> Result<bool> {
    let changed: Option<(Uuid,)> = db.query(CHANGED).bind(now).bind(1_i64).optional().await?;
    Ok(changed.is_some())
}

/// Takes the lists whose validity has begun or ended.
pub(crate) async fn see_changed(tx: &mut Tx) -> Result<Vec<Uuid>> {
    let now = tx.now();
    let changed: Vec<(Uuid,)> = tx.query(CHANGED).bind(now).bind(PRICE_LISTS_MAX).all().await?;
    let ids = id_list(changed.into_iter().map(|(id,)| id));
    let seen: Vec<(Uuid,)> = tx.query(SEE).bind(ids).bind(now).all().await?;
    Ok(seen.into_iter().map(|(id,)| id).collect())
}

/// The ids and SKUs of the products that exist among these.
pub(crate) async fn products(
    tx: &mut Tx,
    ids: impl IntoIterator<Item = Uuid>,
    skus: Vec<&str>,
) -> Result<Vec<(Uuid, String)>> {
    tx.query(PRODUCTS).bind(id_list(ids)).bind(Json(skus)).all().await
}

fn keys<'l>(prices: impl IntoIterator<Item = &'l Listed>) -> Json<Vec<Value>> {
    let key = |one: &Listed| {
        let amount = one.price.minor();
        json!({"id": one.product_id, "quantity": one.min_quantity, "amount": amount})
    };
    Json(prices.into_iter().map(key).collect())
}

/// The prices of a list, by product and quantity.
pub(crate) type Stored = HashMap<(ProductId, i64), Money>;

/// What a list says now where prices are to be put.
pub(crate) async fn prices<'l>(
    tx: &mut Tx,
    list: &PriceList,
    at: impl IntoIterator<Item = &'l Listed>,
) -> Result<Stored> {
    let query = tx.query(PRICES).bind(list.id).bind(keys(at));
    let rows: Vec<(Uuid, i64, i64)> = query.all().await?;
    let price = |(product, quantity, amount): (Uuid, i64, i64)| {
        ((product.into(), quantity), Money::from_minor(amount, list.currency))
    };
    Ok(rows.into_iter().map(price).collect())
}

/// Puts prices into a list, in place of those for the same product and quantity.
pub(crate) async fn put<'l>(
    tx: &mut Tx,
    list: Uuid,
    prices: impl IntoIterator<Item = &'l Listed>,
) -> Result<()> {
    tx.query(PUT).bind(list).bind(keys(prices)).execute().await.map(drop)
}

/// Takes prices out of a list.
pub(crate) async fn remove<'l>(
    tx: &mut Tx,
    list: Uuid,
    at: impl IntoIterator<Item = &'l Listed>,
) -> Result<()> {
    tx.query(REMOVE).bind(list).bind(keys(at)).execute().await.map(drop)
}

/// The products among these that have more prices in a list than are allowed.
pub(crate) async fn too_many_tiers(
    tx: &mut Tx,
    list: Uuid,
    products: impl IntoIterator<Item = Uuid>,
) -> Result<Vec<Uuid>> {
    let query = tx.query(TOO_MANY_TIERS).bind(list).bind(id_list(products)).bind(TIERS_MAX);
    let found: Vec<(Uuid,)> = query.all().await?;
    Ok(found.into_iter().map(|(id,)| id).collect())
}

/// Takes a price out of a list: what it was, in minor units.
pub(crate) async fn take(
    tx: &mut Tx,
    list: Uuid,
    product: ProductId,
    min_quantity: i64,
) -> Result<Option<i64>> {
    let query = tx.query(TAKE).bind(list).bind(product.uuid()).bind(min_quantity);
    let taken: Option<(i64,)> = query.optional().await?;
    Ok(taken.map(|(amount,)| amount))
}

/// The prices of a list after a product and quantity, in their order.
pub(crate) async fn page(
    db: &Db,
    list: &PriceList,
    after: (Uuid, i64),
    limit: i64,
) -> Result<Vec<Listed>> {
    let query = db.query(PAGE).bind(list.id).bind(after.0).bind(after.1).bind(limit);
    let rows: Vec<(Uuid, String, i64, i64)> = query.all().await?;
    let listed = |(id, sku, min_quantity, amount): (Uuid, String, i64, i64)| Listed {
        product_id: id.into(),
        sku,
        min_quantity,
        price: Money::from_minor(amount, list.currency),
    };
    Ok(rows.into_iter().map(listed).collect())
}

/// The base prices, in minor units, of the next products that are sold in a currency.
pub(crate) async fn base_prices(
    tx: &mut Tx,
    after: Uuid,
    currency: Currency,
    category: Option<&str>,
    limit: i64,
) -> Result<Vec<(Uuid, i64)>> {
    let query = tx.query(BASE_PRICES).bind(after).bind(currency.code()).bind(category);
    query.bind(limit).all().await
}
