//! Taking the whole of what was set aside for an order and its changes.

use kernel::id::OrderId;
use kernel::ports::Unavailable;

use super::operate;
use crate::Payments;
use crate::domain::payment::{Payment, Pays};
use crate::domain::status::{Kind, Status};
use crate::error::{Error, Refusal, Result};
use crate::store;

/// How many moves a payment can need at most, a few lost races included.
const MOVES_MAX: u32 = 8;

/// Captures an order's authorized amounts. Nothing to do when they were taken or let go already.
pub async fn capture_order(payments: &Payments, order: OrderId) -> Result<()> {
    for _ in 0..MOVES_MAX {
        let mut is_settled = true;
        for payment in &store::live_of_order(&payments.db, order).await? {
            is_settled &= settle(payments, payment).await?;
        }
        if is_settled {
            return Ok(());
        }
    }
    Err(Unavailable::new("payments", "the payment could not be captured yet").into())
}

/// Moves a payment towards its capture. True when nothing is left to do.
async fn settle(payments: &Payments, payment: &Payment) -> Result<bool> {
    match payment.status {
        Status::Authorized => match capture(payments, payment).await {
            Ok(()) => {}
            Err(Error::Refused(Refusal::State { .. })) => operate::lost_race().await,
            Err(error) => return Err(error),
        },
        Status::Captured
        | Status::PartiallyRefunded
        | Status::Refunded
        | Status::Voided
        | Status::Declined
        | Status::Expired => return Ok(true),
        // A change that is not paid for yet has not come true; nobody waits for it here.
        Status::Authorizing | Status::Unknown | Status::ActionRequired
            if payment.pays != Pays::Order =>
        {
            return Ok(true);
        }
        Status::Authorizing
        | Status::Unknown
        | Status::ActionRequired
        | Status::Capturing
        | Status::Voiding => operate::finish_open(payments, payment.id).await?,
    }
    Ok(false)
}

async fn capture(payments: &Payments, payment: &Payment) -> Result<()> {
    let mut tx = payments.db.begin("payment.capture").await?;
    let mut payment = operate::lock(&mut tx, payment.id).await?;
    let amount = payment.authorized;
    let operation = operate::begin(&mut tx, &mut payment, Kind::Capture, amount, None).await?;
    tx.commit().await?;
    operate::first(payments, &payment, &operation).await.map(drop)
}
