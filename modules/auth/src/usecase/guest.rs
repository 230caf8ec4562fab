use kernel::id::CustomerId;
use kernel::ports::Role;

use super::session::{self, Beginning, Granted, Visitor};
use crate::Accounts;
use crate::domain::Account;
use crate::error::AccountError;
use crate::store;

/// Lets somebody shop without an account. Nothing was proved, so the session has no factor, and
/// nothing is told to others: no account was opened.
pub(crate) async fn guest(accounts: &Accounts, visitor: &Visitor) -> Result<Granted, AccountError> {
    let (id, role) = (CustomerId::new(), Role::Guest.word().to_owned());
    let account = Account { id, role, email: None, verified: false, name: None, group: None };
    let mut tx = accounts.db().begin("auth.guest").await?;
    store::accounts::insert_guest(&mut tx, account.id).await?;
    let granted =
        session::begin(accounts, &mut tx, account, &[], Beginning::of_guest(), visitor).await?;
    tx.commit().await?;
    Ok(granted)
}
