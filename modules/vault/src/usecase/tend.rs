//! Sealing cards again whose key is retired, and deleting what is not needed any more.

use chrono::{Datelike, TimeDelta};

use crate::domain::seal;
use crate::error::Error;
use crate::{Vault, store};

/// How many cards one round seals or deletes.
const ROUND_MAX: i64 = 100;

/// One round. Whether there may be more to do at once.
pub async fn round(vault: &Vault) -> Result<bool, Error> {
    let sealed = seal_again(vault).await?;
    let forgot = forget(vault).await?;
    Ok(sealed || forgot)
}

/// A card that does not open is passed over: it is no reason to keep the others under an old key.
async fn seal_again(vault: &Vault) -> Result<bool, Error> {
    let old = store::sealed_before(&vault.db, ROUND_MAX).await?;
    if old.is_empty() {
        return Ok(false);
    }
    let (id, key) = vault.keys.refresh().await?;
    let mut again = Vec::with_capacity(old.len());
    for card in &old {
        let before = vault.keys.by_id(card.data_key).await?;
        let Some(number) = seal::unseal(&before, &card.token, &card.sealed) else {
            tracing::error!(data_key = %card.data_key, "a card does not open; see `stoa verify`");
            continue;
        };
        again.push((card, seal::seal(&key, &card.token, &number).ok_or(Error::NotSealed)?));
    }
    let mut tx = vault.db.begin("vault.seal_again").await?;
    for (card, sealed) in &again {
        store::seal_again(&mut tx, &card.token, card.data_key, (id, sealed)).await?;
    }
    tx.commit().await?;
    Ok(!again.is_empty())
}

/// Deletes keys that no card needs any more, and cards that expired long ago.
async fn forget(vault: &Vault) -> Result<bool, Error> {
    let kept_for = TimeDelta::days(vault.settings.keep_expired_days.into());
    let Some(then) = vault.db.clock().now().checked_sub_signed(kept_for) else { return Ok(false) };
    let mut tx = vault.db.begin("vault.forget").await?;
    store::delete_keys(&mut tx).await?;
    let (year, month) = (i64::from(then.year()), i64::from(then.month()));
    let gone = store::delete_expired(&mut tx, year, month, ROUND_MAX).await?;
    tx.commit().await?;
    Ok(i64::try_from(gone) == Ok(ROUND_MAX))
}
