//! The sessions of an account, as its owner sees them.

use std::net::IpAddr;

use kernel::id::{CustomerId, SessionId};
use platform::sql::{self, Tx};
use serde::Serialize;

use super::noted;
use super::session::{self, Ended};
use crate::Accounts;
use crate::error::AccountError;
use crate::store::{accounts as stored, sessions};

/// Ends one of somebody's own sessions; ending it again changes nothing.
pub(crate) async fn end_one(
    accounts: &Accounts,
    owner: CustomerId,
    session: SessionId,
    client: IpAddr,
) -> Result<(), AccountError> {
    let absent = AccountError::Absent("session of yours");
    if sessions::owner(accounts.db(), session).await? != Some(owner) {
        return Err(absent);
    }
    let mut tx = accounts.db().begin("auth.session.end").await?;
    if session::revoke(accounts, &mut tx, session, Ended::Revoked).await? {
        note(&mut tx, owner, client, "account.session_end", &Ends { session: Some(session) })
            .await?;
    }
    Ok(tx.commit().await?)
}

/// Ends all of somebody's sessions.
pub(crate) async fn end_all(
    accounts: &Accounts,
    owner: CustomerId,
    client: IpAddr,
) -> Result<(), AccountError> {
    let mut tx = accounts.db().begin("auth.session.end_all").await?;
    session::end_others(accounts, &mut tx, owner, None, Ended::Revoked).await?;
    note(&mut tx, owner, client, "account.sessions_end", &Ends { session: None }).await?;
    Ok(tx.commit().await?)
}

/// What the audit log keeps of sessions that were ended.
#[derive(Serialize)]
struct Ends {
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<SessionId>,
}

async fn note(
    tx: &mut Tx,
    owner: CustomerId,
    client: IpAddr,
    action: &'static str,
    ends: &Ends,
) -> sql::Result<()> {
    match stored::by_id(tx, owner).await? {
        Some(owner) => noted::note(tx, &owner.bare, client, action, ends).await,
        None => Ok(()),
    }
}
