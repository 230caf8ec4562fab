//! Finishing what nobody finished: calls whose maker died or whose answer was lost, challenges that no
//! shopper answered, captures that were refused, success that came too late, and authorizations that the
//! processor has let go.

use chrono::TimeDelta;

use super::{cancel, capture, look, operate};
use crate::Payments;
use crate::domain::payment::Payment;
use crate::domain::status::Status;
use crate::error::Result;
use crate::store;

/// How many calls and payments of each kind one round looks at.
const ROUND_MAX: i64 = 64;

/// How often it is asked what became of a dispute that should have ended.
const DISPUTE_LOOKED_AT: TimeDelta = TimeDelta::days(1);

/// One round. Answers whether there may be more at once.
pub async fn round(payments: &Payments) -> Result<bool> {
    let now = payments.db.clock().now();
    let then = now - payments.settings.resolve_after();
    let open = store::open_since(&payments.db, then, ROUND_MAX).await?;
    let mut failed = 0;
    for operation in &open {
        if let Err(error) = operate::repeat(payments, operation).await {
            failed += 1;
            tracing::warn!(
                payment = %operation.payment_id, kind = operation.kind.word(), %error,
                "a call to the processor is still unfinished"
            );
        }
    }
    let overdue = store::overdue_actions(&payments.db, now, ROUND_MAX).await?;
    for payment in &overdue {
        if let Err(error) = give_up(payments, payment).await {
            failed += 1;
            tracing::warn!(payment = %payment.id, %error, "a challenge could not be given up");
        }
    }
    let due = store::due(&payments.db, now, ROUND_MAX).await?;
    for payment in &due {
        if let Err(error) = again(payments, payment).await {
            failed += 1;
            tracing::warn!(
                payment = %payment.id, status = payment.status.word(), %error,
                "what was refused could not be tried again"
            );
        }
    }
    let unheld = store::unheld(&payments.db, now, ROUND_MAX).await?;
    for payment in &unheld {
        if let Err(error) = look::look(payments, payment.id).await {
            failed += 1;
            tracing::warn!(payment = %payment.id, %error, "an old authorization was not looked at");
        }
    }
    let rounds = [open.len(), overdue.len(), due.len(), unheld.len()];
    let full = rounds.iter().any(|n| i64::try_from(*n) == Ok(ROUND_MAX));
    Ok(full && failed == 0)
}

/// A shopper who authenticated in the last moment keeps the payment.
async fn give_up(payments: &Payments, payment: &Payment) -> Result<()> {
    // It may have been answered where nobody told the shop.
    let payment = look::look(payments, payment.id).await?;
    if payment.status != Status::ActionRequired {
        return Ok(());
    }
    cancel::let_go(payments, &payment).await
}

/// Tries again what was refused, if it still stands so when the processor was asked.
async fn again(payments: &Payments, payment: &Payment) -> Result<()> {
    let payment = look::look(payments, payment.id).await?;
    match payment.status {
        Status::CaptureFailed => capture::capture(payments, &payment).await,
        Status::Reversing => {
            put_off(payments, &payment).await?;
            cancel::let_go(payments, &payment).await
        }
        Status::Disputed => look_later(payments, &payment).await,
        _ => Ok(()),
    }
}

/// Whoever judges a dispute may take their time.
async fn look_later(payments: &Payments, payment: &Payment) -> Result<()> {
    let mut tx = payments.db.begin("payment.look_later").await?;
    let mut payment = operate::lock(&mut tx, payment.id).await?;
    if payment.status == Status::Disputed {
        payment.due_at = Some(tx.now() + DISPUTE_LOOKED_AT);
        store::save(&mut tx, &payment).await?;
    }
    Ok(tx.commit().await?)
}

/// What came too late is given back as often as a refused capture is tried; then the staff sees it.
async fn put_off(payments: &Payments, payment: &Payment) -> Result<()> {
    let mut tx = payments.db.begin("payment.put_off").await?;
    let mut payment = operate::lock(&mut tx, payment.id).await?;
    payment.due_at = operate::times(payments, &payment, tx.now()).retry_at;
    payment.tries += 1;
    store::save(&mut tx, &payment).await?;
    Ok(tx.commit().await?)
}
