//! What the books read of orders.

use std::collections::HashMap;

use kernel::id::{OrderId, ProductId};
use kernel::ports::CreditPart;
use kernel::{Money, Timestamp};
use platform::sql::{Db, Error, Json, Result};
use uuid::Uuid;

use crate::domain::status::Status;

/// What orders gave back, in money and in what was sent instead. What an edit made an order cost less was not
/// sold any more.
macro_rules! with_given {
    ($select:literal) => {
        concat!(
            $select,
            " from orders o
              left join (select order_id,
                                sum(credit_minor + case when due_minor < 0 and kind <> 'edit'
                                                         and state in ('done', 'failed')
                                                        then -due_minor else 0 end) as given
                           from order_change group by order_id) g on g.order_id = o.id
             where o.confirmed_at is not null group by 1, 2 order by 1, 2"
        )
    };
}

platform::statements! {
    BRIEF = "select o.id, o.number, o.status, o.currency, o.updated_at, o.editing, o.account, o.credit,
                    coalesce((select b.charged_minor from order_balance b
                               where b.order_id = o.id), o.total_minor) as charged_minor,
                    (select cast(coalesce(sum(-c.due_minor), 0) as bigint) from order_change c
                      where c.order_id = o.id and c.due_minor < 0
                        and c.state in ('done', 'failed')) as given,
                    (select cast(coalesce(sum(-c.due_minor), 0) as bigint) from order_change c
                      where c.order_id = o.id and c.due_minor < 0
                        and c.state = 'settling') as giving
               from orders o where o.id > $1 order by o.id limit $2";
    /// Of a bundle its parts: these are what lies in stock.
    UNITS = "select l.order_id, coalesce(p.product_id, l.product_id) as product_id,
                    cast(sum((l.quantity - l.cancelled) * coalesce(p.quantity, 1)) as bigint) as ordered,
                    cast(sum(l.shipped * coalesce(p.quantity, 1)) as bigint) as shipped
               from order_line l left join order_line_part p on p.order_line_id = l.id
              where l.order_id > $1 and l.order_id <= $2 group by 1, 2 order by 1, 2";
    /// What replacements add to the money of the orders that were paid for them: what was charged beside
    /// the value of goods, what they gave back, and whether one is being paid.
    REPLACED = "select r.account,
                       cast(sum(case when e.due_minor > 0 and e.replacement = r.id
                                     then e.due_minor else 0 end) as bigint) as charged,
                       cast(sum((select coalesce(sum(-c.due_minor), 0) from order_change c
                                  where c.order_id = r.id and c.due_minor < 0
                                    and c.state in ('done', 'failed'))) as bigint) as given,
                       cast(sum((select coalesce(sum(-c.due_minor), 0) from order_change c
                                  where c.order_id = r.id and c.due_minor < 0
                                    and c.state = 'settling')) as bigint) as giving,
                       cast(sum(case when e.paying then 1 else 0 end) as bigint) as paying
                  from orders r join order_change e on e.id = r.replaces
                 where r.account > $1 and r.account <= $2 group by r.account";
    SOLD =
        with_given!("select substr(o.confirmed_at, 1, 10) as day, o.currency,
                sum(case when o.status = 'CANCELLED' then 0 else 1 end) as orders,
                sum(case when o.status = 'CANCELLED' then 0 else o.total_minor end) as revenue,
                sum(case when o.status = 'CANCELLED' then 0 else coalesce(g.given, 0) end)
                as refunds, max(o.updated_at) as updated_at"),
        with_given!("select to_char(o.confirmed_at at time zone 'UTC', 'YYYY-MM-DD') as day, o.currency,
                cast(sum(case when o.status = 'CANCELLED' then 0 else 1 end) as bigint) as orders,
                cast(sum(case when o.status = 'CANCELLED' then 0 else o.total_minor end) as bigint)
                as revenue,
                cast(sum(case when o.status = 'CANCELLED' then 0 else coalesce(g.given, 0) end)
                as bigint) as refunds, max(o.updated_at) as updated_at");
    COUNT = "select count(*) from orders";
    LINE_SUMS = "select o.number from orders o
                  where items_minor <> (select coalesce(cast(sum(l.total_minor) as bigint), 0)
                                          from order_line l where l.order_id = o.id)
                     or exists (select 1 from order_line l where l.order_id = o.id
                                   and l.total_minor <> l.unit_minor * l.quantity) limit 20";
    UNTOLD = "select o.number from orders o
               where o.version <> (select coalesce(max(b.last_version), 0) from told b
                                    where b.subject = o.id) limit 20";
    DISCOUNTS = "select o.number from orders o
                  where discount_minor <> (select coalesce(cast(sum(l.discount_minor) as bigint), 0)
                                             from order_line l where l.order_id = o.id) limit 20";
    /// Orders of old do not tell the tax of their lines.
    TAXES = "select o.number from orders o
              where o.shipping_tax_minor is not null
                and o.tax_minor + o.included_tax_minor <> o.shipping_tax_minor
                    + (select coalesce(cast(sum(l.tax_minor) as bigint), 0)
                         from order_line l where l.order_id = o.id) limit 20";
    TOTALS = "select number from orders
               where total_minor <> items_minor - discount_minor + shipping_minor + tax_minor
               limit 20";
    UNATTENDED = "select number from orders o
                   where (status in ('PENDING', 'AWAITING_PAYMENT')
                          and not exists (select 1 from order_change c where c.id = o.replaces
                                             and c.state in ('approved', 'received', 'settling'))
                          and not exists (select 1 from saga s
                                           where s.subject in (o.id, o.replaces)
                                             and s.phase in ('forward', 'undoing', 'stuck')))
                      or (editing is not null
                          and not exists (select 1 from saga s where s.subject = o.editing
                                             and s.phase in ('forward', 'undoing', 'stuck')))
                   limit 20";
}

/// What the books need to know of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brief {
    /// The order.
    pub id: OrderId,
    /// Its number.
    pub number: String,
    /// Where it stands.
    pub status: Status,
    /// What was charged for it: what it costs, and what an edit has given back since.
    pub total: Money,
    /// What gift cards and store credit pay of that, in minor units.
    pub credit: i64,
    /// What it gave back for good, in minor units.
    pub given: i64,
    /// What it is giving back.
    pub giving: i64,
    /// Each product that was ordered, in the order of their ids.
    pub units: Vec<Units>,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Whether it is being edited, or what replaces it is being paid: it may hold what it has only then.
    pub is_being_edited: bool,
}

/// How many units of a product were ordered and not called off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Units {
    /// The product.
    pub product_id: ProductId,
    /// How many units.
    pub ordered: i64,
    /// How many of them left the house.
    pub shipped: i64,
}

