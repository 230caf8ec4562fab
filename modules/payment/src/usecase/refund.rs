//! Giving an order's money back, once for each key, spread over its payments.

use kernel::Money;
use kernel::id::OrderId;
use kernel::ports::Refund;

use super::operate;
use crate::Payments;
use crate::domain::payment::{Operation, Payment};
use crate::domain::refund::{Plan, plan};
use crate::domain::status::{Kind, Progress};
use crate::error::Result;
use crate::store;

/// Gives an amount back, or tells how that stands which was begun with this key.
pub async fn refund(
    payments: &Payments,
    order: OrderId,
    key: &str,
    amount: Money,
) -> Result<Refund> {
    let begun = match begin(payments, order, key, amount).await? {
        Begun::Calls(calls) => calls,
        Begun::Answer(answer) => return Ok(answer),
    };
    for (payment, operation) in &begun {
        match payment {
            Some(payment) => operate::first(payments, payment, operation).await?,
            None => operate::repeat(payments, operation).await?,
        };
    }
    // Each has ended now; whether well is read again, since somebody else may have recorded it.
    let ended = store::refunds(&payments.db, order, key).await?;
    let given = ended.iter().filter(|call| call.progress == Progress::Succeeded);
    let given: i64 = given.map(|call| call.amount).sum();
    if given == amount.minor() {
        return Ok(Refund::Given);
    }
    Ok(Refund::Refused {
        given: Money::from_minor(given, amount.currency()),
        code: "refused".to_owned(),
        detail: "The processor refused to give it back.".to_owned(),
    })
}

/// What a key stands for.
enum Begun {
    /// These calls, with the payment of each that was written down just now.
    Calls(Vec<(Option<Payment>, Operation)>),
    /// No call is to be made.
    Answer(Refund),
}

/// Writes down which payments give how much, in one commit: what is spread once stays so. The order's
/// row is held, so that of two with one key the second sees the calls of the first, and of this and a
/// cancel one sees what the other did.
async fn begin(payments: &Payments, order: OrderId, key: &str, amount: Money) -> Result<Begun> {
    let refused = |code: &str, detail: String| {
        let given = Money::zero(amount.currency());
        Begun::Answer(Refund::Refused { given, code: code.to_owned(), detail })
    };
    if amount.minor() <= 0 {
        return Ok(refused("invalid_amount", "The amount must be more than zero.".to_owned()));
    }
    let mut tx = payments.db.begin("payment.order_refund").await?;
    let payable = store::lock_order(&mut tx, order).await?;
    let known = store::refunds_in(&mut tx, order, key).await?;
    if !known.is_empty() {
        // They may be on their way to the disk in this very group.
        tx.commit().await?;
        return Ok(Begun::Calls(known.into_iter().map(|call| (None, call)).collect()));
    }
    match payable {
        None => return Ok(refused("not_paid", "The order was never paid.".to_owned())),
        Some(true) => {
            let detail = "The order was called off: all of its money goes back with that.";
            return Ok(refused("order_cancelled", detail.to_owned()));
        }
        Some(false) => {}
    }
    let mut all = store::lock_of_order(&mut tx, order).await?;
    if all.iter().any(|payment| payment.currency() != amount.currency()) {
        return Ok(refused("currency", "The order was paid in another currency.".to_owned()));
    }
    let parts = match plan(&all, amount.minor()) {
        Plan::Spread(parts) => parts,
        Plan::NotTaken => return Ok(Begun::Answer(Refund::NotTaken)),
        Plan::Disputed => {
            let detail = "The rest of what was taken is disputed; wait for the end of the dispute.";
            return Ok(refused("disputed", detail.to_owned()));
        }
        Plan::TooMuch { left } => {
            let left = Money::from_minor(left, amount.currency());
            let detail = format!("Of the order's payments only {left} can still be given back.");
            return Ok(refused("too_much", detail));
        }
    };
    let mut calls = Vec::with_capacity(parts.len());
    for (at, part) in parts {
        let payment = &mut all[at];
        let key = store::refund_key(key, payment.id);
        let operation = operate::begin_as(&mut tx, payment, Kind::Refund, part, key, None).await?;
        calls.push((Some(payment.clone()), operation));
    }
    tx.commit().await?;
    Ok(Begun::Calls(calls))
}
