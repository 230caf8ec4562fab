//! Keeping a card.

use kernel::card::Card;

use crate::domain::seal;
use crate::error::Error;
use crate::{CardOnFile, Vault, store};

/// How often a key that was retired in this very moment is looked up anew.
const KEYS_TRIED_MAX: u32 = 3;

/// Keeps a card. Whoever charges cards is told first: a token that only they know is given to nobody.
pub async fn keep(vault: &Vault, card: Card) -> Result<CardOnFile, Error> {
    let kept = CardOnFile {
        token: format!("tok_{}", platform::random::token()),
        fingerprint: seal::fingerprint(vault.keys.fingerprint(), &card.number),
        brand: card.number.brand().to_owned(),
        last4: card.number.last4(),
        exp_month: card.exp_month,
        exp_year: card.exp_year,
    };
    vault.acceptor.accept(&kept.token, &kept.fingerprint, &card).await?;
    let (mut id, mut key) = vault.keys.current().await?;
    for _ in 0..KEYS_TRIED_MAX {
        let sealed = seal::seal(&key, &kept.token, &card.number).ok_or(Error::NotSealed)?;
        let mut tx = vault.db.begin("vault.keep").await?;
        let is_kept = store::insert_card(&mut tx, &kept, (id, &sealed)).await?;
        tx.commit().await?;
        if is_kept {
            return Ok(kept);
        }
        (id, key) = vault.keys.refresh().await?;
    }
    Err(Error::NoKey(id))
}
