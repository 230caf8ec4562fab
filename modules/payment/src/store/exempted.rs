//! What was exempted from authentication for a low value, by card, since its holder authenticated last.

use kernel::Money;
use platform::sql::{Result, Tx};

use crate::domain::authentication::LowValue;

platform::statements! {
    /// One statement counts and decides, so that of payments that come at once none exceeds a limit.
    EXEMPT = "insert into exempted (card, currency, sum_minor, payments)
              values ($1, $2, $3, 1)
              on conflict (card, currency) do update
                 set sum_minor = exempted.sum_minor + $3, payments = exempted.payments + 1
               where exempted.sum_minor + $3 <= $4 and exempted.payments < $5";
    FORGET_EXEMPTED = "delete from exempted where card = $1";
}

/// Counts a payment with a card among those that are exempted; false when one of the limits is reached. It counts
/// whatever becomes of it: that errs towards authentication.
pub async fn is_exempted(
    tx: &mut Tx,
    card: &str,
    amount: Money,
    limits: &LowValue,
) -> Result<bool> {
    let query = tx.query(EXEMPT).bind(card).bind(amount.currency().code());
    let query = query.bind(amount.minor()).bind(limits.sum_max.minor());
    Ok(query.bind(i64::from(limits.payments_max)).execute().await? == 1)
}

/// Begins anew with a card whose holder has authenticated.
pub async fn forget_exempted(tx: &mut Tx, card: &str) -> Result<()> {
    tx.query(FORGET_EXEMPTED).bind(card).execute().await.map(drop)
}
