//! What payments keep about a person, for them to read.

use async_trait::async_trait;
use kernel::id::{CustomerId, OrderId, PaymentId};
use kernel::ports::{PersonalRecords, Unavailable};
use kernel::{Money, Timestamp};
use platform::sql;
use serde::Serialize;

use crate::domain::payment::Payment;
use crate::view::CardBody;
use crate::{Payments, store};

/// A payment, as whoever paid reads it.
#[derive(Serialize)]
struct Record {
    id: PaymentId,
    order_id: OrderId,
    amount: Money,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    card: Option<CardBody>,
    created_at: Timestamp,
}

impl From<&Payment> for Record {
    fn from(payment: &Payment) -> Self {
        Self {
            id: payment.id,
            order_id: payment.order_id,
            amount: payment.amount,
            status: payment.status.word(),
            card: payment.shown().map(CardBody::from),
            created_at: payment.created_at,
        }
    }
}

/// The payments that a person made. Those that were begun before it was kept who pays are not among them: they are
/// found by their orders.
#[async_trait]
impl PersonalRecords for Payments {
    async fn records(&self, person: CustomerId) -> Result<serde_json::Value, Unavailable> {
        let theirs = theirs(self, person).await;
        let theirs = theirs.map_err(|error| Unavailable::new("payments", error))?;
        let records: Vec<Record> = theirs.iter().map(Record::from).collect();
        serde_json::to_value(records).map_err(|error| Unavailable::new("payments", error))
    }
}

async fn theirs(payments: &Payments, person: CustomerId) -> sql::Result<Vec<Payment>> {
    let mut theirs = store::of_customer(&payments.db, person).await?;
    store::open(&payments.db, &mut theirs).await?;
    Ok(theirs)
}
