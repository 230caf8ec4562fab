//! The shopper's answer to a 3-D Secure challenge of the sandbox.

use kernel::id::PaymentId;

use super::operate;
use crate::Payments;
use crate::domain::payment::Payment;
use crate::domain::status::{Kind, Status};
use crate::error::Result;
use crate::store::{self, NewOperation};

/// Ends the challenge. A repeated or late answer changes nothing.
pub async fn answer(payments: &Payments, id: PaymentId, approve: bool) -> Result<Payment> {
    let mut tx = payments.db.begin("payment.challenge").await?;
    let payment = operate::lock(&mut tx, id).await?;
    if payment.status != Status::ActionRequired {
        // Who moved it may share this unit's group: only the commit makes that durable.
        tx.commit().await?;
        return Ok(payment);
    }
    let key = format!("challenge:{id}");
    let kind = if approve { Kind::Approve } else { Kind::Decline };
    let new = NewOperation {
        payment: &payment,
        kind,
        key: key.clone(),
        amount: payment.amount.minor(),
        challenge: false,
        exemption: None,
        answers: None,
    };
    if let Some(operation) = store::insert_operation(&mut tx, new).await? {
        tx.commit().await?;
        return operate::first(payments, &payment, &operation).await;
    }
    // The first answer counts; its outcome only has not been written down yet.
    let first = store::operation_by_key_in(&mut tx, &key).await?;
    tx.commit().await?;
    match first {
        Some(operation) => operate::repeat(payments, &operation).await,
        None => operate::load(payments, id).await,
    }
}
