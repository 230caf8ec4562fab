//! A new data key.

use platform::audit::{self, Actor, Entry};

use crate::error::Error;
use crate::store::Purpose;
use crate::{Vault, store};

/// Makes a data key and retires the one before it. Every key is wrapped again, so that a new key that wraps
/// takes all of them over.
pub async fn rotate(vault: &Vault, actor: &Actor) -> Result<(), Error> {
    let wrapped = vault.keys.fresh(Purpose::Card).await?;
    let mut again = Vec::new();
    for (id, purpose, before) in store::data_keys(&vault.db).await? {
        let Some(purpose) = Purpose::from_word(&purpose) else { continue };
        let after = vault.keys.wrapped_again(purpose, &before).await?;
        again.push((id, before, after));
    }
    let mut tx = vault.db.begin("vault.rotate").await?;
    store::retire(&mut tx).await?;
    store::insert_key(&mut tx, Purpose::Card, &wrapped).await?;
    for (id, before, after) in &again {
        store::wrap_again(&mut tx, *id, before, after).await?;
    }
    let subject = audit::named("vault", "data_key");
    audit::record(&mut tx, actor, &[Entry::done("vault.rotate", subject, &"card")?]).await?;
    tx.commit().await?;
    vault.keys.refresh().await.map(drop)
}
