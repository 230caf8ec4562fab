//! Store credit that comes to a customer.

use kernel::Money;
use kernel::events::{CreditIssued, CreditRefunded};
use kernel::id::{ChangeId, CustomerId, OrderId};
use platform::audit::{Actor, Entry, record};
use platform::sql::{Error as SqlError, Tx};

use super::issue::{Told, by_staff, known};
use crate::Credits;
use crate::domain::account::Account;
use crate::domain::movement::{Kind, NewMovement};
use crate::error::{Error, Result};
use crate::store;

/// Gives a customer store credit for nothing, once for the key.
pub async fn grant(
    credits: &Credits,
    customer: CustomerId,
    amount: Money,
    reason: &str,
    key: &str,
    actor: &Actor,
) -> Result<Account> {
    let mut tx = credits.db.begin("credit.grant").await?;
    if let Some(known) = known(&mut tx, key, amount).await? {
        tx.commit().await?;
        return Ok(known);
    }
    let account = store::store_credit(&mut tx, customer, amount.currency()).await?;
    let account = add(&mut tx, account, amount).await?;
    let event = CreditIssued {
        account_id: account.id,
        kind: account.kind,
        amount,
        order_id: None,
        change_id: None,
    };
    tx.emit(&event, account.version)?;
    let movement = by_staff(account.id, Kind::Issue, amount, key, Some(reason));
    if !store::post(&mut tx, &[movement]).await? {
        return Err(Error::Stale);
    }
    let told = Told { amount, reason: Some(reason) };
    record(&mut tx, actor, &[Entry::done("credit.grant", customer.uuid(), &told)?]).await?;
    tx.commit().await?;
    Ok(account)
}

/// Makes money of an order store credit of its customer, once for the change.
pub async fn refund(
    credits: &Credits,
    order: OrderId,
    customer: CustomerId,
    change: ChangeId,
    amount: Money,
) -> Result<()> {
    let mut tx = credits.db.begin("credit.refund").await?;
    let key = format!("{order}/refund/{change}");
    // Held first: of two that ask at once the second finds what the first has written.
    let account = store::store_credit(&mut tx, customer, amount.currency()).await?;
    store::held(&mut tx, account.id).await?;
    if store::by_key(&mut tx, &key).await?.is_some() {
        return Ok(tx.commit().await?);
    }
    let account = add(&mut tx, account, amount).await?;
    let event = CreditRefunded {
        account_id: account.id,
        kind: account.kind,
        amount,
        order_id: Some(order),
        change_id: Some(change),
    };
    tx.emit(&event, account.version)?;
    let movement = NewMovement {
        account_id: account.id,
        kind: Kind::Refund,
        amount_minor: amount.minor(),
        order_id: Some(order),
        change_id: Some(change),
        key,
        reason: None,
    };
    if !store::post(&mut tx, &[movement]).await? {
        return Err(Error::Stale);
    }
    Ok(tx.commit().await?)
}

/// Adds to a customer's store credit.
async fn add(tx: &mut Tx, mut account: Account, amount: Money) -> Result<Account> {
    let version = store::add(tx, account.id, amount.minor()).await?;
    let ended = || SqlError::Inconsistent(format!("store credit {} takes nothing", account.id));
    account.version = version.ok_or_else(ended)?;
    account.value_minor += amount.minor();
    Ok(account)
}
