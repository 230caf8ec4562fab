use kernel::Timestamp;
use kernel::events::{GuestMerged, SessionRevoked};
use kernel::id::{CustomerId, SessionId};
use kernel::ports::Factor;
use platform::personal;
use platform::sql::{self, Tx};

use crate::Accounts;
use crate::access_token::Login;
use crate::domain::{Account, Device, RefreshToken};
use crate::error::AccountError;
use crate::store::personal::of_session;
use crate::store::{accounts as stored, sessions};

/// Why a session ended.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ended {
    Logout,
    RefreshReused,
    RoleChanged,
    PasswordChanged,
    EmailChanged,
    Merged,
    Revoked,
    Erased,
}

impl Ended {
    fn word(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::RefreshReused => "refresh_reused",
            Self::RoleChanged => "role_changed",
            Self::PasswordChanged => "password_changed",
            Self::EmailChanged => "email_changed",
            Self::Merged => "merged",
            Self::Revoked => "revoked",
            Self::Erased => "erased",
        }
    }
}

/// Who comes to log in.
pub(crate) struct Visitor {
    pub device: Device,
    /// Who they were in the shop until now.
    pub guest: Option<Guest>,
}

/// Somebody without an account, with the session they shop in.
pub(crate) struct Guest {
    pub id: CustomerId,
    pub session: SessionId,
}

/// What somebody gets who proved who they are.
pub(crate) struct Granted {
    pub access_token: String,
    /// None when the session goes on with the one it has.
    pub refresh_token: Option<RefreshToken>,
    pub session: SessionId,
    pub account: Account,
    /// When the session ends and its refresh token with it.
    pub expires_at: Timestamp,
    pub now: Timestamp,
}

/// A session that is about to begin.
pub(super) struct Beginning {
    id: SessionId,
    /// Sealed; None where it is not kept.
    device: Option<String>,
}

impl Beginning {
    /// Of somebody with an account. It is made before the unit of work, since it needs their key.
    pub(super) async fn of(
        accounts: &Accounts,
        owner: CustomerId,
        device: &Device,
    ) -> sql::Result<Self> {
        let (id, key) = (SessionId::new(), accounts.key(owner).await?);
        let device = personal::seal(&key, &of_session(id), device)?;
        Ok(Self { id, device: Some(device) })
    }

    /// Of a guest. Nobody but the guest would be shown the device, and a key for each guest would cost
    /// a commit.
    pub(super) fn of_guest() -> Self {
        Self { id: SessionId::new(), device: None }
    }
}

/// Begins a session in the unit of work of its login. What a guest has gathered goes along.
pub(super) async fn begin(
    accounts: &Accounts,
    tx: &mut Tx,
    account: Account,
    factors: &[Factor],
    beginning: Beginning,
    visitor: &Visitor,
) -> Result<Granted, AccountError> {
    let (Beginning { id: session, device }, now) = (beginning, tx.now());
    let expires_at = now + accounts.settings().session();
    let refresh_token = RefreshToken::from_bytes(platform::random::bytes());
    let (customer, device) = (account.id, device.as_deref());
    let new = sessions::New { id: session, customer, factors, device, expires_at };
    if !sessions::insert(tx, &new).await? {
        return Err(AccountError::NoSession);
    }
    sessions::insert_refresh(tx, session, &refresh_token, 1).await?;
    if let Some(guest) = &visitor.guest {
        take_in(accounts, tx, guest, account.id).await?;
    }
    let login = Login { session, account: &account, factors, at: now };
    let access_token = accounts.tokens().issue(&accounts.keys().signer(now), &login, now)?;
    let refresh_token = Some(refresh_token);
    let (id, factors, address) = (account.id, factors.to_vec(), visitor.device.address);
    tx.after_commit(move || {
        tracing::info!(account = %id, %session, ?factors, %address, "a session begins");
    });
    Ok(Granted { access_token, refresh_token, session, account, expires_at, now })
}

/// Notes that a session was proved by one more factor: an access token that says so.
pub(super) async fn strengthen(
    accounts: &Accounts,
    tx: &mut Tx,
    account: Account,
    session: SessionId,
    factor: Factor,
) -> Result<Granted, AccountError> {
    let now = tx.now();
    let held = sessions::hold(tx, session).await?.ok_or(AccountError::NoSession)?;
    let mut factors = held.factors;
    if !factors.contains(&factor) {
        factors.push(factor);
    }
    sessions::set_factors(tx, session, &factors).await?;
    let id = account.id;
    tx.after_commit(move || {
        tracing::info!(account = %id, %session, ?factor, "a session is proved again");
    });
    let login = Login { session, account: &account, factors: &factors, at: now };
    let access_token = accounts.tokens().issue(&accounts.keys().signer(now), &login, now)?;
    let expires_at = held.expires_at;
    Ok(Granted { access_token, refresh_token: None, session, account, expires_at, now })
}

/// Tells that a guest has turned out to be somebody, once, and ends the guest's session.
async fn take_in(
    accounts: &Accounts,
    tx: &mut Tx,
    guest: &Guest,
    customer_id: CustomerId,
) -> sql::Result<()> {
    if !stored::leave_guest(tx, guest.id).await? {
        return Ok(());
    }
    tx.emit(&GuestMerged { guest_id: guest.id, customer_id }, 1)?;
    revoke(accounts, tx, guest.session, Ended::Merged).await.map(drop)
}

/// Ends a session and commits; nothing happens when it had ended before. Its access tokens are
/// refused by this node at once.
pub(super) async fn end(
    accounts: &Accounts,
    mut tx: Tx,
    session: SessionId,
    why: Ended,
) -> sql::Result<()> {
    revoke(accounts, &mut tx, session, why).await?;
    tx.commit().await
}

/// Ends a session with the unit of work, after which this node refuses its access tokens. False when
/// it had ended before.
pub(super) async fn revoke(
    accounts: &Accounts,
    tx: &mut Tx,
    session: SessionId,
    why: Ended,
) -> sql::Result<bool> {
    let ended = sessions::revoke(tx, session, why.word()).await?;
    if let Some((customer_id, version)) = ended {
        let reason = why.word().to_owned();
        tx.emit(&SessionRevoked { session_id: session, customer_id, reason }, version)?;
    }
    let (accounts, now) = (accounts.clone(), tx.now());
    tx.after_commit(move || accounts.revocations().insert(session, now));
    Ok(ended.is_some())
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
