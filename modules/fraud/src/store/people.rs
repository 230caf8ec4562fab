//! The decisions about what a person paid.

use kernel::id::CustomerId;
use platform::sql::{Db, Result, Tx};

use super::DecisionRow;

platform::statements! {
    OF_ACCOUNT = decided!("where account = $1 order by at, id");
    ADOPT = "update decision set account = $2 where account = $1";
    /// From then on each is of somebody who was never seen before or since: what is learnt from it is what was paid and
    /// whether that was fraud.
    FORGET = "update decision set account = id, card = id, destination = id, email = null, network = null
               where account = $1";
}

/// The decisions about what an account paid, the first one first.
pub async fn of_account(db: &Db, account: CustomerId) -> Result<Vec<DecisionRow>> {
    db.query(OF_ACCOUNT).bind(account.uuid()).all().await
}

/// What was decided about a guest is about the account that they logged in to.
pub async fn adopt(tx: &mut Tx, guest: CustomerId, account: CustomerId) -> Result<()> {
    tx.query(ADOPT).bind(guest.uuid()).bind(account.uuid()).execute().await.map(drop)
}

/// Forgets whom decisions were about, and by what else they could be told. What was decided and what it was stay.
pub async fn forget(tx: &mut Tx, account: CustomerId) -> Result<()> {
    tx.query(FORGET).bind(account.uuid()).execute().await.map(drop)
}
