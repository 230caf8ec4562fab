use kernel::Timestamp;
use kernel::events::SessionRevoked;
use kernel::id::{CustomerId, SessionId};
use kernel::ports::Factor;
use platform::sql::{self, Tx};

use crate::Accounts;
use crate::access_token::Login;
use crate::domain::{Account, Device, RefreshToken};
use crate::error::AccountError;
use crate::store::sessions;

/// Why a session ended.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ended {
    Logout,
    RefreshReused,
    RoleChanged,
}

impl Ended {
    fn word(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::RefreshReused => "refresh_reused",
            Self::RoleChanged => "role_changed",
        }
    }
}

/// What somebody gets who proved who they are.
pub(crate) struct Granted {
    pub access_token: String,
    pub refresh_token: RefreshToken,
    pub account: Account,
    /// When the session ends and its refresh token with it.
    pub expires_at: Timestamp,
    pub now: Timestamp,
}

/// Begins a session in the unit of work of its login.
pub(super) async fn begin(
    accounts: &Accounts,
    tx: &mut Tx,
    account: Account,
    factors: &[Factor],
    device: &Device,
) -> Result<Granted, AccountError> {
    let (session, now) = (SessionId::new(), tx.now());
    let expires_at = now + accounts.settings().session();
    let refresh_token = RefreshToken::from_bytes(platform::random::bytes());
    sessions::insert(tx, session, account.id, factors, device, expires_at).await?;
    sessions::insert_refresh(tx, session, &refresh_token, 1).await?;
    let login = Login { session, account: &account, factors, at: now };
    let access_token = accounts.tokens().issue(&login, now)?;
    Ok(Granted { access_token, refresh_token, account, expires_at, now })
}

/// Ends a session and commits; nothing happens when it had ended before. Its access tokens are
/// refused by this node at once.
pub(super) async fn end(
    accounts: &Accounts,
    mut tx: Tx,
    session: SessionId,
    why: Ended,
) -> sql::Result<()> {
    let now = tx.now();
    if let Some((customer_id, version)) = sessions::revoke(&mut tx, session, why.word()).await? {
        let reason = why.word().to_owned();
        tx.emit(&SessionRevoked { session_id: session, customer_id, reason }, version)?;
    }
    tx.commit().await?;
    accounts.revocations().insert(session, now);
    Ok(())
}

/// Ends all sessions of an account but one with the unit of work, after which this node refuses
/// their access tokens.
pub(super) async fn end_others(
    accounts: &Accounts,
    tx: &mut Tx,
    customer_id: CustomerId,
    but: Option<SessionId>,
    why: Ended,
) -> sql::Result<()> {
    let ended = sessions::revoke_others(tx, customer_id, but, why.word()).await?;
    for (session_id, version) in &ended {
        let (session_id, reason) = (*session_id, why.word().to_owned());
        tx.emit(&SessionRevoked { session_id, customer_id, reason }, *version)?;
    }
    let (accounts, now) = (accounts.clone(), tx.now());
    tx.after_commit(move || {
        for (session, _) in ended {
            accounts.revocations().insert(session, now);
        }
    });
    Ok(())
}
