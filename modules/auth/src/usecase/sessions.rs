//! The sessions of an account, as its owner sees them.

use kernel::id::{CustomerId, SessionId};

use super::session::{self, Ended};
use crate::Accounts;
use crate::error::AccountError;
use crate::store::sessions;

/// Ends one of somebody's own sessions; ending it again changes nothing.
pub(crate) async fn end_one(
    accounts: &Accounts,
    owner: CustomerId,
    session: SessionId,
) -> Result<(), AccountError> {
    let absent = AccountError::Absent("session of yours");
    if sessions::owner(accounts.db(), session).await? != Some(owner) {
        return Err(absent);
    }
    let tx = accounts.db().begin("auth.session.end").await?;
    session::end(accounts, tx, session, Ended::Revoked).await?;
    Ok(())
}

/// Ends all of somebody's sessions.
pub(crate) async fn end_all(accounts: &Accounts, owner: CustomerId) -> Result<(), AccountError> {
    let mut tx = accounts.db().begin("auth.session.end_all").await?;
    session::end_others(accounts, &mut tx, owner, None, Ended::Revoked).await?;
    Ok(tx.commit().await?)
}
