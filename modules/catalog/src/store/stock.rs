//! What lies of each product, stock by stock, and the sum that is for sale.

use std::collections::BTreeSet;

use kernel::Timestamp;
use kernel::events::LocationChanged;
use kernel::id::{ProductId, StockId};
use platform::sql::{Json, Result, Tx};
use serde_json::{Value, json};
use uuid::Uuid;

use super::id_list;

/// What can be promised of a product where orders are served from: the units that lie there, those that
/// come later, and the day before which nothing leaves.
macro_rules! for_sale {
    ($product:literal) => {
        concat!(
            "(select coalesce(cast(sum(case when s.units > s.safety then s.units - s.safety else 0 end) as bigint), 0),
                     coalesce(cast(sum(case when s.units > s.safety then s.backorder_max
                                            when s.units - s.safety + s.backorder_max > 0
                                            then s.units - s.safety + s.backorder_max
                                            else 0 end) as bigint), 0),
                     min(s.available_from)
                from product_stock s left join stock_location l on l.code = s.location
               where s.product_id = ",
            $product,
            " and coalesce(l.is_for_sale, s.is_for_sale))"
        )
    };
}

/// What can be promised of a bundle: as many as there are of every part, and nothing when a part is not sold any
/// more. None of it leaves before all of it can.
macro_rules! of_parts {
    ($bundles:literal) => {
        concat!(
            "update product set (inventory_count, backorderable, available_from) =
                (select min(case when p.status = 'archived' then 0
                                 else p.inventory_count / b.quantity end),
                        min(case when p.status = 'archived' then 0
                                 else (p.inventory_count + p.backorderable) / b.quantity end)
                        - min(case when p.status = 'archived' then 0
                                   else p.inventory_count / b.quantity end),
                        max(p.available_from)
                   from bundle_part b join product p on p.id = b.product_id
                  where b.bundle_id = product.id)
              where id ",
            $bundles
        )
    };
}
macro_rules! has_some {
    () => {
        "id, inventory_count > 0 or backorderable > 0 as has_some, in_stock, bundled"
    };
}
macro_rules! turn {
    ($products:literal) => {
        concat!(
            "update product set in_stock = (inventory_count > 0 or backorderable > 0),
                    version = version + 1
              where id ",
            $products,
            "   and in_stock <> (inventory_count > 0 or backorderable > 0)
             returning id, sku, version, in_stock"
        )
    };
}
macro_rules! bundles {
    ($products:literal) => {
        concat!(
            "select p.id from product p
              where p.id in (select b.bundle_id from bundle_part b where b.product_id ",
            $products,
            "                 union select b.bundle_id from bundle_part b where b.bundle_id ",
            $products,
            ") order by p.id"
        )
    };
    ($products:literal, held) => {
        concat!(bundles!($products), " for no key update of p")
    };
}

platform::statements! {
    /// Only some events say where the stock lies.
    NOTE_STOCK = "insert into product_stock (stock_id, product_id, location, units, is_for_sale,
                                             safety, backorder_max, available_from)
                  values ($1, $2, $3, $4, $5, coalesce($6, 0), coalesce($7, 0), $8)
                      on conflict (stock_id) do update
                     set units = excluded.units,
                         safety = coalesce($6, product_stock.safety),
                         available_from = case when excluded.location is null
                                               then product_stock.available_from
                                               else excluded.available_from end,
                         backorder_max = coalesce($7, product_stock.backorder_max),
                         location = coalesce(excluded.location, product_stock.location),
                         is_for_sale = case when excluded.location is null
                                            then product_stock.is_for_sale
                                            else excluded.is_for_sale end";
    /// What most events tell, of many stocks at once: where they lie stays as it was told before.
    NOTE_UNITS =
        "insert into product_stock (stock_id, product_id, units, is_for_sale, safety, backorder_max)
         select unhex(value->>'stock_id', '-'), unhex(value->>'product_id', '-'), value->>'units', true, 0, 0
           from json_each($1) where true
             on conflict (stock_id) do update set units = excluded.units",
        "insert into product_stock (stock_id, product_id, units, is_for_sale, safety, backorder_max)
         select s.stock_id, s.product_id, s.units, true, 0, 0
           from jsonb_to_recordset($1) as s(stock_id uuid, product_id uuid, units bigint)
          order by s.stock_id
             on conflict (stock_id) do update set units = excluded.units";
    SET_STOCK =
        concat!("update product set (inventory_count, backorderable, available_from) = ",
                for_sale!("product.id"),
                " where id in (select unhex(value, '-') from json_each($1)) returning ", has_some!()),
        concat!("update product set (inventory_count, backorderable, available_from) = ",
                for_sale!("product.id"),
                " where id in (select p.id from product p
                                where p.id = any(array(select cast(jsonb_array_elements_text($1) as uuid)))
                                order by p.id for no key update)
                 returning ", has_some!());
    NOTE_LOCATION = "insert into stock_location (code, is_for_sale) values ($1, $2)
                         on conflict (code) do update set is_for_sale = excluded.is_for_sale";
    SET_STOCK_AT = concat!("update product set (inventory_count, backorderable, available_from) = ",
                           for_sale!("product.id"),
                           " where id in (select product_id from product_stock where location = $1)");
    TURN_STOCK_AT = turn!("in (select s.product_id from product_stock s where s.location = $1)");
    /// Bundles among these products and of them. Whoever counts one holds it before it reads the parts.
    BUNDLES =
        bundles!("in (select unhex(value, '-') from json_each($1))"),
        bundles!("= any(array(select cast(jsonb_array_elements_text($1) as uuid)))", held);
    BUNDLES_AT =
        bundles!("in (select s.product_id from product_stock s where s.location = $1)"),
        bundles!("in (select s.product_id from product_stock s where s.location = $1)", held);
    COUNT_BUNDLES =
        of_parts!("in (select unhex(value, '-') from json_each($1))"),
        of_parts!("= any(array(select cast(jsonb_array_elements_text($1) as uuid)))");
    TURN_ALL =
        turn!("in (select unhex(value, '-') from json_each($1))"),
        turn!("= any(array(select cast(jsonb_array_elements_text($1) as uuid)))");
    CLEAR_STOCK = "update product set inventory_count = 0, backorderable = 0, available_from = null
                    where inventory_count <> 0 or backorderable <> 0";
    CLEAR_SHELVES = "delete from product_stock";
    CLEAR_LOCATIONS = "delete from stock_location";
}

