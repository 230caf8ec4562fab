//! The end of gift cards whose time is over.

use kernel::Money;
use kernel::events::CreditExpired;
use kernel::id::CreditAccountId;

use crate::Credits;
use crate::domain::movement::{Kind, NewMovement};
use crate::error::{Error, Result};
use crate::store;

/// How many cards end in one unit of work.
const BATCH: u32 = 100;

/// Ends some of the cards whose time is over. Whether there may be more.
pub async fn expire(credits: &Credits) -> Result<bool> {
    let mut tx = credits.db.begin("credit.expire").await?;
    let cards = store::expiring(&mut tx, i64::from(BATCH)).await?;
    if cards.is_empty() {
        tx.commit().await?;
        return Ok(false);
    }
    let ids: Vec<CreditAccountId> = cards.iter().map(|card| card.id).collect();
    store::expire(&mut tx, &ids).await?;
    let mut movements = Vec::new();
    for card in cards.iter().filter(|card| card.left() > 0) {
        let event = CreditExpired {
            account_id: card.id,
            kind: card.kind,
            amount: Money::from_minor(card.left(), card.currency),
            order_id: None,
            change_id: None,
        };
        tx.emit(&event, card.version + 1)?;
        movements.push(NewMovement {
            account_id: card.id,
            kind: Kind::Expire,
            amount_minor: -card.left(),
            order_id: None,
            change_id: None,
            // It may come back and end again.
            key: format!("{}/expire/{}", card.id, card.version + 1),
            reason: None,
        });
    }
    if !movements.is_empty() && !store::post(&mut tx, &movements).await? {
        return Err(Error::Stale);
    }
    tx.commit().await?;
    Ok(ids.len() == BATCH as usize)
}
