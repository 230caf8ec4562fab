//! An e-mail address: shown to reach its owner, and exchanged for another one.

use std::net::IpAddr;

use kernel::events::CustomerVerified;
use kernel::id::{CustomerId, SessionId};
use platform::sql::{self, Tx};
use secrecy::SecretString;

use super::guess::{self, Limit};
use super::session::{self, Ended};
use super::{letters, noted, password};
use crate::Accounts;
use crate::domain::{Account, Email, LetterKind, LetterToken};
use crate::error::AccountError;
use crate::store::{accounts as stored, letters as stored_letters};

/// Writes the letter again by which an address is shown to reach its owner; nothing happens when
/// that was shown.
pub(crate) async fn ask_verification(
    accounts: &Accounts,
    account: Account,
) -> Result<(), AccountError> {
    let Some(address) = account.email.filter(|_| !account.verified) else { return Ok(()) };
    let mut tx = accounts.db().begin("auth.verify.ask").await?;
    count_letter(accounts, &mut tx, &address).await?;
    letters::write(accounts, &mut tx, account.id, LetterKind::VerifyEmail, &address).await?;
    Ok(tx.commit().await?)
}

/// Notes that the letter to an address has reached its owner.
pub(crate) async fn verify(
    accounts: &Accounts,
    token: &str,
    client: IpAddr,
) -> Result<(), AccountError> {
    let token = LetterToken::parse(token).ok_or(AccountError::LinkInvalid)?;
    let mut tx = accounts.db().begin("auth.verify").await?;
    let opened = stored_letters::take(&mut tx, &token, LetterKind::VerifyEmail).await?;
    let opened = opened.ok_or(AccountError::LinkInvalid)?;
    if note_verified(&mut tx, opened.customer, &opened.address).await?
        && let Some(owner) = stored::by_id(&mut tx, opened.customer).await?
    {
        let told = serde_json::json!({"email": opened.address});
        noted::note(&mut tx, &owner, client, "account.verify", &told).await?;
    }
    Ok(tx.commit().await?)
}

/// False when the address was verified before, or is another one now; then nothing happens.
pub(super) async fn note_verified(tx: &mut Tx, id: CustomerId, address: &str) -> sql::Result<bool> {
    let version = stored::verify(tx, id, address).await?;
    if let Some(version) = version {
        tx.emit(&CustomerVerified { customer_id: id }, version)?;
    }
    Ok(version.is_some())
}

/// Writes to the new address to have it confirmed, and to the old one to warn. Whether the new one
/// has an account, nobody learns; its owner gets no letter then.
pub(crate) async fn ask_change(
    accounts: &Accounts,
    account: Account,
    new: &str,
    password: SecretString,
    client: IpAddr,
) -> Result<(), AccountError> {
    let new = Email::new(new)?;
    let old = Email::new(account.email.as_deref().unwrap_or_default())?;
    password::confirm(accounts, &old, password, client).await?;
    let mut tx = accounts.db().begin("auth.email.ask").await?;
    count_letter(accounts, &mut tx, old.as_str()).await?;
    letters::write(accounts, &mut tx, account.id, LetterKind::EmailChanging, old.as_str()).await?;
    if stored::by_email(&mut tx, &new).await?.is_none() {
        letters::write(accounts, &mut tx, account.id, LetterKind::ChangeEmail, new.as_str())
            .await?;
    }
    Ok(tx.commit().await?)
}

/// Moves an account to the address that the token was sent to, and ends its sessions but one.
pub(crate) async fn change(
    accounts: &Accounts,
    token: &str,
    but: Option<SessionId>,
    client: IpAddr,
) -> Result<(), AccountError> {
    let token = LetterToken::parse(token).ok_or(AccountError::LinkInvalid)?;
    let mut tx = accounts.db().begin("auth.email").await?;
    let opened = stored_letters::take(&mut tx, &token, LetterKind::ChangeEmail).await?;
    let opened = opened.ok_or(AccountError::LinkInvalid)?;
    let (id, new) = (opened.customer, opened.address);
    let owner = stored::by_id(&mut tx, id).await?.ok_or(AccountError::LinkInvalid)?;
    let old = owner.email.clone().ok_or(AccountError::LinkInvalid)?;
    if !stored::change_email(&mut tx, id, &old, &new).await? {
        return Err(AccountError::EmailTaken);
    }
    noted::note_email(&mut tx, &owner, client, &new).await?;
    for kind in [LetterKind::ResetPassword, LetterKind::VerifyEmail] {
        stored_letters::supersede(&mut tx, id, kind).await?;
    }
    letters::write(accounts, &mut tx, id, LetterKind::EmailChanged, &old).await?;
    note_verified(&mut tx, id, &new).await?;
    session::end_others(accounts, &mut tx, id, but, Ended::EmailChanged).await?;
    Ok(tx.commit().await?)
}

/// Nobody's letter box is filled by asking again and again.
pub(super) async fn count_letter(
    accounts: &Accounts,
    tx: &mut Tx,
    whose: &str,
) -> Result<(), AccountError> {
    let limits = [Limit::of("letters", whose, accounts.settings().letters_max)];
    guess::count_in(accounts, tx, &limits).await.map(drop)
}
