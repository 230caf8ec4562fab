//! Giving back what was taken for an order, to where it was taken from.

use chrono::TimeDelta;
use kernel::events::CreditGivenBack;
use kernel::id::{ChangeId, CreditAccountId, OrderId};
use kernel::{Money, Timestamp};
use platform::fault;
use platform::sql::{Error as SqlError, Tx};

use crate::Credits;
use crate::domain::movement::{Kind, NewMovement};
use crate::domain::share::share;
use crate::error::{Error, Result};
use crate::store::{self, CREDIT_SPENT, orders};

/// Gives back whatever is left for an order that came to nothing, and forbids to take for it.
pub async fn release(credits: &Credits, order: OrderId) -> Result<()> {
    let mut tx = credits.db.begin("credit.release").await?;
    orders::release(&mut tx, order).await?;
    give(&mut tx, order, None, i64::MAX, credits.settings.prolonged()).await?;
    Ok(tx.commit().await?)
}

/// The same in a unit of work, for an order that something was taken for.
pub async fn release_in(tx: &mut Tx, order: OrderId, prolonged: TimeDelta) -> Result<()> {
    if orders::release_known(tx, order).await? {
        give(tx, order, None, i64::MAX, prolonged).await?;
    }
    Ok(())
}

/// Gives back of an amount what was taken for the order, once for each change. What is given.
pub async fn give_back(
    credits: &Credits,
    order: OrderId,
    change: ChangeId,
    amount: Money,
) -> Result<Money> {
    let mut tx = credits.db.begin("credit.give_back").await?;
    let mut given = 0;
    if orders::hold(&mut tx, order).await? {
        given = orders::given_for(&mut tx, order, change).await?;
        if given == 0 {
            let prolonged = credits.settings.prolonged();
            given = give(&mut tx, order, Some(change), amount.minor(), prolonged).await?;
        }
    }
    tx.commit().await?;
    Ok(Money::from_minor(given, amount.currency()))
}

/// The order's row is held: what is left to give back stays so. What was taken last is given back first.
async fn give(
    tx: &mut Tx,
    order: OrderId,
    change: Option<ChangeId>,
    at_most: i64,
    prolonged: TimeDelta,
) -> Result<i64> {
    if change.is_none() && fault::bug("credit_is_not_given_back") {
        return Ok(0);
    }
    let parts = orders::parts(tx, order).await?;
    let shares = share(at_most, parts.iter().map(|part| part.left_minor));
    let given: Vec<_> = parts.iter().zip(shares).filter(|(_, minor)| *minor > 0).collect();
    if given.is_empty() {
        return Ok(0);
    }
    let amounts: Vec<(CreditAccountId, i64)> =
        given.iter().map(|(part, minor)| (part.account_id, *minor)).collect();
    let lost = || SqlError::Inconsistent(format!("order {order} was paid with more than is spent"));
    let changed = CREDIT_SPENT.give(tx, &amounts).await?.map_err(|_| lost())?;
    if !orders::give(tx, order, &amounts).await? {
        return Err(lost().into());
    }
    let until: Timestamp = tx.now() + prolonged;
    let ids: Vec<CreditAccountId> = amounts.iter().map(|(id, _)| *id).collect();
    store::prolong(tx, &ids, until).await?;
    let step = change.map_or_else(|| "release".to_owned(), |change| change.to_string());
    let mut movements = Vec::with_capacity(given.len());
    for (part, minor) in given {
        let id = part.account_id;
        let of_account = changed.iter().find(|changed| changed.key == id.to_string());
        let version = of_account.map(|changed| changed.version).ok_or_else(lost)?;
        let event = CreditGivenBack {
            account_id: id,
            kind: part.kind,
            amount: Money::from_minor(minor, part.currency),
            order_id: Some(order),
            change_id: change,
        };
        tx.emit(&event, version)?;
        movements.push(NewMovement {
            account_id: id,
            kind: Kind::GiveBack,
            amount_minor: minor,
            order_id: Some(order),
            change_id: change,
            key: format!("{order}/give_back/{step}/{id}"),
            reason: None,
        });
    }
    if !store::post(tx, &movements).await? {
        return Err(Error::Stale);
    }
    Ok(amounts.iter().map(|(_, minor)| minor).sum())
}
