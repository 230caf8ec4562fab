use kernel::ports::Factor;
use secrecy::SecretString;

use super::guess;
use super::session::{self, Beginning, Granted, Visitor};
use crate::Accounts;
use crate::domain::{Email, Password};
use crate::error::AccountError;
use crate::hasher::Checked;
use crate::store::accounts::{self as stored, Credentials};

/// Begins a session for whoever knows the password. An unknown address is counted, takes as long and
/// is answered like a wrong password.
pub(crate) async fn login(
    accounts: &Accounts,
    email: &str,
    password: SecretString,
    visitor: &Visitor,
) -> Result<Granted, AccountError> {
    let email = Email::new(email)?;
    let password = Password::presented(password)?;
    let counted = guess::count(accounts, email.as_str(), visitor.device.address).await?;

    let index = accounts.secrets().email_index(email.as_str());
    let found = stored::credentials(accounts.db(), &index).await?;
    let stored_hash = found.as_ref().and_then(|found| found.password_hash.clone());
    let checked = accounts.hasher().check(password, stored_hash).await;

    let (found, fresh_hash) = match (checked, found) {
        (Ok(Checked::Right), Some(found)) => (found, None),
        (Ok(Checked::RightAt(hash)), Some(found)) => (found, Some(hash)),
        (Ok(_), _) => return Err(AccountError::WrongCredentials),
        (Err(error), _) => {
            guess::uncount(accounts, &counted).await?;
            return Err(error);
        }
    };
    let Credentials { account, password_hash } = found;
    // Keys are asked for when the password is right, so that a wrong one is the same work for all.
    let account = account.open(accounts.db()).await?;
    if account.email.is_none() {
        return Err(AccountError::WrongCredentials);
    }
    let beginning = Beginning::of(accounts, account.id, &visitor.device).await?;

    let mut tx = accounts.db().begin("auth.login").await?;
    guess::give_back(&mut tx, &counted).await?;
    if let (Some(old), Some(new)) = (password_hash, fresh_hash) {
        stored::replace_hash(&mut tx, account.id, &old, &new).await?;
    }
    let factors = [Factor::Pwd];
    let granted = session::begin(accounts, &mut tx, account, &factors, beginning, visitor).await?;
    tx.commit().await?;
    Ok(granted)
}
