//! The module's sagas.

pub mod checkout;
pub mod edit;
pub mod exchange;
pub mod give_back;
mod outcome;
pub mod personal;
pub mod replacement;

use kernel::id::CustomerId;
use kernel::ports::PaymentView;
use platform::idempotency::{self, Answer, Key};
use platform::sql::{Db, Error, Result, Tx};
use serde::Serialize;

use crate::domain::order::Order;
use crate::store;

/// The same with an order, which tells of its customer: it is sealed as the order is.
async fn answer_with(
    tx: &mut Tx,
    key: &Key,
    status: u16,
    (order, payment): (Order, Option<PaymentView>),
) -> Result<()> {
    let customer = order.customer_id;
    let body = serde_json::to_string(&order.view(payment))
        .map_err(|error| Error::Inconsistent(format!("an answer: {error}")))?;
    let stored = stored(tx.db(), key, customer, Answer { status, body }).await?;
    idempotency::finish(tx, &key.scope, &key.key, &stored).await
}

/// An answer that tells of a customer, as it is stored. One about somebody who was erased tells nothing of them.
pub(crate) async fn stored(
    db: &Db,
    key: &Key,
    customer: CustomerId,
    answer: Answer,
) -> Result<Answer> {
    match store::personal::key(db, customer).await {
        Ok(person) => answer.sealed(&person, &key.scope, &key.key),
        Err(Error::Erased) => Ok(answer),
        Err(error) => Err(error),
    }
}

/// Stores what a command is answered, if it has no answer yet.
async fn answer(tx: &mut Tx, key: &Key, status: u16, body: &impl Serialize) -> Result<()> {
    let body = serde_json::to_string(body)
        .map_err(|error| Error::Inconsistent(format!("an answer: {error}")))?;
    idempotency::finish(tx, &key.scope, &key.key, &Answer { status, body }).await
}