/// What an event tells of one stock.
pub(crate) struct Noted<'a> {
    pub stock_id: StockId,
    pub product_id: ProductId,
    /// Where it lies, if the event says so.
    pub location: Option<&'a str>,
    /// How many units are not promised.
    pub units: i64,
    /// How many of them are kept back, if the event says so.
    pub safety: Option<i64>,
    /// How many units can be promised beyond what lies there, if the event says so.
    pub backorder_max: Option<i64>,
    /// Nothing leaves before; told with the location.
    pub available_from: Option<Timestamp>,
    /// Whether orders are served from there, as long as nothing else is known of the location.
    pub is_for_sale: bool,
}

/// A product that came into stock or ran out.
#[derive(platform::sql::Record)]
pub(crate) struct Turned {
    pub id: Uuid,
    pub sku: String,
    pub version: i64,
    pub in_stock: bool,
}

/// Notes what can be promised of one stock, and with it of its product and of the bundles it is in: the
/// products that turned by it. None when the product is not known.
pub(crate) async fn note(tx: &mut Tx, noted: &Noted<'_>) -> Result<Option<Vec<Turned>>> {
    let id = noted.product_id.uuid();
    tx.query(NOTE_STOCK)
        .bind(noted.stock_id.uuid())
        .bind(id)
        .bind(noted.location)
        .bind(noted.units)
        .bind(noted.is_for_sale)
        .bind(noted.safety)
        .bind(noted.backorder_max)
        .bind(noted.available_from)
        .execute()
        .await?;
    let Counted { known, turned } = count(tx, &[id]).await?;
    Ok(known.contains(&id).then_some(turned))
}

/// How many units of a stock are not promised.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Level {
    pub stock_id: StockId,
    pub product_id: ProductId,
    pub units: i64,
}

