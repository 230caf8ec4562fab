//! Invoices, and the series of their numbers.

use kernel::Timestamp;
use kernel::id::{CustomerId, OrderId};
use kernel::ports::PersonKey;
use platform::personal::{self, ERASED, Kept};
use platform::sql::{Db, Error, Json, Result, Tx};
use uuid::Uuid;

use crate::domain::invoice::{Invoice, Issued};

platform::statements! {
    /// The row is the lock of the series: a number that is not used is given back with the commit that
    /// does not happen.
    NEXT = "update invoice_series set last = last + 1 where code = 'invoice' returning last";
    /// The order may have been called off since it was read, or is being edited.
    ISSUE =
        "insert into invoice (number, order_id, content, issued_at)
         select $1, id, $3, $4 from orders
          where id = $2 and status in ('CONFIRMED', 'SHIPPED', 'DELIVERED', 'RETURNED')
            and editing is null
         on conflict (order_id) do nothing",
        "insert into invoice (number, order_id, content, issued_at)
         select $1, id, $3, $4 from orders
          where id = $2 and status in ('CONFIRMED', 'SHIPPED', 'DELIVERED', 'RETURNED')
            and editing is null for share
         on conflict (order_id) do nothing";
    OF_ORDER = "select number, issued_at, content from invoice where order_id = $1";
    NOT_SEALED =
        "select i.order_id, o.customer_id, i.content from invoice i join orders o on o.id = i.order_id
          where json_type(i.content) = 'object' order by i.number limit $1",
        "select i.order_id, o.customer_id, i.content from invoice i join orders o on o.id = i.order_id
          where jsonb_typeof(i.content) = 'object' order by i.number limit $1";
    SEAL =
        "update invoice set content = json_quote(l.sealed)
           from (select unhex(value->>'order_id', '-') as k, value->>'sealed' as sealed
                   from json_each($1)) l
          where order_id = l.k and json_type(content) = 'object'",
        "update invoice set content = to_jsonb(l.sealed)
           from jsonb_to_recordset($1) as l(order_id uuid, sealed text)
          where invoice.order_id = l.order_id and jsonb_typeof(content) = 'object'";
    OF_ORDERS =
        "select order_id, number, issued_at, content from invoice
          where order_id in (select unhex(value, '-') from json_each($1)) order by number",
        "select order_id, number, issued_at, content from invoice
          where order_id = any(array(select cast(value as uuid) from jsonb_array_elements_text($1)))
          order by number";
    MISSING = "select o.id from orders o
                where o.customer_id = $1
                  and o.status in ('CONFIRMED', 'SHIPPED', 'DELIVERED', 'RETURNED')
                  and not exists (select 1 from invoice i where i.order_id = o.id)
                order by o.id limit $2";
    INVOICES = "select count(*) from invoice";
    NOT_A_SERIES = "select 'invoice ' || s.last from invoice_series s
                     where s.last <> (select count(*) from invoice)
                        or s.last <> (select coalesce(max(number), 0) from invoice)";
}

/// What an invoice says is kept for as long as the law wants it, whoever is erased.
type Row = (i64, Timestamp, Json<Kept<Invoice>>);

/// The invoice of an order, if it was issued.
pub async fn find(db: &Db, order: OrderId) -> Result<Option<Issued>> {
    match db.query(OF_ORDER).bind(order.uuid()).optional::<Row>().await? {
        None => Ok(None),
        Some(row) => issued(db, order, row).await.map(Some),
    }
}

/// The same inside a unit of work.
pub async fn load(tx: &mut Tx, order: OrderId) -> Result<Option<Issued>> {
    match tx.query(OF_ORDER).bind(order.uuid()).optional::<Row>().await? {
        None => Ok(None),
        Some(row) => issued(tx.db(), order, row).await.map(Some),
    }
}

