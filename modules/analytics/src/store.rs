//! The figures' tables.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use kernel::id::ProductId;
use kernel::{Currency, Money};
use platform::fault;
use platform::sql::Json;
use platform::sql::{Db, Error, Result, Tx};
use serde_json::json;
use uuid::Uuid;

use crate::domain::{Given, Period, Sale};

platform::statements! {
    ADD_DAY = "insert into sales_day (day, currency, orders, units, goods, revenue)
               values ($1, $2, $6, $3, $4, $5)
               on conflict (day, currency) do update
               set orders = sales_day.orders + excluded.orders, units = sales_day.units + excluded.units,
                   goods = sales_day.goods + excluded.goods,
                   revenue = sales_day.revenue + excluded.revenue";
    ADD_PRODUCTS =
        "insert into product_sales (day, currency, product_id, units, goods)
         select $1, $2, unhex(value->>'product_id', '-'), value->>'units', value->>'goods'
           from json_each($3) where true
             on conflict (day, currency, product_id) do update
            set units = product_sales.units + excluded.units,
                goods = product_sales.goods + excluded.goods",
        "insert into product_sales (day, currency, product_id, units, goods)
         select $1, $2, p.product_id, p.units, p.goods
           from jsonb_to_recordset($3) as p(product_id uuid, units bigint, goods bigint)
             on conflict (day, currency, product_id) do update
            set units = product_sales.units + excluded.units,
                goods = product_sales.goods + excluded.goods";
    TAKE_DAY = "update sales_day set orders = orders - 1, units = units - $3, goods = goods - $4,
                       revenue = revenue - $5
                 where day = $1 and currency = $2 and orders >= 1 and units >= $3 and goods >= $4
                   and revenue >= $5";
    TAKE_PRODUCTS =
        "update product_sales set units = units - l.n, goods = goods - l.price
           from (select unhex(value->>'product_id', '-') as id, value->>'units' as n,
                        value->>'goods' as price from json_each($3)) l
          where day = $1 and currency = $2 and product_id = l.id and units >= l.n
            and goods >= l.price",
        "update product_sales set units = product_sales.units - l.units,
                goods = product_sales.goods - l.goods
           from jsonb_to_recordset($3) as l(product_id uuid, units bigint, goods bigint)
          where day = $1 and currency = $2 and product_sales.product_id = l.product_id
            and product_sales.units >= l.units and product_sales.goods >= l.goods";
    /// Amounts below zero are taken back.
    REFUND_DAY = "update sales_day set refunds = refunds + $3
                   where day = $1 and currency = $2 and refunds + $3 >= 0";
    REFUND_PRODUCTS =
        "update product_sales set refunded_units = refunded_units + l.n, refunds = refunds + l.amount
           from (select unhex(value->>'product_id', '-') as id, value->>'units' as n,
                        value->>'goods' as amount from json_each($3)) l
          where day = $1 and currency = $2 and product_id = l.id and refunded_units + l.n >= 0
            and refunds + l.amount >= 0",
        "update product_sales set refunded_units = product_sales.refunded_units + l.units,
                refunds = product_sales.refunds + l.goods
           from jsonb_to_recordset($3) as l(product_id uuid, units bigint, goods bigint)
          where day = $1 and currency = $2 and product_sales.product_id = l.product_id
            and product_sales.refunded_units + l.units >= 0
            and product_sales.refunds + l.goods >= 0";
    CLEAR_DAYS = "delete from sales_day";
    CLEAR_PRODUCTS = "delete from product_sales";
    ALL_DAYS = "select day, currency, orders, revenue, refunds from sales_day where orders > 0";
    /// At most one row for each day and currency of a bounded period.
    SALES = "select day, currency, orders, units, goods, revenue, refunds from sales_day
              where day >= $1 and day <= $2 and orders > 0 order by day, currency";
    TOP = "select product_id, currency, cast(sum(units) as bigint) as units,
                  cast(sum(goods) as bigint) as goods,
                  cast(sum(refunded_units) as bigint) as refunded_units,
                  cast(sum(refunds) as bigint) as refunds
             from product_sales where day >= $1 and day <= $2
            group by product_id, currency having sum(units) > 0
            order by cast(sum(units) as bigint) desc, product_id, currency limit $3";
    DAY_ROWS = "select count(*) from (select day, currency from sales_day
                                       union select day, currency from product_sales) d";
    DAYS_OFF = "select d.day || ' ' || d.currency
                  from (select day, currency, sum(units) as units, sum(goods) as goods
                          from (select day, currency, units, goods from sales_day
                                union all
                                select day, currency, -units, -goods from product_sales) both_sides
                         group by day, currency) d
                 where d.units <> 0 or d.goods <> 0 limit 20";
    /// Money may be given back for no units.
    REFUNDS_OFF = "select d.day || ' ' || d.currency
                     from (select day, currency, sum(refunds) as refunds
                             from (select day, currency, refunds from sales_day
                                   union all
                                   select day, currency, -refunds from product_sales) both_sides
                            group by day, currency) d
                    where d.refunds < 0 limit 20";
}

fn products(of: &BTreeMap<ProductId, (i64, i64)>) -> Json<Vec<serde_json::Value>> {
    let product = |(id, (units, goods)): (&ProductId, &(i64, i64))| json!({"product_id": id.to_string(), "units": units, "goods": goods});
    Json(of.iter().map(product).collect())
}

