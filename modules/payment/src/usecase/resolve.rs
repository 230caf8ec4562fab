//! Finishing what nobody finished: calls whose maker died or whose answer was lost, and challenges
//! that no shopper answered.

use super::{cancel, operate};
use crate::Payments;
use crate::error::Result;
use crate::store;

/// How many calls and challenges one round looks at.
const ROUND_MAX: i64 = 64;

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
        if let Err(error) = cancel::let_go(payments, payment).await {
            failed += 1;
            tracing::warn!(payment = %payment.id, %error, "a challenge could not be given up");
        }
    }
    let full = [open.len(), overdue.len()].iter().any(|n| i64::try_from(*n) == Ok(ROUND_MAX));
    Ok(full && failed == 0)
}
