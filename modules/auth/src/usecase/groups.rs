//! Which customer group somebody is in.

use kernel::id::CustomerId;
use kernel::ports::is_group;
use platform::audit::{Actor, Entry, record};
use serde::Serialize;

use crate::Accounts;
use crate::domain::Account;
use crate::error::{AccountError, Invalid};
use crate::store::accounts::{self as stored, Stored};

/// What the audit log keeps of a change of group.
#[derive(Serialize)]
struct IsIn<'a> {
    group: Option<&'a str>,
}

/// Puts somebody into a customer group, or out of the one they are in. Their next access token tells
/// of it.
pub(crate) async fn give_group(
    accounts: &Accounts,
    id: CustomerId,
    group: Option<&str>,
    actor: &Actor,
) -> Result<Account, AccountError> {
    if group.is_some_and(|group| !is_group(group)) {
        let message = "must be at most 50 small letters, digits and single hyphens";
        return Err(Invalid { field: "group", message }.into());
    }
    let mut tx = accounts.db().begin("auth.give_group").await?;
    let before = stored::by_id(&mut tx, id).await?;
    let before = before.filter(Stored::is_open);
    let before = before.ok_or(AccountError::Absent("account"))?;
    let was = before.bare.group.as_deref();
    if was != group {
        if !stored::set_group(&mut tx, id, was, group).await? {
            return Err(AccountError::GroupChanged);
        }
        let (was, is) = (IsIn { group: was }, IsIn { group });
        record(&mut tx, actor, &[Entry::changed("account.group", id.uuid(), &was, &is)?]).await?;
    }
    tx.commit().await?;
    let before = before.open(accounts.db()).await?;
    Ok(Account { group: group.map(str::to_owned), ..before })
}
