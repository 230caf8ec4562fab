//! What roles and API keys may do, kept in memory: callers are judged without the database.
//!
//! This node hears of its own changes at once; those of other nodes are looked up.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError, RwLock};

use kernel::id::{ApiKeyId, CustomerId};
use kernel::ports::Role;
use kernel::{Permissions, Timestamp};
use platform::sql::{self, Db};

use crate::domain::api_key::USE_NOTED_EVERY;
use crate::store::api_keys::StoredKey;
use crate::store::{api_keys, roles};

/// A key that can be used until it expires.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyGrant {
    pub id: ApiKeyId,
    pub made_by: CustomerId,
    pub permissions: Permissions,
    pub rate_per_s: Option<u32>,
    pub expires_at: Option<Timestamp>,
}

#[derive(Default)]
struct Known {
    /// The roles that the shop made, by name.
    roles: HashMap<String, Permissions>,
    /// The keys that are not revoked, by hash.
    keys: HashMap<String, KeyGrant>,
}

impl Known {
    /// None for a role that nobody knows.
    fn permissions(&self, role: &str) -> Option<Permissions> {
        let built_in = role.parse().ok().map(Role::permissions);
        built_in.or_else(|| self.roles.get(role).copied())
    }

    /// A key may never do more than whoever made it may today.
    fn grant(&self, stored: &StoredKey) -> KeyGrant {
        let maker = self.permissions(&stored.maker_role).unwrap_or_default();
        KeyGrant {
            id: stored.key.id,
            made_by: stored.key.made_by,
            permissions: stored.key.permissions.and(maker),
            rate_per_s: stored.key.rate_per_s,
            expires_at: stored.key.expires_at,
        }
    }
}

/// Roles and keys.
#[derive(Default)]
pub(crate) struct Authority {
    known: RwLock<Known>,
    uses: Mutex<Uses>,
}

/// When keys were used.
#[derive(Default)]
struct Uses {
    /// What is not written down yet.
    fresh: HashMap<ApiKeyId, Timestamp>,
    /// What was written down last.
    noted: HashMap<ApiKeyId, Timestamp>,
}

impl Authority {
    /// Looks everything up, whoever changed it.
    pub(crate) async fn refresh(&self, db: &Db) -> sql::Result<()> {
        let (roles, keys) = (roles::all(db).await?, api_keys::live(db).await?);
        let roles = roles.into_iter().map(|role| (role.name, role.permissions)).collect();
        let mut known = Known { roles, keys: HashMap::new() };
        known.keys = keys.into_iter().map(|key| (key.hash.clone(), known.grant(&key))).collect();
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = known;
        Ok(())
    }

    /// What a role may do; None for one that nobody knows.
    pub(crate) async fn permissions(
        &self,
        db: &Db,
        role: &str,
    ) -> sql::Result<Option<Permissions>> {
        let known = || self.known.read().unwrap_or_else(PoisonError::into_inner).permissions(role);
        if let Some(permissions) = known() {
            return Ok(Some(permissions));
        }
        // Another node may just have made it.
        if roles::find(db, role).await?.is_some() {
            self.refresh(db).await?;
        }
        Ok(known())
    }

    /// The key with a hash, if it is not revoked.
    pub(crate) async fn key(&self, db: &Db, hash: &str) -> sql::Result<Option<KeyGrant>> {
        let known =
            || self.known.read().unwrap_or_else(PoisonError::into_inner).keys.get(hash).copied();
        if let Some(grant) = known() {
            return Ok(Some(grant));
        }
        if api_keys::by_hash(db, hash).await?.is_some() {
            self.refresh(db).await?;
        }
        Ok(known())
    }

    /// Notes that a key was used.
    pub(crate) fn used(&self, key: ApiKeyId, at: Timestamp) {
        self.uses.lock().unwrap_or_else(PoisonError::into_inner).fresh.insert(key, at);
    }

    /// Writes down when keys were used, each at most once a minute.
    pub(crate) async fn write_uses(&self, db: &Db) -> sql::Result<()> {
        let due = self.due();
        if due.is_empty() {
            return Ok(());
        }
        let mut tx = db.begin("auth.key_uses").await?;
        api_keys::note_uses(&mut tx, &due).await?;
        tx.commit().await?;
        let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, at) in due {
            uses.noted.insert(key, at);
            if uses.fresh.get(&key) == Some(&at) {
                uses.fresh.remove(&key);
            }
        }
        Ok(())
    }

    fn due(&self) -> Vec<(ApiKeyId, Timestamp)> {
        let uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        let due = |key: &ApiKeyId, at: Timestamp| {
            uses.noted.get(key).is_none_or(|noted| at - *noted >= USE_NOTED_EVERY)
        };
        uses.fresh.iter().filter(|(key, at)| due(key, **at)).map(|(key, at)| (*key, *at)).collect()
    }
}
