//! The lines of orders, and what bundles among them are made of.

use kernel::id::{LineId, OrderId};
use kernel::ports::{Part, Taxed};
use kernel::{Currency, Money};
use platform::sql::{Db, Error, Json, Result, Tx};
use uuid::Uuid;

use crate::domain::order::Line;
use crate::domain::tax::LineTax;

platform::statements! {
    INSERT_LINES =
        "insert into order_line (id, order_id, product_id, sku, name, quantity, unit_minor,
                total_minor, discount_minor, tax_minor, tax_ppm, category)
         select unhex(value->>'id', '-'), $1, unhex(value->>'product_id', '-'), value->>'sku',
                value->>'name', value->>'quantity', value->>'unit_minor', value->>'total_minor',
                value->>'discount_minor', value->>'tax_minor', value->>'tax_ppm',
                value->>'category'
           from json_each($2)",
        "insert into order_line (id, order_id, product_id, sku, name, quantity, unit_minor,
                total_minor, discount_minor, tax_minor, tax_ppm, category)
         select l.id, $1, l.product_id, l.sku, l.name, l.quantity, l.unit_minor, l.total_minor,
                l.discount_minor, l.tax_minor, l.tax_ppm, l.category
           from jsonb_to_recordset($2) as l(id uuid, product_id uuid, sku text, name text,
                quantity bigint, unit_minor bigint, total_minor bigint, discount_minor bigint,
                tax_minor bigint, tax_ppm bigint, category text)";
    INSERT_PARTS =
        "insert into order_line_part (order_line_id, product_id, sku, name, quantity)
         select unhex(value->>'line_id', '-'), unhex(value->>'product_id', '-'), value->>'sku',
                value->>'name', value->>'quantity' from json_each($1)",
        "insert into order_line_part (order_line_id, product_id, sku, name, quantity)
         select p.line_id, p.product_id, p.sku, p.name, p.quantity
           from jsonb_to_recordset($1) as p(line_id uuid, product_id uuid, sku text, name text,
                quantity bigint)";
    LINES =
        "select id, order_id, product_id, sku, name, quantity, unit_minor, discount_minor,
                tax_minor, tax_ppm, shipped, delivered, lost, cancelled, returned, refunded,
                category,
                (select json_group_array(json_object('product_id', lower(hex(p.product_id)),
                        'sku', p.sku, 'name', p.name, 'quantity', p.quantity))
                   from order_line_part p where p.order_line_id = order_line.id) as parts
           from order_line
          where order_id in (select unhex(value, '-') from json_each($1)) order by id",
        "select id, order_id, product_id, sku, name, quantity, unit_minor, discount_minor,
                tax_minor, tax_ppm, shipped, delivered, lost, cancelled, returned, refunded,
                category,
                (select jsonb_agg(jsonb_build_object('product_id', p.product_id,
                        'sku', p.sku, 'name', p.name, 'quantity', p.quantity))
                   from order_line_part p where p.order_line_id = order_line.id) as parts
           from order_line
          where order_id = any(array(select cast(value as uuid) from jsonb_array_elements_text($1)))
          order by id";
}

/// A line as it is stored.
#[derive(platform::sql::Record)]
pub struct LineRow {
    id: Uuid,
    /// Its order.
    pub order_id: Uuid,
    product_id: Uuid,
    sku: String,
    name: String,
    quantity: i64,
    unit_minor: i64,
    discount_minor: i64,
    tax_minor: Option<i64>,
    tax_ppm: Option<i64>,
    /// How many units have left.
    pub shipped: i64,
    delivered: i64,
    lost: i64,
    cancelled: i64,
    returned: i64,
    refunded: i64,
    category: Option<String>,
    parts: Option<Json<Vec<Part>>>,
}

impl LineRow {
    /// The line, of an order in this currency.
    pub fn line(self, currency: Currency) -> Result<Line> {
        let money = |minor| Money::from_minor(minor, currency);
        let unit_price = money(self.unit_minor);
        let nonsense = |_| Error::Inconsistent(format!("order line {}: its price", self.id));
        let mut parts = self.parts.map(|parts| parts.0).unwrap_or_default();
        parts.sort_by(|one, other| one.sku.cmp(&other.sku));
        Ok(Line {
            id: self.id.into(),
            product_id: self.product_id.into(),
            sku: self.sku,
            name: self.name,
            category: self.category,
            quantity: self.quantity,
            unit_price,
            total: unit_price.times(self.quantity).map_err(nonsense)?,
            discount: money(self.discount_minor),
            tax: line_tax(self.tax_minor, self.tax_ppm, currency),
            shipped: self.shipped,
            delivered: self.delivered,
            lost: self.lost,
            cancelled: self.cancelled,
            returned: self.returned,
            refunded: self.refunded,
            parts,
        })
    }
}

/// A tax as its two columns say it; none of an order of old.
pub fn line_tax(minor: Option<i64>, ppm: Option<i64>, currency: Currency) -> Option<LineTax> {
    let (minor, rate_ppm) = minor.zip(ppm)?;
    Some(Taxed { rate_ppm, tax: Money::from_minor(minor, currency) }.into())
}

/// The lines of an order, as a unit of work sees them.
pub async fn of_order(tx: &mut Tx, order: OrderId) -> Result<Vec<LineRow>> {
    tx.query(LINES).bind(Json([order])).all().await
}

/// The lines of several orders.
pub async fn of_orders(db: &Db, orders: &[Uuid]) -> Result<Vec<LineRow>> {
    db.query(LINES).bind(Json(orders)).all().await
}

/// Inserts lines of an order, with what they are made of.
pub async fn insert(tx: &mut Tx, order: OrderId, lines: &[Line]) -> Result<()> {
    let rows: Vec<_> = lines.iter().map(written).collect();
    tx.query(INSERT_LINES).bind(order.uuid()).bind(Json(rows)).execute().await?;
    let part = |id: LineId, part: &Part| {
        serde_json::json!({
            "line_id": id, "product_id": part.product_id, "sku": part.sku, "name": part.name,
            "quantity": part.quantity,
        })
    };
    let parts = lines.iter().flat_map(|line| line.parts.iter().map(|it| part(line.id, it)));
    let parts: Vec<_> = parts.collect();
    if parts.is_empty() {
        return Ok(());
    }
    tx.query(INSERT_PARTS).bind(Json(parts)).execute().await.map(drop)
}

/// A line as statements take it.
pub fn written(line: &Line) -> serde_json::Value {
    serde_json::json!({
        "id": line.id, "product_id": line.product_id, "sku": line.sku, "name": line.name,
        "category": line.category, "quantity": line.quantity, "unit_minor": line.unit_price.minor(),
        "total_minor": line.total.minor(), "discount_minor": line.discount.minor(),
        "tax_minor": line.tax.map(|tax| tax.amount.minor()),
        "tax_ppm": line.tax.map(LineTax::rate_ppm),
    })
}
