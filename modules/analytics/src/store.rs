//! The figures' tables.

use chrono::NaiveDate;
use kernel::id::ProductId;
use kernel::{Currency, Money};
use platform::fault;
use platform::sql::Json;
use platform::sql::{Db, Error, Result, Tx};
use serde_json::json;
use uuid::Uuid;

use crate::domain::{Period, Sale};

platform::statements! {
    ADD_DAY = "insert into sales_day (day, currency, orders, units, goods, revenue)
               values ($1, $2, 1, $3, $4, $5)
               on conflict (day, currency) do update
               set orders = sales_day.orders + 1, units = sales_day.units + excluded.units,
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
    CLEAR_DAYS = "delete from sales_day";
    CLEAR_PRODUCTS = "delete from product_sales";
    ALL_DAYS = "select day, currency, orders, revenue from sales_day where orders > 0";
    /// At most one row for each day and currency of a bounded period.
    SALES = "select day, currency, orders, units, goods, revenue from sales_day
              where day >= $1 and day <= $2 and orders > 0 order by day, currency";
    TOP = "select product_id, currency, cast(sum(units) as bigint) as units,
                  cast(sum(goods) as bigint) as goods
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
}

fn products(sale: &Sale) -> Json<Vec<serde_json::Value>> {
    let product = |(id, (units, goods)): (&ProductId, &(i64, i64))| json!({"product_id": id.to_string(), "units": units, "goods": goods});
    Json(sale.products.iter().map(product).collect())
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
        .execute()
        .await?;
    tx.query(ADD_PRODUCTS)
        .bind(day.as_str())
        .bind(sale.currency.code())
        .bind(products(sale))
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
        .bind(products(sale))
        .execute()
        .await?;
    if days == 1 && usize::try_from(taken) == Ok(sale.products.len()) {
        return Ok(());
    }
    let currency = sale.currency;
    Err(Error::Inconsistent(format!("no such sale was counted on {day} in {currency}")))
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
}

#[derive(platform::sql::Record)]
struct DayRow {
    day: String,
    currency: String,
    orders: i64,
    units: i64,
    goods: i64,
    revenue: i64,
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
}

#[derive(platform::sql::Record)]
struct ProductRow {
    product_id: Uuid,
    currency: String,
    units: i64,
    goods: i64,
}

/// The products of which most units were sold in a period, most first.
pub(crate) async fn top(db: &Db, period: Period, limit: u32) -> Result<Vec<ProductSales>> {
    let (from, to) = (period.from.to_string(), period.to.to_string());
    let rows: Vec<ProductRow> =
        db.query(TOP).bind(from).bind(to).bind(i64::from(limit)).all().await?;
    let sales = |row: ProductRow| {
        let goods = Money::from_minor(row.goods, currency(&row.currency)?);
        Ok(ProductSales { product_id: row.product_id.into(), units: row.units, goods })
    };
    rows.into_iter().map(sales).collect()
}

/// Orders and revenue in minor units of every day and currency.
pub(crate) async fn all_days(db: &Db) -> Result<Vec<(String, String, i64, i64)>> {
    db.query(ALL_DAYS).all().await
}
