use kernel::id::SessionId;

use super::session::{self, Ended};
use crate::Accounts;
use crate::domain::RefreshToken;
use crate::error::AccountError;
use crate::store;

/// Ends a session; ending it again changes nothing.
pub(crate) async fn logout(accounts: &Accounts, session: SessionId) -> Result<(), AccountError> {
    let tx = accounts.db().begin("auth.logout").await?;
    session::end(accounts, tx, session, Ended::Logout).await?;
    Ok(())
}

/// Ends the session of a refresh token, for whom the access token has expired.
pub(crate) async fn logout_by_refresh(
    accounts: &Accounts,
    token: &RefreshToken,
) -> Result<(), AccountError> {
    match store::sessions::session_of(accounts.db(), token).await? {
        Some(session) => logout(accounts, session).await,
        None => Err(AccountError::NoSession),
    }
}
