//! Letting go of whatever was done for an order, from wherever its payment stands.

use kernel::id::{ChangeId, OrderId};
use kernel::ports::Unavailable;

use super::operate;
use crate::Payments;
use crate::domain::payment::Payment;
use crate::domain::status::{Fact, Kind, Status};
use crate::error::{Error, Refusal, Result};
use crate::store;

/// How many moves a payment can need at most, a few lost races included.
const MOVES_MAX: u32 = 16;

/// Forbids further authorizations of the order, then voids or refunds what it holds.
pub async fn cancel(payments: &Payments, order: OrderId) -> Result<()> {
    // Committed first: an authorization that begins later sees it, and one that began earlier is
    // seen below.
    let mut tx = payments.db.begin("payment.cancel").await?;
    store::cancel_order(&mut tx, order).await?;
    tx.commit().await?;
    let_all_go(payments, order, None).await
}

/// Forbids further authorizations of a change of the order, then voids or refunds what it holds.
pub async fn cancel_charge(payments: &Payments, order: OrderId, change: ChangeId) -> Result<()> {
    let mut tx = payments.db.begin("payment.cancel_charge").await?;
    store::cancel_change(&mut tx, order, change).await?;
    tx.commit().await?;
    let_all_go(payments, order, Some(change)).await
}

/// Lets go of the live payments of an order, one after the other; only of those of a change when one is
/// named.
pub async fn let_all_go(payments: &Payments, order: OrderId, only: Option<ChangeId>) -> Result<()> {
    for _ in 0..MOVES_MAX {
        let mut live = store::live_of_order(&payments.db, order).await?;
        live.retain(|payment| only.is_none() || payment.pays.change() == only);
        // Who gave back what is disputed would pay it twice. It is given back when the shop has won.
        live.retain(|payment| payment.status != Status::Disputed);
        if live.is_empty() {
            return Ok(());
        }
        for payment in live {
            operate::finish_open(payments, payment.id).await?;
            let payment = operate::load(payments, payment.id).await?;
            match let_go(payments, &payment).await {
                Ok(()) => {}
                Err(Error::Refused(Refusal::State { .. } | Refusal::TooMuch { .. })) => {
                    operate::lost_race().await;
                }
                Err(error) => return Err(error),
            }
        }
    }
    Err(Unavailable::new("payments", "the payment could not be cancelled yet").into())
}

/// Voids what is set aside, or else refunds the rest of what was taken. Nothing is done when the payment
/// has moved since it was `seen`: a shopper who authenticated in time is not to lose the payment.
pub async fn let_go(payments: &Payments, seen: &Payment) -> Result<()> {
    let mut tx = payments.db.begin("payment.let_go").await?;
    let mut payment = operate::lock(&mut tx, seen.id).await?;
    if payment.status != seen.status {
        return Ok(tx.commit().await?);
    }
    let (kind, amount) = match payment.status {
        Status::ActionRequired => (Kind::Void, 0),
        status if payment.held() > 0 && status.after(Fact::VoidStarted).is_some() => {
            (Kind::Void, payment.held())
        }
        status if payment.refundable() > 0 && status.is_refundable() => {
            (Kind::Refund, payment.refundable())
        }
        _ => return Ok(()),
    };
    payment.confirmed_at = None;
    let operation = operate::begin(&mut tx, &mut payment, kind, amount, None).await?;
    tx.commit().await?;
    operate::first(payments, &payment, &operation).await.map(drop)
}
