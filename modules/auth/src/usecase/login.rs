use std::net::IpAddr;

use kernel::ports::Factor;
use platform::sql::{self, Tx};
use secrecy::SecretString;

use super::session::{self, Granted};
use crate::Accounts;
use crate::domain::{Device, Email, Password, attempt};
use crate::error::AccountError;
use crate::hasher::Checked;
use crate::store::accounts::{self as stored, Credentials};
use crate::store::attempts::{self, LOGIN_ATTEMPTS};

/// Begins a session for whoever knows the password.
///
/// A failure is counted before the password is looked at and given back when it was right, so
/// that guesses made at the same time cannot pass the limit together. An unknown address is
/// counted, takes as long and is answered like a wrong password.
pub(crate) async fn login(
    accounts: &Accounts,
    email: &str,
    password: SecretString,
    device: &Device,
) -> Result<Granted, AccountError> {
    let email = Email::new(email)?;
    let password = Password::presented(password)?;
    let counted = count_failure(accounts, &email, device.address).await?;

    let found = stored::credentials(accounts.db(), &email).await?;
    let stored = found.as_ref().and_then(|found| found.password_hash.clone());
    let checked = accounts.hasher().check(password, stored).await;

    let (found, fresh_hash) = match (checked, found) {
        (Ok(Checked::Right), Some(found)) => (found, None),
        (Ok(Checked::RightAt(hash)), Some(found)) => (found, Some(hash)),
        (Ok(_), _) => return Err(AccountError::WrongCredentials),
        (Err(error), _) => {
            // Nothing was learnt about the password, so it was no guess.
            let mut tx = accounts.db().begin("auth.login.uncount").await?;
            give_back(&mut tx, &counted).await?;
            tx.commit().await?;
            return Err(error);
        }
    };
    let Credentials { account, password_hash } = found;

    let mut tx = accounts.db().begin("auth.login").await?;
    give_back(&mut tx, &counted).await?;
    if let (Some(old), Some(new)) = (password_hash, fresh_hash) {
        stored::replace_hash(&mut tx, account.id, &old, &new).await?;
    }
    let granted = session::begin(accounts, &mut tx, account, &[Factor::Pwd], device).await?;
    tx.commit().await?;
    Ok(granted)
}

/// Takes one failure of the account and one of the client address; refused when either has none
/// left, and then neither is taken. Returns the keys.
async fn count_failure(
    accounts: &Accounts,
    email: &Email,
    client: IpAddr,
) -> Result<Vec<(String, i64)>, AccountError> {
    let settings = accounts.settings();
    let mut tx = accounts.db().begin("auth.login.count").await?;
    let now = tx.now();
    let (number, ends) = attempt::window(now, settings.failure_window_s);
    let account_key = accounts.keys().pseudonym(email.as_str());
    let client_key = accounts.keys().pseudonym(&attempt::client(client));
    let limits = [
        (format!("account:{account_key}:{number}"), settings.account_failures_max),
        (format!("client:{client_key}:{number}"), settings.address_failures_max),
    ];
    attempts::open(&mut tx, &limits, ends).await?;
    let taken: Vec<(String, i64)> = limits.into_iter().map(|(key, _)| (key, 1)).collect();
    if LOGIN_ATTEMPTS.take(&mut tx, &taken).await?.is_err() {
        let retry_after_s = attempt::seconds_until(ends, now);
        return Err(AccountError::TooManyAttempts { retry_after_s });
    }
    tx.commit().await?;
    Ok(taken)
}

/// A window that was pruned meanwhile takes nothing back, which is as good.
async fn give_back(tx: &mut Tx, counted: &[(String, i64)]) -> sql::Result<()> {
    LOGIN_ATTEMPTS.give(tx, counted).await.map(drop)
}
