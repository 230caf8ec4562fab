//! Taking what is set aside for an order and its changes.

use kernel::id::OrderId;
use kernel::ports::Unavailable;

use super::operate;
use crate::Payments;
use crate::domain::payment::{Payment, Pays};
use crate::domain::status::{Fact, Kind, Status};
use crate::error::{Error, Refusal, Result};
use crate::store;

/// How many moves a payment can need at most, a few lost races included.
const MOVES_MAX: u32 = 8;

/// Captures all that is set aside for an order. Nothing to do when it was taken or let go already; what
/// the processor refuses to give is tried again by the [`resolver`](super::resolve).
pub async fn capture_order(payments: &Payments, order: OrderId) -> Result<()> {
    for _ in 0..MOVES_MAX {
        let mut is_settled = true;
        let live = store::live_of_order(&payments.db, order).await?;
        for payment in &live {
            is_settled &= settle(payments, payment).await?;
        }
        if is_settled {
            let is_known = live.iter().all(|payment| payment.confirmed_at.is_some());
            return if is_known { Ok(()) } else { confirm(payments, order).await };
        }
    }
    Err(Unavailable::new("payments", "the payment could not be captured yet").into())
}

/// Remembers that what the payments of an order pay stands.
pub async fn confirm(payments: &Payments, order: OrderId) -> Result<()> {
    let mut tx = payments.db.begin("payment.confirm").await?;
    store::confirm(&mut tx, order).await?;
    Ok(tx.commit().await?)
}

/// Moves a payment towards its capture. True when nothing is left to do.
async fn settle(payments: &Payments, payment: &Payment) -> Result<bool> {
    match payment.status {
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
        Status::CaptureFailed => return Ok(true),
        status if payment.held() > 0 && status.after(Fact::CaptureStarted).is_some() => {
            match capture(payments, payment).await {
                Ok(()) => {}
                Err(Error::Refused(Refusal::State { .. })) => operate::lost_race().await,
                Err(error) => return Err(error),
            }
        }
        _ => return Ok(true),
    }
    Ok(false)
}

/// Takes all that is set aside for a payment; what it pays stands.
pub async fn capture(payments: &Payments, payment: &Payment) -> Result<()> {
    let mut tx = payments.db.begin("payment.capture").await?;
    let mut payment = operate::lock(&mut tx, payment.id).await?;
    let amount = payment.held();
    payment.confirmed_at = payment.confirmed_at.or(Some(tx.now()));
    let operation = operate::begin(&mut tx, &mut payment, Kind::Capture, amount, None).await?;
    tx.commit().await?;
    operate::first(payments, &payment, &operation).await.map(drop)
}
