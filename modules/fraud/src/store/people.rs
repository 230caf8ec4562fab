//! The decisions about what a person paid.

use async_trait::async_trait;
use kernel::events::{CustomerErased, GuestMerged};
use kernel::id::CustomerId;
use platform::people::Keeps;
use platform::sql::{Db, Result, Tx};
use uuid::Uuid;

use super::{DecisionRow, past};

platform::statements! {
    OF_ACCOUNT = decided!("where account = $1 order by at, id");
    ADOPT = "update decision set account = $2 where account = $1";
    REMEMBER = "insert into merged (guest, account) values ($1, $2) on conflict do nothing";
    ACCOUNT_OF = "select account from merged where guest = $1";
    /// From then on each is of somebody who was never seen before or since: what is learnt from it is what was paid and
    /// whether that was fraud.
    FORGET = "update decision set account = id, card = id, destination = id, email = null, network = null
               where account = $1";
}

/// The decisions about what an account paid, the first one first.
pub async fn of_account(db: &Db, account: CustomerId) -> Result<Vec<DecisionRow>> {
    db.query(OF_ACCOUNT).bind(account.uuid()).all().await
}

/// Who somebody is today: a guest may have logged in since they began to pay. Their name is held.
pub async fn account_of(tx: &mut Tx, payer: Uuid) -> Result<Uuid> {
    let row: Option<(Uuid,)> = tx.query(ACCOUNT_OF).bind(payer).optional().await?;
    Ok(row.map_or(payer, |(account,)| account))
}

/// Forgets whom decisions were about, and by what else they could be told, when they are erased. What was decided and
/// what it was stay.
pub struct People;

#[async_trait]
impl Keeps for People {
    async fn erase(&self, tx: &mut Tx, erased: CustomerErased) -> Result<()> {
        tx.query(FORGET).bind(erased.customer_id.uuid()).execute().await.map(drop)
    }

    async fn adopt(&self, tx: &mut Tx, merged: GuestMerged) -> Result<()> {
        let (guest, account) = (merged.guest_id.uuid(), merged.customer_id.uuid());
        // What is decided about the guest right now is seen from here, or sees this.
        past::hold(tx, [guest]).await?;
        for sql in [REMEMBER, ADOPT] {
            tx.query(sql).bind(guest).bind(account).execute().await?;
        }
        Ok(())
    }
}