/// Notes levels, one of each stock, as [`note`] does: what came of their products.
pub(crate) async fn note_levels(tx: &mut Tx, levels: &[Level]) -> Result<Counted> {
    let record = |level: &Level| json!({"stock_id": level.stock_id, "product_id": level.product_id, "units": level.units});
    let records: Vec<Value> = levels.iter().map(record).collect();
    tx.query(NOTE_UNITS).bind(Json(records)).execute().await?;
    let products: BTreeSet<Uuid> = levels.iter().map(|level| level.product_id.uuid()).collect();
    count(tx, &Vec::from_iter(products)).await
}

/// Products that were counted.
pub(crate) struct Counted {
    /// Those that the catalogue has.
    pub known: Vec<Uuid>,
    /// Those that came into stock or ran out, and bundles that did so by them.
    pub turned: Vec<Turned>,
}

/// Counts what can be promised of products.
async fn count(tx: &mut Tx, ids: &[Uuid]) -> Result<Counted> {
    let rows: Vec<(Uuid, bool, bool, bool)> =
        tx.query(SET_STOCK).bind(id_list(ids.iter().copied())).all().await?;
    let bundled: Vec<Uuid> = rows.iter().filter(|row| row.3).map(|row| row.0).collect();
    let others =
        rows.iter().filter(|(_, has_some, in_stock, bundled)| !bundled && has_some != in_stock);
    let others: Vec<Uuid> = others.map(|row| row.0).collect();
    let mut turned = Vec::new();
    if !bundled.is_empty() {
        turned = count_bundles(tx, bundled).await?;
    }
    if !others.is_empty() {
        turned.extend(tx.query(TURN_ALL).bind(id_list(others)).all::<Turned>().await?);
    }
    Ok(Counted { known: rows.iter().map(|row| row.0).collect(), turned })
}

/// Counts what can be promised of a product whose parts are others now: what turned by it.
pub(crate) async fn count_anew(tx: &mut Tx, product: ProductId) -> Result<Vec<Turned>> {
    let id = product.uuid();
    tx.query(SET_STOCK).bind(id_list([id])).all::<(Uuid, bool, bool, bool)>().await?;
    count_bundles(tx, [id]).await
}

/// Counts the bundles among products, and those that they are parts of: what turned of them and of the products.
pub(crate) async fn count_bundles(
    tx: &mut Tx,
    ids: impl IntoIterator<Item = Uuid>,
) -> Result<Vec<Turned>> {
    let mut ids: Vec<Uuid> = ids.into_iter().collect();
    let bundles: Vec<(Uuid,)> = tx.query(BUNDLES).bind(id_list(ids.iter().copied())).all().await?;
    let bundles: Vec<Uuid> = bundles.into_iter().map(|(id,)| id).collect();
    if !bundles.is_empty() {
        tx.query(COUNT_BUNDLES).bind(id_list(bundles.iter().copied())).execute().await?;
    }
    ids.extend(bundles);
    tx.query(TURN_ALL).bind(id_list(ids)).all().await
}

/// Notes whether orders are served from a location: the products that turned by it.
pub(crate) async fn note_location(tx: &mut Tx, location: &LocationChanged) -> Result<Vec<Turned>> {
    let code = location.code.as_str();
    tx.query(NOTE_LOCATION).bind(code).bind(location.is_for_sale).execute().await?;
    tx.query(SET_STOCK_AT).bind(code).execute().await?;
    let bundles: Vec<(Uuid,)> = tx.query(BUNDLES_AT).bind(code).all().await?;
    let mut turned: Vec<Turned> = Vec::new();
    if !bundles.is_empty() {
        let ids = id_list(bundles.into_iter().map(|(id,)| id));
        tx.query(COUNT_BUNDLES).bind(ids.clone()).execute().await?;
        turned = tx.query(TURN_ALL).bind(ids).all().await?;
    }
    // The others that lie there.
    turned.extend(tx.query(TURN_STOCK_AT).bind(code).all::<Turned>().await?);
    Ok(turned)
}

/// Forgets all stock, before it is heard of anew.
pub(crate) async fn clear(tx: &mut Tx) -> Result<()> {
    for all in [CLEAR_STOCK, CLEAR_SHELVES, CLEAR_LOCATIONS] {
        tx.query(all).execute().await?;
    }
    Ok(())
}
