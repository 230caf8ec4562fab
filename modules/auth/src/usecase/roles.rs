//! Roles that the shop makes, and who has which role.

use kernel::Permissions;
use kernel::id::{CustomerId, RoleId};
use kernel::ports::{Principal, Role};
use platform::audit::{Actor, Entry, record};
use serde::Serialize;

use super::session::{self, Ended};
use crate::Accounts;
use crate::domain::Account;
use crate::domain::role::{NewRole, OwnRole, ROLES_MAX, check_name};
use crate::error::{AccountError, Invalid};
use crate::store::accounts::{self as stored, Stored};
use crate::store::roles;

const ROLE: &str = "role";

/// A role that the shop made.
pub(crate) async fn role(accounts: &Accounts, name: &str) -> Result<OwnRole, AccountError> {
    roles::find(accounts.db(), name).await?.ok_or(AccountError::Absent(ROLE))
}

/// Makes a role that may do no more than whoever makes it.
pub(crate) async fn create_role(
    accounts: &Accounts,
    new: NewRole,
    caller: &Principal,
    actor: &Actor,
) -> Result<OwnRole, AccountError> {
    check_name(&new.name)?;
    within(new.permissions, caller.permissions)?;
    let NewRole { name, permissions } = new;
    let role = OwnRole { id: RoleId::new(), name, permissions, version: 1 };
    let mut tx = accounts.db().begin("auth.role").await?;
    if roles::count(&mut tx).await? >= ROLES_MAX {
        return Err(AccountError::TooMany { what: "roles", most: ROLES_MAX });
    }
    if !roles::insert(&mut tx, &role).await? {
        return Err(AccountError::NameTaken(role.name));
    }
    record(&mut tx, actor, &[Entry::created("role.create", role.id.uuid(), &role)?]).await?;
    tx.commit().await?;
    accounts.authority().refresh(accounts.db()).await?;
    Ok(role)
}

/// Changes what a role may do that still is in `version`.
pub(crate) async fn change_role(
    accounts: &Accounts,
    name: &str,
    version: i64,
    permissions: Permissions,
    caller: &Principal,
    actor: &Actor,
) -> Result<OwnRole, AccountError> {
    let mut tx = accounts.db().begin("auth.role").await?;
    let before = roles::hold(&mut tx, name).await?.ok_or(AccountError::Absent(ROLE))?;
    within(permissions, caller.permissions)?;
    within(before.permissions, caller.permissions)?;
    let mut after = OwnRole { permissions, version, ..before.clone() };
    if !roles::update(&mut tx, &after).await? {
        return Err(AccountError::Stale { current: before.version });
    }
    after.version += 1;
    let entry = Entry::changed("role.update", after.id.uuid(), &before, &after)?;
    record(&mut tx, actor, &[entry]).await?;
    tx.commit().await?;
    accounts.authority().refresh(accounts.db()).await?;
    Ok(after)
}

/// Deletes a role that nobody has and that still is in `version`.
pub(crate) async fn delete_role(
    accounts: &Accounts,
    name: &str,
    version: i64,
    actor: &Actor,
) -> Result<(), AccountError> {
    let mut tx = accounts.db().begin("auth.role").await?;
    let before = roles::hold(&mut tx, name).await?.ok_or(AccountError::Absent(ROLE))?;
    if roles::in_use(&mut tx, name).await? {
        return Err(AccountError::RoleInUse);
    }
    if !roles::delete(&mut tx, before.id, version).await? {
        return Err(AccountError::Stale { current: before.version });
    }
    record(&mut tx, actor, &[Entry::deleted("role.delete", before.id.uuid(), &before)?]).await?;
    tx.commit().await?;
    accounts.authority().refresh(accounts.db()).await?;
    Ok(())
}

/// What the audit log keeps of a change of role.
#[derive(Serialize)]
struct Has<'a> {
    role: &'a str,
}

/// Gives somebody a role. Whoever does that may do all that the old and the new role may, and is
/// somebody else. The sessions of the account end: their tokens tell of the old role.
pub(crate) async fn give_role(
    accounts: &Accounts,
    id: CustomerId,
    role: &str,
    caller: &Principal,
    actor: &Actor,
) -> Result<Account, AccountError> {
    if caller.id == id {
        return Err(AccountError::OwnRole);
    }
    let mut tx = accounts.db().begin("auth.give_role").await?;
    let wanted = match role.parse() {
        Ok(Role::Guest) => None,
        Ok(built_in) => Some(Role::permissions(built_in)),
        Err(_) => roles::hold(&mut tx, role).await?.map(|own| own.permissions),
    };
    let message = "must be the name of a role; /v1/admin/roles lists them";
    within(wanted.ok_or(Invalid { field: "role", message })?, caller.permissions)?;
    let before = stored::by_id(&mut tx, id).await?;
    let before = before.filter(Stored::is_open);
    let before = before.ok_or(AccountError::Absent("account"))?;
    let has = before.bare.role.as_str();
    let had = accounts.authority().permissions(accounts.db(), has).await?;
    within(had.unwrap_or_default(), caller.permissions)?;
    if has == role {
        drop(tx);
        return Ok(before.open(accounts.db()).await?);
    }
    if !stored::set_role(&mut tx, id, has, role).await? {
        return Err(AccountError::RoleChanged);
    }
    let entry = Entry::changed("account.role", id.uuid(), &Has { role: has }, &Has { role })?;
    record(&mut tx, actor, &[entry]).await?;
    session::end_others(accounts, &mut tx, id, None, Ended::RoleChanged).await?;
    tx.commit().await?;
    let before = before.open(accounts.db()).await?;
    Ok(Account { role: role.to_owned(), ..before })
}

/// Refuses to give away what one does not have.
pub(super) fn within(wanted: Permissions, may: Permissions) -> Result<(), AccountError> {
    let beyond = wanted.without(may);
    if beyond.is_empty() { Ok(()) } else { Err(AccountError::Beyond(beyond)) }
}
