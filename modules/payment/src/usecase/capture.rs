//! Taking the whole of what was set aside for an order.

use kernel::id::OrderId;
use kernel::ports::Unavailable;

use super::operate;
use crate::Payments;
use crate::domain::payment::Payment;
use crate::domain::status::{Kind, Status};
use crate::error::{Error, Refusal, Result};
use crate::store;

/// How many moves a payment can need at most, a few lost races included.
const MOVES_MAX: u32 = 8;

/// Captures an order's authorized amount. Nothing to do when it was taken or let go already.
pub async fn capture_order(payments: &Payments, order: OrderId) -> Result<()> {
    for _ in 0..MOVES_MAX {
        let Some(payment) = store::live_of_order(&payments.db, order).await? else {
            return Ok(());
        };
        match payment.status {
            Status::Authorized => match capture(payments, &payment).await {
                Ok(()) => {}
                Err(Error::Refused(Refusal::State { .. })) => operate::lost_race().await,
                Err(error) => return Err(error),
            },
            Status::Captured
            | Status::PartiallyRefunded
            | Status::Refunded
            | Status::Voided
            | Status::Declined
            | Status::Expired => return Ok(()),
            Status::Authorizing
            | Status::Unknown
            | Status::ActionRequired
            | Status::Capturing
            | Status::Voiding => operate::finish_open(payments, payment.id).await?,
        }
    }
    Err(Unavailable::new("payments", "the payment could not be captured yet").into())
}

async fn capture(payments: &Payments, payment: &Payment) -> Result<()> {
    let mut tx = payments.db.begin("payment.capture").await?;
    let mut payment = operate::lock(&mut tx, payment.id).await?;
    let amount = payment.authorized;
    let operation = operate::begin(&mut tx, &mut payment, Kind::Capture, amount, None).await?;
    tx.commit().await?;
    operate::first(payments, &payment, &operation).await.map(drop)
}
