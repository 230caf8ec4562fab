//! What follows when the holder of a card has authenticated, or has to after all.

use platform::sql::{Result, Tx};

use crate::domain::authentication::Authentication;
use crate::domain::payment::{Operation, Payment};
use crate::domain::status::Kind;
use crate::store::{self, NewOperation};

/// Writes an authorization down again whose exemption was not granted: now the shopper authenticates. The caller
/// commits it with the refusal, so that whoever finds it unfinished makes the call.
pub async fn again(
    tx: &mut Tx,
    payment: &Payment,
    refused: &Operation,
) -> Result<Option<Operation>> {
    let new = NewOperation {
        payment,
        kind: Kind::Authorize,
        key: format!("authenticate:{}", payment.id),
        amount: refused.amount,
        challenge: true,
        exemption: None,
        answers: None,
    };
    store::insert_operation(tx, new).await
}

/// What is exempted with a card is counted anew once its holder has authenticated.
pub async fn done(tx: &mut Tx, before: Authentication, payment: &Payment) -> Result<()> {
    let is_new = before != payment.authentication;
    if is_new && payment.authentication == Authentication::Challenged {
        store::forget_exempted(tx, payment.card_key()).await?;
    }
    Ok(())
}
