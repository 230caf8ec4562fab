//! Invoices, and the series of their numbers.

use kernel::Timestamp;
use kernel::id::OrderId;
use platform::sql::{Db, Json, Result, Tx};

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
    INVOICES = "select count(*) from invoice";
    NOT_A_SERIES = "select 'invoice ' || s.last from invoice_series s
                     where s.last <> (select count(*) from invoice)
                        or s.last <> (select coalesce(max(number), 0) from invoice)";
}

type Row = (i64, Timestamp, Json<Invoice>);

/// The invoice of an order, if it was issued.
pub async fn find(db: &Db, order: OrderId) -> Result<Option<Issued>> {
    Ok(db.query(OF_ORDER).bind(order.uuid()).optional::<Row>().await?.map(issued))
}

/// The same inside a unit of work.
pub async fn load(tx: &mut Tx, order: OrderId) -> Result<Option<Issued>> {
    Ok(tx.query(OF_ORDER).bind(order.uuid()).optional::<Row>().await?.map(issued))
}

fn issued((number, at, Json(invoice)): Row) -> Issued {
    Issued { number, at, invoice }
}

/// Issues the invoice of an order under the next number. Nothing when the order has one, or was called
/// off: then this unit of work must not be committed, or its number would be lost.
pub async fn issue(tx: &mut Tx, order: OrderId, invoice: &Invoice) -> Result<Option<Issued>> {
    let at = tx.now();
    let (number,): (i64,) = tx.query(NEXT).one().await?;
    let inserted = tx
        .query(ISSUE)
        .bind(number)
        .bind(order.uuid())
        .bind(Json(invoice))
        .bind(at)
        .execute()
        .await?;
    Ok((inserted == 1).then(|| Issued { number, at, invoice: invoice.clone() }))
}