async fn issued(db: &Db, order: OrderId, (number, at, Json(kept)): Row) -> Result<Issued> {
    if kept.sealed() == Some(ERASED) {
        return Err(Error::Erased);
    }
    let invoice = db.people()?.open(&place(order), kept).await?.ok_or(Error::Erased)?;
    Ok(Issued { number, at, invoice })
}

/// The invoices of some orders that can still be read, the first one first.
pub async fn of_orders(db: &Db, orders: &[OrderId]) -> Result<Vec<(OrderId, Issued)>> {
    type Row = (Uuid, i64, Timestamp, Json<Kept<Invoice>>);
    let rows: Vec<Row> = db.query(OF_ORDERS).bind(Json(orders)).all().await?;
    let sealed = rows.iter().filter_map(|(.., kept)| kept.0.sealed());
    let ring = db.people()?.ring(sealed).await?;
    let mut found = Vec::with_capacity(rows.len());
    for (order, number, at, Json(kept)) in rows {
        let order = OrderId::from(order);
        if kept.sealed() == Some(ERASED) {
            continue;
        }
        if let Some(invoice) = ring.open_kept(&place(order), kept)? {
            found.push((order, Issued { number, at, invoice }));
        }
    }
    Ok(found)
}

/// Orders of somebody that could have an invoice, and of which nobody asked for one.
pub async fn missing(db: &Db, customer: CustomerId, limit: i64) -> Result<Vec<OrderId>> {
    let rows: Vec<(Uuid,)> = db.query(MISSING).bind(customer.uuid()).bind(limit).all().await?;
    Ok(rows.into_iter().map(|(order,)| order.into()).collect())
}

/// An invoice of before the house sealed.
pub struct Plain {
    /// Its order.
    pub order: OrderId,
    /// Whose it is.
    pub customer: CustomerId,
    /// What it says.
    pub invoice: Invoice,
}

/// Some of these.
pub async fn not_sealed(db: &Db, limit: i64) -> Result<Vec<Plain>> {
    let rows: Vec<(Uuid, Uuid, Json<Invoice>)> = db.query(NOT_SEALED).bind(limit).all().await?;
    let plain = |(order, customer, Json(invoice)): (Uuid, Uuid, _)| Plain {
        order: order.into(),
        customer: customer.into(),
        invoice,
    };
    Ok(rows.into_iter().map(plain).collect())
}

/// What is stored of an invoice; without a key, of somebody whose invoices are kept no more.
pub fn sealed(order: OrderId, invoice: &Invoice, key: Option<&PersonKey>) -> Result<String> {
    key.map_or_else(|| Ok(ERASED.to_owned()), |key| personal::seal(key, &place(order), invoice))
}

/// Stores what was sealed of invoices that were not sealed yet.
pub async fn seal(tx: &mut Tx, sealed: &[(OrderId, String)]) -> Result<()> {
    let row = |(order, sealed): &(OrderId, String)| serde_json::json!({"order_id": order, "sealed": sealed});
    let rows: Vec<_> = sealed.iter().map(row).collect();
    tx.query(SEAL).bind(Json(rows)).execute().await.map(drop)
}

/// Where what is sealed of an invoice stands.
fn place(order: OrderId) -> String {
    format!("invoice:{order}")
}

/// Issues the invoice of an order under the next number. Nothing when the order has one, or was called
/// off: then this unit of work must not be committed, or its number would be lost.
pub async fn issue(
    tx: &mut Tx,
    order: OrderId,
    invoice: &Invoice,
    key: &PersonKey,
) -> Result<Option<Issued>> {
    let (at, sealed) = (tx.now(), sealed(order, invoice, Some(key))?);
    let (number,): (i64,) = tx.query(NEXT).one().await?;
    let inserted = tx
        .query(ISSUE)
        .bind(number)
        .bind(order.uuid())
        .bind(Json(sealed))
        .bind(at)
        .execute()
        .await?;
    Ok((inserted == 1).then(|| Issued { number, at, invoice: invoice.clone() }))
}
