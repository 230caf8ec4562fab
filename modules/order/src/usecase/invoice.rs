//! The invoice of an order: it is issued when it is first asked for.

use kernel::ports::Purpose;
use platform::sql::retry;

use crate::Orders;
use crate::domain::invoice::{Invoice, Issued};
use crate::domain::order::Order;
use crate::domain::status::Status;
use crate::error::OrderError;
use crate::store::invoice;

impl Orders {
    /// The invoice of an order, once it is confirmed. Its number is the next one of the series, and what
    /// it says stays as it is.
    pub async fn invoice(&self, order: &Order) -> Result<Issued, OrderError> {
        let db = &self.inner.db;
        if let Some(issued) = invoice::find(db, order.id).await? {
            return Ok(issued);
        }
        if order.editing.is_some() {
            return Err(OrderError::state(order));
        }
        match order.status {
            Status::Confirmed | Status::Shipped | Status::Delivered | Status::Returned => {}
            Status::Pending | Status::AwaitingPayment | Status::Failed | Status::Cancelled => {
                return Err(OrderError::state(order));
            }
        }
        let new = Invoice::of(order, &self.inner.settings.seller);
        let person = db.people()?.key(order.customer_id, Purpose::Records).await?;
        let issued = retry(|| async {
            let mut tx = db.begin("order.invoice").await?;
            if let Some(issued) = invoice::load(&mut tx, order.id).await? {
                // It may be on its way to the disk in this very group: told when it is there.
                tx.commit().await?;
                return Ok(Some(issued));
            }
            let issued = invoice::issue(&mut tx, order.id, &new, &person).await?;
            if issued.is_some() {
                tx.commit().await?;
            }
            Ok::<_, OrderError>(issued)
        });
        if let Some(issued) = issued.await? {
            return Ok(issued);
        }
        // Somebody else has issued it since it was looked for, or called the order off.
        invoice::find(db, order.id).await?.ok_or(OrderError::Stale)
    }
}
