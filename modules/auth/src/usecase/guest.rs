use kernel::id::CustomerId;
use kernel::ports::Role;

use super::session::{self, Granted};
use crate::Accounts;
use crate::domain::Account;
use crate::error::AccountError;
use crate::store;

/// Lets somebody shop without an account. Nothing was proved, so the session has no factor, and
/// nothing is told to others: no account was opened.
pub(crate) async fn guest(accounts: &Accounts) -> Result<Granted, AccountError> {
    let account = Account { id: CustomerId::new(), role: Role::Guest, email: None, name: None };
    let mut tx = accounts.db().begin("auth.guest").await?;
    store::insert_guest(&mut tx, account.id).await?;
    let granted = session::begin(accounts, &mut tx, account, &[]).await?;
    tx.commit().await?;
    Ok(granted)
}
