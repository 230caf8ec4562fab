use platform::sql::Tx;

use super::session::{self, Ended, Granted};
use crate::Accounts;
use crate::access_token::Login;
use crate::domain::RefreshToken;
use crate::domain::refresh::{Verdict, judge};
use crate::error::AccountError;
use crate::store::sessions::{self, StoredLogin};

/// Gives a new access token and the successor of a refresh token. An old one that comes back
/// means that two parties have it: the session ends for both.
pub(crate) async fn refresh(
    accounts: &Accounts,
    presented: &RefreshToken,
) -> Result<Granted, AccountError> {
    // What nobody ever got does not need the writer to be refused.
    if sessions::session_of(accounts.db(), presented).await?.is_none() {
        return Err(AccountError::NoSession);
    }
    let mut tx = accounts.db().begin("auth.refresh").await?;
    let now = tx.now();
    let login = sessions::lock_login(&mut tx, presented).await?.ok_or(AccountError::NoSession)?;
    if login.revoked_at.is_some() || login.expires_at <= now {
        return Err(AccountError::NoSession);
    }
    let grace = accounts.settings().refresh_grace();
    let successor = accounts.secrets().successor(presented);
    match judge(login.presented, login.newest, login.rotated_at, now, grace) {
        Verdict::Rotate => rotate(&mut tx, &login, &successor).await?,
        Verdict::SameChild => {}
        Verdict::Reused => {
            tracing::warn!(session = %login.session, "a refresh token was used again");
            session::end(accounts, tx, login.session, Ended::RefreshReused).await?;
            return Err(AccountError::NoSession);
        }
    }
    tx.commit().await?;
    grant(accounts, login, successor, now).await
}

/// The session is locked, so nobody else can have rotated it.
async fn rotate(
    tx: &mut Tx,
    login: &StoredLogin,
    successor: &RefreshToken,
) -> Result<(), AccountError> {
    if !sessions::rotate(tx, login.session, login.newest).await? {
        return Err(AccountError::NoSession);
    }
    sessions::insert_refresh(tx, login.session, successor, login.newest + 1).await?;
    Ok(())
}

async fn grant(
    accounts: &Accounts,
    stored: StoredLogin,
    refresh_token: RefreshToken,
    now: kernel::Timestamp,
) -> Result<Granted, AccountError> {
    let StoredLogin { account, session, expires_at, factors, auth_time, .. } = stored;
    let account = account.open(accounts.db()).await?;
    let login = Login { session, account: &account, factors: &factors, at: auth_time };
    let access_token = accounts.tokens().issue(&accounts.keys().signer(now), &login, now)?;
    let refresh_token = Some(refresh_token);
    Ok(Granted { access_token, refresh_token, session, account, expires_at, now })
}
