//! A new password: by a letter for who forgot it, by the old one for who knows it.

use std::net::IpAddr;

use kernel::id::{CustomerId, SessionId};
use platform::sql;
use secrecy::SecretString;

use super::guess::{self, Limit};
use super::letters::{self, Addressed};
use super::noted::{self, By};
use super::session::{self, Ended};
use crate::Accounts;
use crate::domain::{Account, Email, LetterKind, LetterToken, Password, attempt};
use crate::error::AccountError;
use crate::hasher::Checked;
use crate::store::accounts as stored;
use crate::store::letters::{self as stored_letters, Opened};

/// Writes a letter that lets an account choose a new password. Whether there is one, nobody learns:
/// for a strange address the same statements run.
pub(crate) async fn ask_reset(
    accounts: &Accounts,
    email: &str,
    client: IpAddr,
) -> Result<(), AccountError> {
    let email = Email::new(email)?;
    let (settings, client) = (accounts.settings(), attempt::client(client));
    let limits = [
        Limit::of("letters", email.as_str(), settings.letters_max),
        Limit::of("client", &client, settings.address_failures_max),
    ];
    let mut tx = accounts.db().begin("auth.reset.ask").await?;
    guess::count_in(accounts, &mut tx, &limits).await?;
    let own = accounts.secrets().email_index(email.as_str());
    match stored::by_email(&mut tx, &own).await? {
        Some(id) => {
            letters::write(accounts, &mut tx, id, LetterKind::ResetPassword, &own).await?;
        }
        None => letters::write_nothing(accounts, &mut tx).await?,
    }
    Ok(tx.commit().await?)
}

/// Gives an account a new password by the token of a letter, and ends all its sessions.
pub(crate) async fn reset(
    accounts: &Accounts,
    token: &str,
    password: SecretString,
    client: IpAddr,
) -> Result<(), AccountError> {
    let token = LetterToken::parse(token).ok_or(AccountError::LinkInvalid)?;
    let kind = LetterKind::ResetPassword;
    let opened = stored_letters::opened_by(accounts.db(), &token, kind).await?;
    let (owner, address) = opened
        .and_then(|letter| letter.customer.zip(letter.address))
        .ok_or(AccountError::LinkInvalid)?;
    let address = Email::new(&address)?;
    let password = Password::chosen(password, &address)?;
    let hash = accounts.hasher().hash(password).await?;
    let notice = notice(accounts, owner, &address).await?;

    let mut tx = accounts.db().begin("auth.reset").await?;
    let opened = stored_letters::take(&mut tx, &token, kind).await?;
    let Opened { customer: id, to: own } = opened.ok_or(AccountError::LinkInvalid)?;
    if !stored::reset_password(&mut tx, id, &own, &hash).await? {
        return Err(AccountError::LinkInvalid);
    }
    if let Some(account) = stored::by_id(&mut tx, id).await? {
        noted::note(&mut tx, &account.bare, client, "account.password", &By { by: "letter" })
            .await?;
    }
    super::email::note_verified(&mut tx, id, &own).await?;
    letters::write_addressed(accounts, &mut tx, &notice).await?;
    session::end_others(accounts, &mut tx, id, None, Ended::PasswordChanged).await?;
    Ok(tx.commit().await?)
}

/// Gives an account a new password for whoever knows the old one, and ends its other sessions.
pub(crate) async fn change(
    accounts: &Accounts,
    session: SessionId,
    account: Account,
    old: SecretString,
    new: SecretString,
    client: IpAddr,
) -> Result<(), AccountError> {
    let email = Email::new(account.email.as_deref().unwrap_or_default())?;
    let new = Password::chosen(new, &email)?;
    let stored_hash = confirm(accounts, &email, old, client).await?;
    let hash = accounts.hasher().hash(new).await?;
    let notice = notice(accounts, account.id, &email).await?;
    let mut tx = accounts.db().begin("auth.password").await?;
    if !stored::replace_hash(&mut tx, account.id, &stored_hash, &hash).await? {
        return Err(AccountError::WrongCredentials);
    }
    noted::note(&mut tx, &account, client, "account.password", &By { by: "password" }).await?;
    stored_letters::supersede(&mut tx, account.id, LetterKind::ResetPassword).await?;
    letters::write_addressed(accounts, &mut tx, &notice).await?;
    session::end_others(accounts, &mut tx, account.id, Some(session), Ended::PasswordChanged)
        .await?;
    Ok(tx.commit().await?)
}

/// Tells the owner of an account that it has a new password.
async fn notice(accounts: &Accounts, owner: CustomerId, address: &Email) -> sql::Result<Addressed> {
    letters::address(accounts, owner, LetterKind::PasswordChanged, address.as_str()).await
}

/// Makes sure that somebody knows the password of an account, whose hash it returns. A wrong one is
/// counted as in a login.
pub(super) async fn confirm(
    accounts: &Accounts,
    email: &Email,
    password: SecretString,
    client: IpAddr,
) -> Result<String, AccountError> {
    let password = Password::presented(password)?;
    let counted = guess::count(accounts, email.as_str(), client).await?;
    let index = accounts.secrets().email_index(email.as_str());
    let found = stored::credentials(accounts.db(), &index).await?;
    let hash = found.and_then(|found| found.password_hash);
    match (accounts.hasher().check(password, hash.clone()).await, hash) {
        (Ok(Checked::Right | Checked::RightAt(_)), Some(hash)) => {
            guess::uncount(accounts, &counted).await?;
            Ok(hash)
        }
        (Ok(_), _) => Err(AccountError::WrongCredentials),
        (Err(error), _) => {
            guess::uncount(accounts, &counted).await?;
            Err(error)
        }
    }
}
