//! An e-mail address: shown to reach its owner, and exchanged for another one.

use std::net::IpAddr;

use kernel::events::CustomerVerified;
use kernel::id::{CustomerId, SessionId};
use platform::personal;
use platform::sql::{self, Tx};
use secrecy::SecretString;

use super::guess::{self, Limit};
use super::letters::{self, Addressed, write_addressed};
use super::noted::{self, By};
use super::password;
use super::session::{self, Ended};
use crate::Accounts;
use crate::domain::{Account, Email, EmailIndex, LetterKind, LetterToken};
use crate::error::AccountError;
use crate::store::personal::{Personal, of_account};
use crate::store::{accounts as stored, letters as stored_letters};

/// What the audit log keeps of an address.
const BY_LETTER: By = By { by: "letter" };

/// Writes the letter again by which an address is shown to reach its owner; nothing happens when
/// that was shown.
pub(crate) async fn ask_verification(
    accounts: &Accounts,
    account: Account,
) -> Result<(), AccountError> {
    let Some(address) = account.email.filter(|_| !account.verified) else { return Ok(()) };
    let mut tx = accounts.db().begin("auth.verify.ask").await?;
    count_letter(accounts, &mut tx, &address).await?;
    let own = accounts.secrets().email_index(&address);
    letters::write(accounts, &mut tx, account.id, LetterKind::VerifyEmail, &own).await?;
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
    if note_verified(&mut tx, opened.customer, &opened.to).await?
        && let Some(owner) = stored::by_id(&mut tx, opened.customer).await?
    {
        noted::note(&mut tx, &owner.bare, client, "account.verify", &BY_LETTER).await?;
    }
    Ok(tx.commit().await?)
}

/// False when the address was verified before, or is another one now; then nothing happens.
pub(super) async fn note_verified(
    tx: &mut Tx,
    id: CustomerId,
    index: &EmailIndex,
) -> sql::Result<bool> {
    let version = stored::verify(tx, id, index).await?;
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
    let warn =
        letters::address(accounts, account.id, LetterKind::EmailChanging, old.as_str()).await?;
    let ask = letters::address(accounts, account.id, LetterKind::ChangeEmail, new.as_str()).await?;
    let mut tx = accounts.db().begin("auth.email.ask").await?;
    count_letter(accounts, &mut tx, old.as_str()).await?;
    write_addressed(accounts, &mut tx, &warn).await?;
    let index = accounts.secrets().email_index(new.as_str());
    if stored::by_email(&mut tx, &index).await?.is_none() {
        write_addressed(accounts, &mut tx, &ask).await?;
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
    let Moving { id, old, new, personal, notice } = moving(accounts, &token).await?;
    let mut tx = accounts.db().begin("auth.email").await?;
    let opened = stored_letters::take(&mut tx, &token, LetterKind::ChangeEmail).await?;
    opened.ok_or(AccountError::LinkInvalid)?;
    let owner = stored::by_id(&mut tx, id).await?.ok_or(AccountError::LinkInvalid)?;
    if !stored::change_email(&mut tx, id, &old, &new, &personal).await? {
        return Err(AccountError::EmailTaken);
    }
    noted::note(&mut tx, &owner.bare, client, "account.email", &BY_LETTER).await?;
    for kind in [LetterKind::ResetPassword, LetterKind::VerifyEmail] {
        stored_letters::supersede(&mut tx, id, kind).await?;
    }
    write_addressed(accounts, &mut tx, &notice).await?;
    note_verified(&mut tx, id, &new).await?;
    session::end_others(accounts, &mut tx, id, but, Ended::EmailChanged).await?;
    Ok(tx.commit().await?)
}

/// An account that moves from one address to another.
struct Moving {
    id: CustomerId,
    old: EmailIndex,
    new: EmailIndex,
    /// What is sealed of it when it has moved.
    personal: String,
    /// To the old address.
    notice: Addressed,
}

/// What a token moves, looked up and sealed before the unit of work.
async fn moving(accounts: &Accounts, token: &LetterToken) -> Result<Moving, AccountError> {
    let letter = stored_letters::opened_by(accounts.db(), token, LetterKind::ChangeEmail).await?;
    let letter = letter.ok_or(AccountError::LinkInvalid)?;
    let (Some(id), Some(email)) = (letter.customer, letter.address) else {
        return Err(AccountError::LinkInvalid);
    };
    let owner = stored::find(accounts.db(), id).await?.ok_or(AccountError::LinkInvalid)?;
    let (Some(before), Some(name)) = (owner.email, owner.name) else {
        return Err(AccountError::LinkInvalid);
    };
    let key = accounts.key(id).await?;
    let personal = personal::seal(&key, &of_account(id), &Personal { email, name })?;
    let notice = letters::address(accounts, id, LetterKind::EmailChanged, &before).await?;
    let old = accounts.secrets().email_index(&before);
    Ok(Moving { id, old, new: letter.to, personal, notice })
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