#[derive(platform::sql::Record)]
struct BriefRow {
    id: Uuid,
    number: String,
    status: String,
    charged_minor: i64,
    currency: String,
    updated_at: Timestamp,
    editing: Option<Uuid>,
    account: Option<Uuid>,
    credit: Option<Json<Vec<CreditPart>>>,
    given: i64,
    giving: i64,
}

#[derive(Default, platform::sql::Record)]
struct ReplacedRow {
    account: Uuid,
    charged: i64,
    given: i64,
    giving: i64,
    paying: i64,
}

/// Orders after one, by id.
pub async fn briefs(db: &Db, after: OrderId, limit: u32) -> Result<Vec<Brief>> {
    let rows: Vec<BriefRow> =
        db.query(BRIEF).bind(after.uuid()).bind(i64::from(limit)).all().await?;
    let last = rows.last().map_or(after.uuid(), |row| row.id);
    let lines: Vec<(Uuid, Uuid, i64, i64)> =
        db.query(UNITS).bind(after.uuid()).bind(last).all().await?;
    let mut units: HashMap<Uuid, Vec<Units>> = HashMap::new();
    for (order, product, ordered, shipped) in lines {
        let of_product = Units { product_id: product.into(), ordered, shipped };
        units.entry(order).or_default().push(of_product);
    }
    let replaced: Vec<ReplacedRow> = db.query(REPLACED).bind(after.uuid()).bind(last).all().await?;
    let mut replaced: HashMap<Uuid, ReplacedRow> =
        replaced.into_iter().map(|row| (row.account, row)).collect();
    rows.into_iter()
        .map(|row| {
            let more = replaced.remove(&row.id).unwrap_or_default();
            // The money of a replacement is that of the order that was paid for it.
            let own = i64::from(row.account.is_none());
            let number = &row.number;
            let nonsense = || Error::Inconsistent(format!("order {number}: status or currency"));
            let currency = row.currency.parse().map_err(|_| nonsense())?;
            Ok(Brief {
                id: row.id.into(),
                status: Status::from_word(&row.status).ok_or_else(nonsense)?,
                total: Money::from_minor((row.charged_minor + more.charged) * own, currency),
                credit: row.credit.iter().flat_map(|it| &it.0).map(|it| it.amount.minor()).sum(),
                given: (row.given + more.given) * own,
                giving: (row.giving + more.giving) * own,
                units: units.remove(&row.id).unwrap_or_default(),
                updated_at: row.updated_at,
                is_being_edited: row.editing.is_some() || more.paying > 0,
                number: row.number,
            })
        })
        .collect()
}

/// What was sold on a day (UTC, `2026-11-22`) in a currency, less what was called off.
#[derive(Debug, Clone, PartialEq, Eq, platform::sql::Record)]
pub struct Sold {
    /// The day on which the orders were confirmed.
    pub day: String,
    /// Their currency.
    pub currency: String,
    /// How many they are.
    pub orders: i64,
    /// What they cost in all, in minor units.
    pub revenue: i64,
    /// What of it was given back, in minor units, but for what edits made them cost less.
    pub refunds: i64,
    /// When one of them last changed.
    pub updated_at: Timestamp,
}

/// What was sold on each day.
pub async fn sold(db: &Db) -> Result<Vec<Sold>> {
    db.query(SOLD).all().await
}
