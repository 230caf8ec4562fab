//! What a saga keeps about the customer: sealed, since its state is stored at every step.

use kernel::id::OrderId;
use kernel::ports::{Payer, PersonKey};
use kernel::problem::{Problem, code};
use platform::personal::{self, Kept};
use platform::saga::Outcome;
use platform::sql::{Db, Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Seals what the sagas of an order keep.
pub fn kept<T: Serialize>(key: &PersonKey, order: OrderId, value: &T) -> Result<Kept<T>> {
    Ok(Kept::Sealed(personal::seal(key, &place(order), value)?))
}

/// Opens it.
pub async fn opened<T>(db: &Db, order: OrderId, kept: &Kept<T>) -> Result<T>
where
    T: Clone + DeserializeOwned,
{
    db.people()?.open(&place(order), kept.clone()).await?.ok_or(Error::Erased)
}

/// Opens who pays, if that is still kept.
pub async fn payer(db: &Db, order: OrderId, kept: Option<&Kept<Payer>>) -> Result<Option<Payer>> {
    match kept {
        None => Ok(None),
        Some(payer) => opened(db, order, payer).await.map(Some),
    }
}

/// What a step makes of what does not open.
pub fn closed(error: &Error) -> Outcome {
    if matches!(error, Error::Erased) {
        let detail = "The customer was erased meanwhile; nothing was charged.";
        return Outcome::Reject(Problem::new(code::ERASED, detail));
    }
    Outcome::Retry(error.to_string())
}

fn place(order: OrderId) -> String {
    format!("saga:{order}")
}
