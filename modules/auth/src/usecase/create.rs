use kernel::events::CustomerRegistered;
use kernel::id::CustomerId;
use kernel::ports::Role;
use platform::audit::{Actor, Entry, record};
use secrecy::SecretString;
use serde::Serialize;

use super::letters;
use crate::Accounts;
use crate::domain::{Account, Email, LetterKind, Name, Password};
use crate::error::{AccountError, Invalid};
use crate::store::accounts::{self as stored, New};

/// What the audit log keeps of a new account.
#[derive(Serialize)]
struct Made<'a> {
    email: &'a str,
    name: &'a str,
    role: &'static str,
}

/// Opens an account; it is in the audit log unless a shopper opens one. Of two that want the same
/// e-mail address one gets it.
pub(crate) async fn create(
    accounts: &Accounts,
    email: &str,
    password: SecretString,
    name: &str,
    role: Role,
    actor: Option<&Actor>,
) -> Result<Account, AccountError> {
    let email = Email::new(email)?;
    let name = Name::new(name)?;
    let password = Password::chosen(password, &email)?;
    if role == Role::Guest {
        let message = "must not be guest, who has no e-mail address";
        return Err(Invalid { field: "role", message }.into());
    }
    let password_hash = accounts.hasher().hash(password).await?;

    let id = CustomerId::new();
    let new = New { id, email: &email, name: name.as_str(), role, password_hash: &password_hash };
    let mut tx = accounts.db().begin("auth.register").await?;
    if !stored::insert(&mut tx, &new).await? {
        return Err(AccountError::EmailTaken);
    }
    tx.emit(&CustomerRegistered { customer_id: id }, 1)?;
    letters::write(accounts, &mut tx, id, LetterKind::VerifyEmail, email.as_str()).await?;
    if let Some(actor) = actor {
        let made = Made { email: email.as_str(), name: name.as_str(), role: role.word() };
        record(&mut tx, actor, &[Entry::created("account.create", id.uuid(), &made)?]).await?;
    }
    tx.commit().await?;
    let (email, name) = (email.as_str().to_owned(), name.as_str().to_owned());
    let role = role.word().to_owned();
    Ok(Account { id, role, email: Some(email), verified: false, name: Some(name), group: None })
}
