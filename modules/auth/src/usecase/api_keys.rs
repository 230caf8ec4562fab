//! Keys for programs.

use kernel::Permissions;
use kernel::id::{ApiKeyId, CustomerId};
use platform::audit::{Actor, Entry, record};
use platform::sql::{self, Tx};

use super::roles::within;
use crate::Accounts;
use crate::domain::api_key::{self, ApiKey, FreshKey, KEYS_MAX, NewApiKey};
use crate::error::AccountError;
use crate::store::api_keys;

/// Makes a key that may do no more than whoever makes it `may`. Its text is known only now.
pub(crate) async fn create_key(
    accounts: &Accounts,
    new: NewApiKey,
    (made_by, may): (CustomerId, Permissions),
    actor: &Actor,
) -> Result<(ApiKey, FreshKey), AccountError> {
    let mut tx = accounts.db().begin("auth.key").await?;
    let now = tx.now();
    new.check(now)?;
    within(new.permissions, may)?;
    if api_keys::count_live(&mut tx).await? >= KEYS_MAX {
        return Err(AccountError::TooMany {
            what: "API keys that are not revoked",
            most: KEYS_MAX,
        });
    }
    let fresh = FreshKey::from_bytes(platform::random::bytes(), platform::random::bytes());
    let key = ApiKey {
        id: ApiKeyId::new(),
        name: new.name,
        prefix: fresh.prefix.clone(),
        permissions: new.permissions,
        rate_per_s: new.rate_per_s,
        made_by,
        created_at: now,
        expires_at: new.expires_at,
        last_used_at: None,
        revoked_at: None,
    };
    api_keys::insert(&mut tx, &key, &api_key::hash(&fresh.text)).await?;
    record(&mut tx, actor, &[Entry::created("api_key.create", key.id.uuid(), &key)?]).await?;
    tx.commit().await?;
    accounts.authority().refresh(accounts.db()).await?;
    Ok((key, fresh))
}

/// Revokes a key; doing so again changes nothing.
pub(crate) async fn revoke_key(
    accounts: &Accounts,
    id: ApiKeyId,
    actor: &Actor,
) -> Result<(), AccountError> {
    let mut tx = accounts.db().begin("auth.key").await?;
    let before = api_keys::by_id(&mut tx, id).await?.ok_or(AccountError::Absent("API key"))?;
    if !api_keys::revoke(&mut tx, id).await? {
        return Ok(());
    }
    let after = ApiKey { revoked_at: Some(tx.now()), ..before };
    record(&mut tx, actor, &[revoked(&after)?]).await?;
    tx.commit().await?;
    accounts.authority().refresh(accounts.db()).await?;
    Ok(())
}

/// Revokes the keys that somebody made, in the unit of work of what they go with.
pub(super) async fn revoke_all(tx: &mut Tx, maker: CustomerId, actor: &Actor) -> sql::Result<()> {
    let gone = api_keys::revoke_of_maker(tx, maker).await?;
    let entries: Vec<Entry> = gone.iter().map(revoked).collect::<sql::Result<_>>()?;
    record(tx, actor, &entries).await
}

fn revoked(after: &ApiKey) -> sql::Result<Entry> {
    let before = ApiKey { revoked_at: None, ..after.clone() };
    Entry::changed("api_key.revoke", after.id.uuid(), &before, after)
}
