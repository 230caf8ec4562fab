use kernel::events::CustomerRegistered;
use kernel::id::CustomerId;
use kernel::ports::Role;
use platform::audit::{Actor, Entry, record};
use platform::personal;
use secrecy::SecretString;
use serde::Serialize;

use super::letters;
use crate::Accounts;
use crate::domain::{Account, Email, LetterKind, Name, Password};
use crate::error::{AccountError, Invalid};
use crate::store::accounts::{self as stored, New};
use crate::store::personal::{Personal, of_account};

/// What the audit log keeps of a new account: nothing that would have to be erased from it.
#[derive(Serialize)]
struct Made {
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

    let (id, index) = (CustomerId::new(), accounts.secrets().email_index(email.as_str()));
    // No key is made for somebody who does not come to be.
    if stored::id_of_email(accounts.db(), &index).await?.is_some() {
        return Err(AccountError::EmailTaken);
    }
    let (email, name) = (email.as_str().to_owned(), name.as_str().to_owned());
    let personal = Personal { email, name };
    let sealed = personal::seal(&*accounts.key(id).await?, &of_account(id), &personal)?;
    let new = New { id, index: &index, personal: &sealed, role, password_hash: &password_hash };
    let mut tx = accounts.db().begin("auth.register").await?;
    if !stored::insert(&mut tx, &new).await? {
        return Err(AccountError::EmailTaken);
    }
    tx.emit(&CustomerRegistered { customer_id: id }, 1)?;
    letters::write(accounts, &mut tx, id, LetterKind::VerifyEmail, &index).await?;
    if let Some(actor) = actor {
        let made = Made { role: role.word() };
        record(&mut tx, actor, &[Entry::created("account.create", id.uuid(), &made)?]).await?;
    }
    tx.commit().await?;
    let Personal { email, name } = personal;
    let role = role.word().to_owned();
    Ok(Account { id, role, email: Some(email), verified: false, name: Some(name), group: None })
}
