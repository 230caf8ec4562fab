//! Keys that this process has unwrapped, and how others get them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kernel::id::{CustomerId, EventId};
use kernel::ports::{DataKey, PersonKey, PersonKeys, PersonKeysError, Purpose, Unavailable};
use moka::sync::Cache;
use secrecy::SecretBox;
use uuid::Uuid;

use crate::error::Error;
use crate::{Privacy, store};

/// How many keys are at hand.
const KEYS_MAX: u64 = 50_000;
/// For how long: a key that another node destroyed is gone from here after that.
const AT_HAND: Duration = Duration::from_mins(1);

/// Unwrapped keys, by their ids and by whom they were made for.
pub struct AtHand {
    by_id: Cache<Uuid, Arc<PersonKey>>,
    own: Cache<(CustomerId, Purpose), Arc<PersonKey>>,
}

impl Default for AtHand {
    fn default() -> Self {
        Self {
            by_id: Cache::builder().max_capacity(KEYS_MAX).time_to_live(AT_HAND).build(),
            own: Cache::builder()
                .max_capacity(KEYS_MAX)
                .time_to_live(AT_HAND)
                .support_invalidation_closures()
                .build(),
        }
    }
}

impl AtHand {
    /// Drops keys that were destroyed.
    pub fn forget(&self, keys: &[Uuid]) {
        for key in keys {
            self.by_id.invalidate(key);
        }
        let gone = keys.to_vec();
        // It fails for a cache that was built without such closures.
        let _ = self.own.invalidate_entries_if(move |_, key| gone.contains(&key.id));
    }
}

impl Privacy {
    /// The key of somebody; one is made for whoever has none. Of two who make it at once, one wins.
    async fn own(
        &self,
        person: CustomerId,
        purpose: Purpose,
    ) -> Result<Option<Arc<PersonKey>>, Error> {
        if let Some(key) = self.0.at_hand.own.get(&(person, purpose)) {
            return Ok(Some(key));
        }
        let mut found = store::own(self.db(), person, purpose).await?;
        if found.is_none() {
            self.make(person, purpose).await?;
            found = store::own(self.db(), person, purpose).await?;
        }
        let Some((id, Some(wrapped))) = found else { return Ok(None) };
        let key = self.unwrapped(id, &wrapped).await?;
        self.0.at_hand.own.insert((person, purpose), key.clone());
        self.0.at_hand.by_id.insert(id, key.clone());
        Ok(Some(key))
    }

    async fn make(&self, person: CustomerId, purpose: Purpose) -> Result<(), Error> {
        let id = EventId::new().uuid();
        let key: DataKey =
            SecretBox::init_with_mut(|key: &mut [u8; 32]| *key = platform::random::bytes());
        let wrapped = self.wrapping().wrap(&wrapped_for(id), &key).await;
        let wrapped = wrapped.map_err(|source| Error::Wrapping { id, source })?;
        let mut tx = self.db().begin("privacy.key").await?;
        store::insert(&mut tx, id, person, purpose, &wrapped).await?;
        Ok(tx.commit().await?)
    }

    /// A key as it was before it was wrapped.
    pub(crate) async fn unwrapped(
        &self,
        id: Uuid,
        wrapped: &[u8],
    ) -> Result<Arc<PersonKey>, Error> {
        let key = self.wrapping().unwrap(&wrapped_for(id), wrapped).await;
        let key = key.map_err(|source| Error::Wrapping { id, source })?;
        Ok(Arc::new(PersonKey { id, key }))
    }

    /// A key, wrapped by the newest key that wraps; None when it is already.
    pub(crate) async fn wrapped_again(
        &self,
        id: Uuid,
        wrapped: &[u8],
    ) -> Result<Option<Vec<u8>>, Error> {
        let failed = |source| Error::Wrapping { id, source };
        if self.wrapping().is_newest(wrapped).await.map_err(failed)? {
            return Ok(None);
        }
        let plain = self.unwrapped(id, wrapped).await?;
        let again = self.wrapping().wrap(&wrapped_for(id), &plain.key).await;
        again.map(Some).map_err(failed)
    }

    async fn these(&self, ids: &[Uuid]) -> Result<Vec<Arc<PersonKey>>, Error> {
        let known = |id: &Uuid| self.0.at_hand.by_id.get(id);
        let mut keys: Vec<_> = ids.iter().filter_map(known).collect();
        if keys.len() == ids.len() {
            return Ok(keys);
        }
        let has = |id: &Uuid| keys.iter().any(|key| key.id == *id);
        let others: Vec<Uuid> = ids.iter().copied().filter(|id| !has(id)).collect();
        let found = store::by_ids(self.db(), &others).await?;
        if let Some(id) = others.into_iter().find(|id| !found.iter().any(|(known, _)| known == id))
        {
            return Err(Error::Unknown { id });
        }
        let live = found.into_iter().filter_map(|(id, wrapped)| Some((id, wrapped?)));
        for (id, wrapped) in live {
            let key = self.unwrapped(id, &wrapped).await?;
            self.0.at_hand.by_id.insert(id, key.clone());
            keys.push(key);
        }
        Ok(keys)
    }
}

#[async_trait]
impl PersonKeys for Privacy {
    async fn of(
        &self,
        person: CustomerId,
        purpose: Purpose,
    ) -> Result<Option<Arc<PersonKey>>, Unavailable> {
        Ok(self.own(person, purpose).await?)
    }

    async fn by_ids(&self, ids: &[Uuid]) -> Result<Vec<Arc<PersonKey>>, PersonKeysError> {
        Ok(self.these(ids).await?)
    }
}

/// What a key is wrapped for: its own row, so that none can stand in another's.
fn wrapped_for(id: Uuid) -> String {
    format!("person:{}", id.simple())
}
