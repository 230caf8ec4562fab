use std::net::IpAddr;

use kernel::ports::Role;
use secrecy::SecretString;

use super::create::create;
use super::guess::{self, Limit};
use crate::Accounts;
use crate::domain::{Account, attempt};
use crate::error::AccountError;

/// Opens an account for a shopper. That an address is taken tells that it has an account, so such
/// answers are limited as wrong passwords from the client are.
pub(crate) async fn register(
    accounts: &Accounts,
    email: &str,
    password: SecretString,
    name: &str,
    client: IpAddr,
) -> Result<Account, AccountError> {
    let client = attempt::client(client);
    let most = accounts.settings().address_failures_max;
    let counted = guess::count_each(accounts, &[Limit::of("client", &client, most)]).await?;
    let opened = create(accounts, email, password, name, Role::Customer, None).await;
    if !matches!(opened, Err(AccountError::EmailTaken)) {
        guess::uncount(accounts, &counted).await?;
    }
    opened
}
