//! Taking for an order.

use kernel::events::CreditSpent;
use kernel::id::{CreditAccountId, CustomerId, OrderId};
use kernel::ports::{CreditPart, CreditReason};

use crate::Credits;
use crate::domain::movement::{Kind, NewMovement};
use crate::error::{Error, Result};
use crate::store::{self, CREDIT_SPENT, orders};

/// Takes all parts or none, once for the order. The guard holds the rows of the accounts, so that they are looked at
/// as they stay until the commit.
pub async fn spend(
    credits: &Credits,
    order: OrderId,
    customer: CustomerId,
    parts: &[CreditPart],
) -> Result<()> {
    let mut tx = credits.db.begin("credit.spend").await?;
    if !orders::open(&mut tx, order).await? {
        if orders::is_released(&mut tx, order).await? {
            return Err(Error::Refused(CreditReason::OrderEnded, None));
        }
        return Ok(tx.commit().await?);
    }
    let amounts: Vec<_> = parts.iter().map(|it| (it.account_id, it.amount.minor())).collect();
    if CREDIT_SPENT.take(&mut tx, &amounts).await?.is_err() {
        return Err(Error::Refused(CreditReason::Spent, None));
    }
    let ids: Vec<CreditAccountId> = parts.iter().map(|part| part.account_id).collect();
    let accounts = store::all_held(&mut tx, &ids).await?;
    let now = tx.now();
    let mut movements = Vec::with_capacity(parts.len());
    for (at, part) in parts.iter().enumerate() {
        let account = accounts.iter().find(|account| account.id == part.account_id);
        let account = account.ok_or(Error::Refused(CreditReason::Unknown, Some(at)))?;
        let refused = |reason| Error::Refused(reason, Some(at));
        account.check(customer, part.amount.currency(), now).map_err(refused)?;
        let event = CreditSpent {
            account_id: account.id,
            kind: account.kind,
            amount: part.amount,
            order_id: Some(order),
            change_id: None,
        };
        tx.emit(&event, account.version)?;
        movements.push(NewMovement {
            account_id: account.id,
            kind: Kind::Spend,
            amount_minor: -part.amount.minor(),
            order_id: Some(order),
            change_id: None,
            key: format!("{order}/spend/{}", account.id),
            reason: None,
        });
    }
    orders::keep(&mut tx, order, parts).await?;
    if !store::post(&mut tx, &movements).await? {
        return Err(Error::Stale);
    }
    Ok(tx.commit().await?)
}