/// Counts a sale.
pub(crate) async fn add(tx: &mut Tx, sale: &Sale) -> Result<()> {
    if fault::bug("sale_is_not_counted") {
        return Ok(());
    }
    let day = sale.day.to_string();
    tx.query(ADD_DAY)
        .bind(day.as_str())
        .bind(sale.currency.code())
        .bind(sale.units)
        .bind(sale.goods)
        .bind(sale.revenue)
        .bind(sale.orders)
        .execute()
        .await?;
    tx.query(ADD_PRODUCTS)
        .bind(day.as_str())
        .bind(sale.currency.code())
        .bind(products(&sale.products))
        .execute()
        .await?;
    Ok(())
}

/// Takes a sale back; refused when it was not counted.
pub(crate) async fn take_back(tx: &mut Tx, sale: &Sale) -> Result<()> {
    let day = sale.day.to_string();
    let days = tx
        .query(TAKE_DAY)
        .bind(day.as_str())
        .bind(sale.currency.code())
        .bind(sale.units)
        .bind(sale.goods)
        .bind(sale.revenue)
        .execute()
        .await?;
    let taken = tx
        .query(TAKE_PRODUCTS)
        .bind(day.as_str())
        .bind(sale.currency.code())
        .bind(products(&sale.products))
        .execute()
        .await?;
    if days == 1 && usize::try_from(taken) == Ok(sale.products.len()) {
        return Ok(());
    }
    let currency = sale.currency;
    Err(Error::Inconsistent(format!("no such sale was counted on {day} in {currency}")))
}

/// Counts what an order gave back; refused when the order was not counted, or has not given so much.
pub(crate) async fn refund(tx: &mut Tx, given: &Given) -> Result<()> {
    if fault::bug("refund_is_not_counted") {
        return Ok(());
    }
    let (day, currency) = (given.day.to_string(), given.currency.code());
    let days =
        tx.query(REFUND_DAY).bind(day.as_str()).bind(currency).bind(given.amount).execute().await?;
    let mut counted = 0;
    if !given.products.is_empty() {
        let of_products = tx.query(REFUND_PRODUCTS).bind(day.as_str()).bind(currency);
        counted = of_products.bind(products(&given.products)).execute().await?;
    }
    if days == 1 && usize::try_from(counted) == Ok(given.products.len()) {
        return Ok(());
    }
    Err(Error::Inconsistent(format!("what is given back on {day} was not sold in {currency}")))
}

/// Empties the figures.
pub(crate) async fn clear(tx: &mut Tx) -> Result<()> {
    tx.query(CLEAR_DAYS).execute().await?;
    tx.query(CLEAR_PRODUCTS).execute().await.map(drop)
}

/// What was sold on a day in a currency.
pub(crate) struct DaySales {
    pub day: NaiveDate,
    pub orders: i64,
    pub units: i64,
    pub goods: Money,
    pub revenue: Money,
    pub refunds: Money,
}

#[derive(platform::sql::Record)]
struct DayRow {
    day: String,
    currency: String,
    orders: i64,
    units: i64,
    goods: i64,
    revenue: i64,
    refunds: i64,
}

fn currency(code: &str) -> Result<Currency> {
    code.parse()
        .map_err(|error: kernel::currency::UnknownCurrency| Error::Inconsistent(error.to_string()))
}

impl DayRow {
    fn sales(self) -> Result<DaySales> {
        let currency = currency(&self.currency)?;
        let day = self.day.parse().map_err(|_| Error::Inconsistent(format!("day {}", self.day)))?;
        Ok(DaySales {
            day,
            orders: self.orders,
            units: self.units,
            goods: Money::from_minor(self.goods, currency),
            revenue: Money::from_minor(self.revenue, currency),
            refunds: Money::from_minor(self.refunds, currency),
        })
    }
}

/// The days of a period on which something was sold.
pub(crate) async fn sales(db: &Db, period: Period) -> Result<Vec<DaySales>> {
    let (from, to) = (period.from.to_string(), period.to.to_string());
    let rows: Vec<DayRow> = db.query(SALES).bind(from).bind(to).all().await?;
    rows.into_iter().map(DayRow::sales).collect()
}

/// What was sold of a product in a currency.
pub(crate) struct ProductSales {
    pub product_id: ProductId,
    pub units: i64,
    pub goods: Money,
    pub refunded_units: i64,
    pub refunds: Money,
}

#[derive(platform::sql::Record)]
struct ProductRow {
    product_id: Uuid,
    currency: String,
    units: i64,
    goods: i64,
    refunded_units: i64,
    refunds: i64,
}

/// The products of which most units were sold in a period, most first.
pub(crate) async fn top(db: &Db, period: Period, limit: u32) -> Result<Vec<ProductSales>> {
    let (from, to) = (period.from.to_string(), period.to.to_string());
    let rows: Vec<ProductRow> =
        db.query(TOP).bind(from).bind(to).bind(i64::from(limit)).all().await?;
    let sales = |row: ProductRow| {
        let currency = currency(&row.currency)?;
        Ok(ProductSales {
            product_id: row.product_id.into(),
            units: row.units,
            goods: Money::from_minor(row.goods, currency),
            refunded_units: row.refunded_units,
            refunds: Money::from_minor(row.refunds, currency),
        })
    };
    rows.into_iter().map(sales).collect()
}

/// What the figures say of a day (UTC, `2026-11-22`) in a currency.
#[derive(Debug, Clone, PartialEq, Eq, platform::sql::Record)]
pub struct Day {
    /// The day.
    pub day: String,
    /// The currency.
    pub currency: String,
    /// How many orders.
    pub orders: i64,
    /// What they cost, in minor units.
    pub revenue: i64,
    /// What they gave back, in minor units.
    pub refunds: i64,
}

/// Every day in every currency.
pub(crate) async fn all_days(db: &Db) -> Result<Vec<Day>> {
    db.query(ALL_DAYS).all().await
}
