//! The keys that entries are committed to with: one for each subject, which can be destroyed.

use std::collections::HashMap;

use kernel::id::EventId;
use platform::audit::{self, Actor, Entry};
use platform::sql::{self, Tx};
use serde_json::json;
use uuid::Uuid;

use crate::domain::leaf::SubjectKey;
use crate::error::{Error, Result};
use crate::store::NewKey;
use crate::{Notary, store};

impl Notary {
    /// The live key of each of these subjects with its id; one is made for who has none.
    pub(crate) async fn keys_for(
        &self,
        tx: &mut Tx,
        subjects: impl Iterator<Item = Uuid>,
    ) -> Result<HashMap<Uuid, (Uuid, SubjectKey)>> {
        let mut subjects: Vec<Uuid> = subjects.collect();
        subjects.sort_unstable();
        subjects.dedup();
        let mut keys = HashMap::with_capacity(subjects.len());
        for (subject, id, sealed) in store::live_keys(tx, &subjects).await? {
            keys.insert(subject, (id, self.opened(id, &sealed)?));
        }
        let mut made = Vec::new();
        for subject in
            subjects.into_iter().filter(|subject| !keys.contains_key(subject)).collect::<Vec<_>>()
        {
            let (id, key) = (EventId::new().uuid(), platform::random::bytes());
            let sealed_key = self.vault().seal(id.as_bytes(), &key).ok_or(Error::Vault)?;
            made.push(NewKey { id, subject, sealed_key: hex::encode(sealed_key) });
            keys.insert(subject, (id, key));
        }
        if !made.is_empty() {
            store::make_keys(tx, &made).await?;
        }
        Ok(keys)
    }

    /// A key as it was before it was sealed.
    pub(crate) fn opened(&self, id: Uuid, sealed: &[u8]) -> Result<SubjectKey> {
        let key = self.vault().unseal(id.as_bytes(), sealed);
        key.and_then(|key| key.try_into().ok()).ok_or(Error::Vault)
    }

    /// Destroys the key of a subject: what the log has of it says nothing to anybody from then on, and
    /// every proof stays good. Answers whether there was one.
    pub async fn forget(&self, subject: Uuid, actor: &Actor) -> Result<bool> {
        let mut tx = self.db().begin("notary.forget").await?;
        let destroyed = forget_in(&mut tx, subject, actor).await?;
        tx.commit().await?;
        Ok(destroyed)
    }
}

/// Destroys the key of a subject in a unit of work.
pub(crate) async fn forget_in(tx: &mut Tx, subject: Uuid, actor: &Actor) -> sql::Result<bool> {
    let destroyed = store::destroy(tx, subject).await?;
    if destroyed {
        let entry = Entry::done("ledger.forget", subject, &json!({"key": "destroyed"}))?;
        audit::record(tx, actor, &[entry]).await?;
    }
    Ok(destroyed)
}
