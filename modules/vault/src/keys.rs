//! The data keys of this vault, unwrapped and at hand.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use kernel::ports::{DataKey, Keys};
use platform::sql::Db;
use secrecy::SecretBox;
use uuid::Uuid;

use crate::error::Error;
use crate::store::{self, Purpose};

/// Data keys by their ids. A key is unwrapped once in a process.
pub struct KeyRing {
    db: Db,
    keys: Arc<dyn Keys>,
    at_hand: RwLock<HashMap<Uuid, Arc<DataKey>>>,
    current: RwLock<Uuid>,
    fingerprint: Arc<DataKey>,
}

impl KeyRing {
    /// Makes the first keys when there are none, and has those at hand that are in use.
    pub async fn open(db: Db, keys: Arc<dyn Keys>) -> Result<Self, Error> {
        let (_, fingerprint) = in_use(&db, &*keys, Purpose::Fingerprint).await?;
        let (current, key) = in_use(&db, &*keys, Purpose::Card).await?;
        let at_hand = RwLock::new(HashMap::from([(current, key)]));
        Ok(Self { db, keys, at_hand, current: RwLock::new(current), fingerprint })
    }

    /// The key that tells the same card again.
    pub fn fingerprint(&self) -> &DataKey {
        &self.fingerprint
    }

    /// The key that seals new cards, as far as this process knows.
    pub async fn current(&self) -> Result<(Uuid, Arc<DataKey>), Error> {
        let id = *self.current.read().unwrap_or_else(PoisonError::into_inner);
        Ok((id, self.by_id(id).await?))
    }

    /// Looks up which key seals new cards, after this or another process has made one.
    pub async fn refresh(&self) -> Result<(Uuid, Arc<DataKey>), Error> {
        let (id, key) = in_use(&self.db, &*self.keys, Purpose::Card).await?;
        self.remember(id, key.clone());
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = id;
        Ok((id, key))
    }

    /// A key that some card was sealed under.
    pub async fn by_id(&self, id: Uuid) -> Result<Arc<DataKey>, Error> {
        let known = self.at_hand.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
        if let Some(key) = known {
            return Ok(key);
        }
        let wrapped = store::data_key(&self.db, id).await?.ok_or(Error::NoKey(id))?;
        let key = Arc::new(self.keys.unwrap(Purpose::Card.word(), &wrapped).await?);
        self.remember(id, key.clone());
        Ok(key)
    }

    /// A new key and its wrapped form.
    pub async fn fresh(&self, purpose: Purpose) -> Result<Vec<u8>, Error> {
        Ok(self.keys.wrap(purpose.word(), &random()).await?)
    }

    /// The same key wrapped by whatever wraps now.
    pub async fn wrapped_again(&self, purpose: Purpose, wrapped: &[u8]) -> Result<Vec<u8>, Error> {
        let key = self.keys.unwrap(purpose.word(), wrapped).await?;
        Ok(self.keys.wrap(purpose.word(), &key).await?)
    }

    fn remember(&self, id: Uuid, key: Arc<DataKey>) {
        self.at_hand.write().unwrap_or_else(PoisonError::into_inner).insert(id, key);
    }
}

/// The key of a purpose that is in use; of two processes that make the first one, one wins.
async fn in_use(db: &Db, keys: &dyn Keys, purpose: Purpose) -> Result<(Uuid, Arc<DataKey>), Error> {
    let mut found = store::key_in_use(db, purpose).await?;
    if found.is_none() {
        let wrapped = keys.wrap(purpose.word(), &random()).await?;
        let mut tx = db.begin("vault.first_key").await?;
        store::insert_key(&mut tx, purpose, &wrapped).await?;
        tx.commit().await?;
        found = store::key_in_use(db, purpose).await?;
    }
    let missing = || platform::sql::Error::Inconsistent("no data key".to_owned());
    let (id, wrapped) = found.ok_or_else(missing)?;
    Ok((id, Arc::new(keys.unwrap(purpose.word(), &wrapped).await?)))
}

fn random() -> DataKey {
    SecretBox::init_with_mut(|key: &mut [u8; 32]| *key = platform::random::bytes())
}
