use kernel::events::CustomerRegistered;
use kernel::id::CustomerId;
use kernel::ports::Role;
use secrecy::SecretString;

use crate::Accounts;
use crate::domain::{Account, Email, Name, Password};
use crate::error::{AccountError, Invalid};
use crate::store::{self, NewAccount};

/// Opens an account. Of two that want the same e-mail address one gets it.
pub(crate) async fn create(
    accounts: &Accounts,
    email: &str,
    password: SecretString,
    name: &str,
    role: Role,
) -> Result<Account, AccountError> {
    let email = Email::new(email)?;
    let name = Name::new(name)?;
    let password = Password::chosen(password, &email)?;
    if role == Role::Guest {
        let message = "must be customer, staff or admin: a guest has no e-mail address";
        return Err(Invalid { field: "role", message }.into());
    }
    let password_hash = accounts.hasher().hash(password).await?;

    let id = CustomerId::new();
    let new =
        NewAccount { id, email: &email, name: name.as_str(), role, password_hash: &password_hash };
    let mut tx = accounts.db().begin("auth.register").await?;
    if !store::insert_account(&mut tx, &new).await? {
        return Err(AccountError::EmailTaken);
    }
    tx.emit(&CustomerRegistered { customer_id: id }, 1)?;
    tx.commit().await?;
    let (email, name) = (email.as_str().to_owned(), name.as_str().to_owned());
    Ok(Account { id, role, email: Some(email), name: Some(name) })
}
